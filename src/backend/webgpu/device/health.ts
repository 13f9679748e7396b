/**
 * Whether a device still works. Errors of WebGPU come late and on the side; here they are kept until
 * somebody calls, and thrown then.
 *
 * @module
 */

import { BackendError } from "../../../core/errors.ts";

/** Watches one device. */
export class DeviceHealth {
  /** Resolves when the device is lost. */
  readonly announced: Promise<void>;
  /** Why it was lost; `undefined` while it works. */
  reason: string | undefined;
  readonly #device: GPUDevice;
  #trouble: string | undefined;

  /** Begins to watch. */
  constructor(device: GPUDevice) {
    this.#device = device;
    this.announced = device.lost.then(({ reason, message }) => {
      this.reason = message || reason || "unknown reason";
      this.#trouble = `device lost: ${this.reason}`;
    });
    device.addEventListener("uncapturederror", this.#onError);
  }

  /**
   * Throws when the device is lost or has reported an error.
   *
   * @throws {BackendError} With the device's own words.
   */
  check(): void {
    if (this.#trouble !== undefined) throw new BackendError("webgpu", this.#trouble);
  }

  /** Waits for work on the device; what goes wrong is said as {@linkcode DeviceHealth.check} does. */
  async wait<T>(work: Promise<T>): Promise<T> {
    try {
      const result = await work;
      this.check();
      return result;
    } catch (error) {
      if (error instanceof BackendError) throw error;
      // The loss of the device is announced behind the failure of the work that it interrupts.
      let timer: ReturnType<typeof setTimeout> | undefined;
      await Promise.race([
        this.announced,
        new Promise((resolve) => timer = setTimeout(resolve, 100)),
      ]);
      clearTimeout(timer);
      this.check();
      const reason = error instanceof Error ? error.message : String(error);
      throw new BackendError("webgpu", reason, { cause: error });
    }
  }

  /** Stops watching. */
  stop(): void {
    this.#device.removeEventListener("uncapturederror", this.#onError);
  }

  readonly #onError = (event: Event): void => {
    const { message } = (event as GPUUncapturedErrorEvent).error;
    this.#trouble ??= `the device reports: ${message}`;
  };
}
