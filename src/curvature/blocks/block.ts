/**
 * What a curvature block is: the approximation of the Fisher information of one layer's weights, and
 * how to apply its damped inverse.
 *
 * @module
 */

import type { Backend, Basis, Scalar } from "../../backend/backend.ts";
import type { Capture, FactorCapture } from "../../core/capture.ts";
import type { Matrix, OwnedMatrix } from "../../core/matrix.ts";
import type { Parameter } from "../../core/parameter.ts";
import type { Summand } from "../../distributed/packing.ts";
import type { Refreshable } from "../refresher.ts";
import type { DampingContext, LayerDamping, Trace } from "../layer_damping.ts";
import type { Statistic } from "../fisher.ts";
import type { Observation } from "../moving_average.ts";

/** The approximations of a layer's Fisher block. */
export type BlockMethod = "kfac" | "ekfac" | "tkfac" | "tekfac" | "diagonal" | "scaleShift";

/** What every block is created with. */
export type BlockOptions = DampingContext;

/** How an optimizer wants a block that a layer makes itself. */
export interface LayerBlockOptions extends BlockOptions {
  /** Its approximation of other layers. */
  readonly method: Exclude<BlockMethod, "diagonal" | "scaleShift">;
  /** Directions of each side that are kept, or all. @default {"full"} */
  readonly rank?: number | "full";
  /** p of `(F + lambda)^-p`; 1 is the natural gradient. @default {1} */
  readonly exponent?: number;
}

/** What else it hands over. */
export interface LayerBlockContext extends LayerBlockOptions {
  /** What it measures eigenvalues from, where it does. @default {"captures"} */
  readonly eigenvaluesFrom?: "captures" | "gradient";
  /** How it weighs captures in the factors, where eigenvalues are measured. @default {as its method says} */
  readonly statistic?: Statistic;
  /** Makes its own block of a part of the layer that is a dense layer or a convolution for itself. */
  readonly part: PartBlock;
}

/** Makes the block of a part of a layer. The caller disposes it. */
export type PartBlock = (backend: Backend, part: Parameter, options: BlockOptions) => Block;

/** A function of a block that acts on its eigenvalues alone. */
export interface BlockPower {
  /** lambda, added to every eigenvalue; >= 0, and > 0 where the block is singular and the exponent positive. */
  readonly damping: Scalar;
  /** p of `(F + lambda)^-p`: 1 solves, -1 multiplies, 1/2 and -1/2 are the roots that samples are drawn with. */
  readonly exponent: number;
}

/** `(Q_out (x) Q_in) diag(Theta) (Q_out (x) Q_in)^T`. */
export interface Eigendecomposition {
  /** Columns are eigenvectors; `undefined` where it is that of the coordinates. */
  readonly basis: Basis | undefined;
  /** Theta, [dOut, dIn']. */
  readonly eigenvalues: Matrix;
}

/** Makes the block of a parameter whose curvature its layer knows best. The caller disposes it. */
export type LayerBlock = (
  backend: Backend,
  parameter: Parameter,
  options: LayerBlockContext,
) => Block;

/** What observations read of a block. */
export interface LentMatrices {
  /** By {@linkcode Block.observeStatistics}. */
  readonly statistics: readonly Matrix[];
  /** By {@linkcode Block.observeEigenvalues}. */
  readonly eigenvalues: readonly Matrix[];
}

/**
 * One layer's curvature; what only some blocks have is optional. All observing methods take temporaries
 * from the backend's scratch arena and must be called inside a scope; within a step the order is
 * statistics, refresh, eigenvalues, precondition.
 */
export interface Block extends Refreshable, Disposable {
  /** Which approximation this is. */
  readonly method: BlockMethod;
  /** The weights it belongs to. */
  readonly parameter: Parameter;
  /** The matrices that make up its state, by the names of docs/NOTATION.md; for checkpoints. */
  readonly state: Readonly<Record<string, Matrix>>;

  /** What observations are added to, linear in them: where ranks of a group observe together it is summed. */
  readonly sums: {
    /** By {@linkcode Block.observeStatistics}. */
    readonly statistics: readonly Summand[];
    /** By {@linkcode Block.observeEigenvalues}. */
    readonly eigenvalues: readonly Summand[];
  };

