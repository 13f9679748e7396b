/**
 * Where a bench ran, and whether it had the machine to itself.
 *
 * @module
 */

import os from "node:os";

/** What a reader needs to know of the machine to make sense of a table. */
export interface Machine {
  /** The processor and the number of cores this process may use: `"AMD EPYC, 2 cores"`. */
  readonly name: string;
  /** The runtime: `"Deno 2.9.6, x86_64-unknown-linux-gnu"`. */
  readonly runtime: string;
}

/** The machine this program runs on. */
export function thisMachine(): Machine {
  const cores = navigator.hardwareConcurrency;
  const model = os.cpus()[0]?.model.replaceAll(/\(R\)|\(TM\)|\bCPU\b|@.*$/g, " ") ?? "unknown CPU";
  return {
    name: `${model.replaceAll(/\s+/g, " ").trim()}, ${cores} core${cores === 1 ? "" : "s"}`,
    runtime: `Deno ${Deno.version.deno}, ${Deno.build.target}`,
  };
}

/** The machine's name as the name of a file: `"amd-epyc-2-cores"`. */
export function fileNameOf(machine: Machine): string {
  return machine.name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-|-$/g, "");
}

/** Timings of the same work that scatter more than this were disturbed. */
const QUIET_SPREAD = 1.2;

/** Programs waiting for a core, per core, before the bench started. */
const QUIET_LOAD = 0.35;

/** Watches for other programs that use the same cores. Made before the first measurement. */
export class ContentionWatch {
  readonly #load: number = os.loadavg()[0] / navigator.hardwareConcurrency;

  /**
   * Why figures are not to be trusted, or `undefined` when nothing speaks against them.
   *
   * @param scatter Ratio of the 90th to the 10th percentile of timings of the same work.
   */
  complaint(scatter: number): string | undefined {
    const signs = [
      ...(this.#load > QUIET_LOAD
        ? [`the load was ${this.#load.toFixed(2)} per core before the start`]
        : []),
      ...(scatter > QUIET_SPREAD
        ? [`equal work took times that differ by a factor of ${scatter.toFixed(2)}`]
        : []),
    ];
    return signs.length === 0 ? undefined : `contended: ${signs.join(", and ")}`;
  }
}
