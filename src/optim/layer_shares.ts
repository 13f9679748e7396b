/**
 * Which ranks keep and precondition which layers, where that is decided before the first step.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Parameter } from "../core/parameter.ts";
import type { Block } from "../curvature/blocks/block.ts";
import type { DecompositionTimes } from "../curvature/decomposition_times.ts";
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
  /** Tries decompositions. */
  readonly times: DecompositionTimes;
  /** Steps from one refresh to the next. */
  readonly interval: number;
}

/**
 * Shares layers out, the most expensive first, by what the decompositions and the directions of a layer of that shape
 * take in a step: a block of each shape is made and tried, and given back. All ranks add up their times, so that all
 * decide alike.
 *
 * @param fraction Share of the ranks that keep each layer.
 * @returns Nothing where all keep all, or where it shall depend on the times of steps.
 */
export function layerGrid(shares: LayerShares, fraction: number | "auto"): WorkerGrid | undefined {
  const { backend, reduction, parameters } = shares;
  const { size } = reduction;
  if (fraction === "auto" || workersOf(fraction, size) === size) return undefined;
  const seconds = new Map<string, Seconds>();
  const times = parameters.map(({ value: { rows, cols }, layer: { kind } }, index) => {
    const shape = `${kind} ${rows} ${cols}`;
    const known = seconds.get(shape) ?? secondsOf(shares, index);
    seconds.set(shape, known);
    return known;
  });
  const directions = backend.scope(() => {
    const all = backend.scratch(1, times.length);
    backend.write(all, times.map(({ direction }) => direction));
    reduction.sum({ matrix: all });
    return Array.from(backend.readSync(all));
  });
  const costs = times.map(({ decompositions }, i) => directions[i] + decompositions);
  return new WorkerGrid(size, workersOf(fraction, size), costs);
}

/** What a layer takes in a step: its direction on this rank, its decompositions on all together. */
interface Seconds {
  readonly direction: number;
  readonly decompositions: number;
}

function secondsOf({ backend, create, times, interval }: LayerShares, index: number): Seconds {
  const block = create(index);
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
    const decompositions = backend.scope(() => {
      const jobs = [...block.beginRefresh?.(0, false) ?? [], ...block.beginInverses?.(0) ?? []];
      return times.of(jobs).reduce((sum, each) => sum + each, 0) / interval;
    });
    // The clock may be too coarse for small ones.
    return { direction: least + 1e-10 * rows * cols, decompositions };
  } finally {
    block[Symbol.dispose]();
  }
}