  /**
   * What it is lent on ranks that do not keep it; left out where every rank does. Then {@linkcode Block.state} lists the
   * matrices themselves, and there is a `trace`.
   */
  readonly lent?: LentMatrices;

  /** Adds a micro-batch to the factors, where there are any. */
  observeStatistics?(capture: FactorCapture, observation: Observation): void;

  /**
   * Called after the very first statistics, where a basis has to be found before they mean anything.
   *
   * @param examples Observed so far.
   * @returns Whether they have to be observed again, now that there is one.
   */
  findBasis?(examples: number): boolean;

  /**
   * Share of the examples that its input factor is made of in effect, [1, 1], where it weighs them by their gradients;
   * of the last micro-batch that was observed.
   */
  readonly effectiveShare?: Matrix;

  /** What eigenvalues are measured from, where they are: captures, the mean gradient, or what there is. */
  readonly eigenvaluesFrom?: "captures" | "gradient" | "either";

  /** Adds a micro-batch to the eigenvalues, where they are measured from captures. */
  observeEigenvalues?(capture: Capture, observation: Observation): void;

  /** Adds the step's mean gradient of `examples` examples, where they are measured from gradients. */
  observeMeanGradient?(gradient: Matrix, examples: number, observation: Observation): void;

  /** The layer's damping; its `current` is the lambda in force. */
  readonly damping: LayerDamping;

  /** Sizes of its factors for people, where they do not follow from the state. */
  readonly factorSizes?: string;

  /** Whether the lambda in force is that of the last refresh, and not that of the step. @default {false} */
  readonly lambdaOfRefresh?: boolean;

  /** Lambda at a step, from the state as it is now. */
  lambda(step: number): Scalar;

  /** The trace of the undamped block; blocks of convolutions have it, so that groups can share a lambda. */
  trace?(): Trace;

  /** `out = (block + lambda)^-1 source`, both [dOut, dIn']; lambda as of `step`. */
  precondition(out: Matrix, source: Matrix, step: number): void;

  /** `out = block x`, undamped, both [dOut, dIn']. */
  multiply(out: Matrix, x: Matrix): void;

  /** `out = (block + damping)^-exponent x`, both [dOut, dIn'], whatever damping the block was made with. */
  power(out: Matrix, x: Matrix, power: BlockPower): void;

  /** Where the block is diagonal in a Kronecker product of two bases: which, and what stands there. */
  readonly eigenbasis?: Eigendecomposition | undefined;

  /** Eigenvalues of the undamped block in its basis, [dOut, dIn'], in scratch memory. */
  spectrum(): Matrix;

  /** Whether eigenvalues have been measured that a new basis must not lose. */
  readonly measured?: boolean;

  /** Called after {@linkcode Block.state} was overwritten from a checkpoint, with what held for it there. */
  restored?(was: Pick<Block, "solved" | "measured">): void;

  /** Notes all that is no matrix, its damping's too; the result puts it back. A step that is refused calls it. */
  mark(): () => void;
}

/**
 * Allocates matrices that are given back together.
 *
 * @example What owns two matrices
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { Owner } from "@tekfac/tekfac/curvature";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * {
 *   using owner = new Owner();
 *   const [sum, mean] = [owner.alloc(backend, 2, 3), owner.alloc(backend, 2, 3)];
 *   backend.write(sum, [1, 2, 3, 4, 5, 6]);
 *   backend.axpby(mean, 1 / 2, sum, 0);
 *   assert.deepEqual([...backend.readSync(mean)], [0.5, 1, 1.5, 2, 2.5, 3]);
 * }
 * assert.equal(backend.memory().handles, 0);
 * ```
 */
export class Owner implements Disposable {
  readonly #owned: Disposable[] = [];

  /** Takes over a matrix or anything else that can be disposed. */
  own<T extends Disposable>(thing: T): T {
    this.#owned.push(thing);
    return thing;
  }

  /** A new matrix of zeros. */
  alloc(backend: Backend, rows: number, cols: number): OwnedMatrix {
    try {
      return this.own(backend.alloc(rows, cols));
    } catch (error) {
      // Nobody could dispose what a constructor leaves half made.
      this.#release();
      throw error;
    }
  }

  /** Gives everything back, in reverse order. */
  [Symbol.dispose](): void {
    this.#release();
  }

  #release(): void {
    while (this.#owned.length > 0) this.#owned.pop()![Symbol.dispose]();
  }
}
