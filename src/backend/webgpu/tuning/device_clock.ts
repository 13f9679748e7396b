/**
 * Time as the device sees it, between two points of its work.
 *
 * @module
 */

import { axpby } from "../device/_kernels.gen.ts";
import type { Machine } from "../device/machine.ts";

/** Two time stamps of one device. */
export class DeviceClock {
  readonly #machine: Machine;

  /** Takes nothing yet. */
  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Whether a device shows its clock. */
  static isIn(device: GPUDevice): boolean {
    return device.features.has("timestamp-query");
  }

  /** Enqueues what `body` enqueues; resolves, after one wait, to the milliseconds it took. */
  async time(body: () => void): Promise<number> {
    const { device, stream } = this.#machine;
    const querySet = device.createQuerySet({ type: "timestamp", count: 2 });
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    const resolved = device.createBuffer({ size: 16, usage: QUERY_RESOLVE | COPY_SRC });
    const staging = device.createBuffer({ size: 16, usage: COPY_DST | MAP_READ });
    try {
      // A pass begins when what precedes it is done: the stamps are those of two passes around the body.
      stream.timed({ querySet, endOfPassWriteIndex: 0 }, () => this.#touch());
      body();
      stream.timed({ querySet, beginningOfPassWriteIndex: 1 }, () => this.#touch());
      stream.submit();
      const encoder = device.createCommandEncoder();
      encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, staging, 0, 16);
      device.queue.submit([encoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ);
      const [begin, end] = new BigUint64Array(staging.getMappedRange());
      return Number(end - begin) / 1e6;
    } finally {
      querySet.destroy();
      resolved.destroy();
      staging.destroy();
    }
  }

  /** The least that can be dispatched. */
  #touch(): void {
    const machine = this.#machine;
    machine.scope(() => {
      const y = machine.temporary(1, 1);
      machine.run(axpby, { y, x: 0, alpha: 0, beta: 0 }, { rows: 1, cols: 1 }, [1, 1, 1]);
    });
  }
}
