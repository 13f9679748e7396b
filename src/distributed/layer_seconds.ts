/**
 * What layers take, found out before the first step.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Matrix } from "../core/matrix.ts";
import type { Parameter } from "../core/parameter.ts";

/** Runs of which the fastest counts. */
const RUNS = 5;

/** Curvature of a layer that makes directions; see `Block`. */
export interface Directing extends Disposable {
  /** Writes a direction. */
  precondition(out: Matrix, source: Matrix, step: number): void;
}

/** Layers to be shared out. */
export interface Layers<B extends Directing> {
  /** One each. */
  readonly parameters: readonly Parameter[];
  /** Makes the block of a layer, as it will be made, but for its damping. */
  readonly create: (index: number) => B;
  /** Seconds of its decompositions in a step, of all ranks together; within a scope. */
  readonly decompositions: (block: B) => number;
}

/**
 * What directions and decompositions of each layer take in a step: a block of each shape is made and tried, and given
 * back.
 */
export function layerSeconds<B extends Directing>(
  backend: Backend,
  { parameters, create, decompositions }: Layers<B>,
): readonly number[] {
  const seconds = new Map<string, number>();
  const secondsOf = (block: B, { rows, cols }: Matrix): number => {
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
    return least + 1e-10 * rows * cols + backend.scope(() => decompositions(block));
  };
  return parameters.map(({ value, layer: { kind } }, index) => {
    const shape = `${kind} ${value.rows} ${value.cols}`;
    let known = seconds.get(shape);
    if (known === undefined) {
      const block = create(index);
      try {
        seconds.set(shape, known = secondsOf(block, value));
      } finally {
        block[Symbol.dispose]();
      }
    }
    return known;
  });
}
