/**
 * Which ranks keep and precondition which layers, where that is decided before the first step.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Parameter } from "../core/parameter.ts";
import type { Block } from "../curvature/blocks/block.ts";
import type { Reduction } from "../distributed/reduction.ts";
import { WorkerGrid, workersOf } from "../distributed/worker_grid.ts";

/** Runs of which the fastest counts. */
const RUNS = 5;

/** What has layers to be shared out. */
export interface LayerShares {
  /** Where the blocks live. */
  readonly backend: Backend;
  /** With whom. */
  readonly reduction: Reduction;
  /** The layers. */
  readonly parameters: readonly Parameter[];
  /** Makes the block of a layer, as it will be made, but for its damping. */
  readonly create: (index: number) => Block;
}

/**
 * Shares layers out, the most expensive first, by what a direction of a layer of that shape takes: a block of each shape
 * is made and tried, and given back. All ranks add up their times, so that all decide alike.
 *
 * @param fraction Share of the ranks that keep each layer.
 * @returns Nothing where all keep all, or where it shall depend on the times of steps.
 */
export function layerGrid(
  { backend, reduction, parameters, create }: LayerShares,
  fraction: number | "auto",
): WorkerGrid | undefined {
  const { size } = reduction;
  if (fraction === "auto" || workersOf(fraction, size) === size) return undefined;
  const seconds = new Map<string, number>();
  const times = parameters.map(({ value: { rows, cols }, layer: { kind } }, index) => {
    const shape = `${kind} ${rows} ${cols}`;
    const known = seconds.get(shape) ?? secondsOf(backend, () => create(index));
    seconds.set(shape, known);
    return known;
  });
  const sums = backend.scope(() => {
    const all = backend.scratch(1, times.length);
    backend.write(all, times);
    reduction.sum({ matrix: all });
    return Array.from(backend.readSync(all));
  });
  return new WorkerGrid(size, workersOf(fraction, size), sums);
}

/** What a direction takes. */
function secondsOf(backend: Backend, create: () => Block): number {
  const block = create();
  try {
    const { rows, cols } = block.parameter.value;
    let least = Infinity;
    for (let run = 0; run < RUNS; run++) {
      backend.scope(() => {
        const [out, source] = [backend.scratch(rows, cols), backend.scratch(rows, cols)];
        backend.write(source, new Float32Array(rows * cols).fill(1));
        const started = performance.now();
        block.precondition(out, source, 0);
        least = Math.min(least, (performance.now() - started) / 1000);
      });
    }
    // The clock may be too coarse for small ones.
    return least + 1e-10 * rows * cols;
  } finally {
    block[Symbol.dispose]();
  }
}
