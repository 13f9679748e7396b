/**
 * Where eigenproblems are solved that need not be done at once: by Jacobi on the device, or on the host.
 * Per size, whatever keeps training waiting for less, as measured on this adapter and this host.
 *
 * @module
 */

import type { EighJob, EighOptions, EighTicket } from "../../backend.ts";
import type { Kernels } from "../../kernels.ts";
import type { OpenDevice } from "../device/adapter.ts";
import { DeviceClock } from "./device_clock.ts";
import { TuningCache } from "../device/gpu_options.ts";
import type { HostEigensolver } from "./host_eigensolver.ts";
import type { Machine } from "../device/machine.ts";

/** Milliseconds per matrix of a size. */
interface Costs {
  /** Of the thread that trains. */
  host?: number;
  /** Of the device. */
  device?: number;
}

/** Chooses for one machine. */
export class EigenChoice {
  readonly #machine: Machine;
  readonly #host: HostEigensolver;
  readonly #solve: Kernels["eigh"];
  readonly #adapter: string;
  readonly #policy: "auto" | "device" | "host";
  readonly #cache: TuningCache;
  readonly #costs = new Map<number, Costs>();

  /** Takes what the cache knows; `solve` is Jacobi on the device. */
  constructor(
    machine: Machine,
    host: HostEigensolver,
    solve: Kernels["eigh"],
    { adapter, gpu }: OpenDevice,
  ) {
    this.#machine = machine;
    this.#host = host;
    this.#solve = solve;
    this.#adapter = adapter;
    const measurable = DeviceClock.isIn(machine.device);
    const { eigh = "auto", tunings = new TuningCache() } = gpu;
    this.#policy = eigh === "auto" && !measurable ? "device" : eigh;
    this.#cache = tunings;
  }

  /** See {@linkcode Kernels.beginEigh}. */
  begin(jobs: readonly EighJob[], { elsewhere = false }: EighOptions): EighTicket | undefined {
    if (!elsewhere || this.#policy === "device") return undefined;
    const [host, device]: [EighJob[], EighJob[]] = [[], []];
    for (const job of jobs) {
      const n = job.matrix.rows;
      (n > 0 && this.#placeOf(n) === "host" ? host : device).push(job);
    }
    const begun = host.length > 0
      ? this.#host.begin(host, this.#solve, (ms) => this.#note(host, "host", ms))
      : undefined;
    if (begun === undefined) {
      this.#solveTimed(device);
      return { ready: true, finish: () => {} };
    }
    if (device.length > 0) this.#solveTimed(device);
    return begun;
  }

  /** Where problems of a size are solved; both ways are tried once. */
  #placeOf(n: number): "host" | "device" {
    if (this.#policy === "host") return "host";
    const known = this.#cache.get(this.#adapter, `eigh ${n}`);
    if (known !== undefined) return known as "host" | "device";
    return this.#costs.get(n)?.host === undefined ? "host" : "device";
  }

  #solveTimed(jobs: readonly EighJob[]): void {
    const unknown = this.#policy === "auto" &&
      jobs.some(({ matrix: { rows: n } }) =>
        n > 0 && this.#cache.get(this.#adapter, `eigh ${n}`) === undefined
      );
    if (!unknown) return this.#solve(jobs);
    const clock = new DeviceClock(this.#machine);
    clock.time(() => this.#solve(jobs)).then(
      (ms) => this.#note(jobs, "device", ms),
      () => {
        // A lost device is reported to whoever computes with it.
      },
    );
  }

  /** Shares out what was measured by the work of the sizes, and decides where both ways are known. */
  #note(jobs: readonly EighJob[], place: keyof Costs, ms: number): void {
    const work = jobs.reduce((sum, { matrix: { rows: n } }) => sum + n ** 3, 0);
    for (const n of new Set(jobs.map(({ matrix }) => matrix.rows))) {
      const costs = this.#costs.get(n) ?? {};
      this.#costs.set(n, costs);
      costs[place] ??= ms * n ** 3 / work;
      if (costs.host === undefined || costs.device === undefined) continue;
      this.#cache.set(this.#adapter, `eigh ${n}`, costs.host < costs.device ? "host" : "device");
    }
  }
}
