/**
 * The lambda of one layer, computed where the curvature lies.
 *
 * @module
 */

import type { Backend, Scalar } from "../backend/backend.ts";
import type { Matrix, OwnedMatrix } from "../core/matrix.ts";
import type { LayerKind } from "../core/parameter.ts";
import { valueAt } from "../core/schedule.ts";
import type { Damping } from "./damping.ts";

/** What damps a layer, and what of the rest of the model that depends on. */
export interface DampingContext {
  /** Added to the eigenvalues before they are inverted; resolved by `resolveDamping`. */
  readonly damping: Required<Damping>;
  /**
   * The blocks of the model's convolutions, whose largest lambda is beta of `PaperDamping`.
   *
   * @default {none}
   */
  readonly convolutions?: () => readonly { lambda(step: number): Scalar }[];
  /** A common factor of all layers' damping, [1, 1], such as a `DampingAdapter`'s. @default {1} */
  readonly dampingFactor?: Matrix;
}

/** A mean eigenvalue: the product of `sources`, all [1, 1], times `factor`. */
interface MeanEigenvalue {
  readonly sources: () => readonly Matrix[];
  readonly factor: number;
}

/**
 * The damping of one layer: computes its lambda and remembers the one in force.
 *
 * @example Half of the mean of two eigenvalues whose sum is 6
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { LayerDamping, resolveDamping } from "@tekfac/tekfac/curvature";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using trace = upload(backend, denseMatrix(1, 1, [6]));
 * const damping = resolveDamping("Cannot train", { kind: "relative", tau: 0.5 });
 * using layer = new LayerDamping(backend, { kind: "dense", bias: true }, { damping });
 * const lambda = backend.scope(() => layer.at(0, () => [trace], 1 / 2));
 * assert(typeof lambda !== "number"); // it stays where it was computed
 * assert.deepEqual([...backend.readSync(lambda)], [1.5]);
 * ```
 */
export class LayerDamping implements Disposable {
  /** Lambda as of the last call of {@linkcode LayerDamping.at}; `undefined` before the first. */
  current: Scalar | undefined;
  readonly #backend: Backend;
  readonly #context: DampingContext;
  readonly #dense: boolean;
  readonly #lambda: OwnedMatrix;

  /** Allocates one number. The caller disposes it. */
  constructor(backend: Backend, layer: LayerKind, context: DampingContext) {
    this.#backend = backend;
    this.#context = context;
    this.#dense = layer.kind === "dense";
    this.#lambda = backend.alloc(1, 1);
  }

  /**
   * Lambda at a step: a number when it is absolute and has no factor, else a [1, 1] matrix, so that a
   * device need not be asked. Inside a scope.
   *
   * @param meanSources The layer's mean eigenvalue is the product of these [1, 1] matrices ...
   * @param meanFactor ... times this. Only computed when the damping depends on it.
   */
  at(step: number, meanSources: () => readonly Matrix[], meanFactor: number): Scalar {
    const { damping, dampingFactor } = this.#context;
    const mean = { sources: meanSources, factor: meanFactor };
    switch (damping.kind) {
      case "absolute": {
        const lambda = valueAt(damping.lambda, step);
        if (dampingFactor === undefined) return this.current = lambda;
        this.#backend.axpby(this.#lambda, lambda, dampingFactor, 0);
        return this.current = this.#lambda;
      }
      case "relative":
        return this.#times(mean, valueAt(damping.tau, step), damping.floor);
      case "paper": {
        // The floor bounds the trace, and the mean is the trace times meanFactor.
        const convolutions = this.#dense ? this.#context.convolutions?.() ?? [] : [];
        const scale = this.#dense ? valueAt(damping.lambda, step) : 1;
        if (convolutions.length === 0) {
          return this.#times(mean, scale, damping.floor * meanFactor);
        }
        this.#largest(convolutions.map((block) => block.lambda(step)));
        this.#backend.axpby(this.#lambda, scale, this.#lambda, 0);
        return this.current = this.#lambda;
      }
    }
  }

  /** Gives the number back. */
  [Symbol.dispose](): void {
    this.#lambda[Symbol.dispose]();
  }

  /** `lambda = factor * tau max(mean, floor)`. */
  #times(mean: MeanEigenvalue, tau: number, floor: number): Scalar {
    const { dampingFactor } = this.#context;
    this.#backend.relativeDamping(this.#lambda, mean.sources(), {
      tau,
      factor: mean.factor,
      floor,
    });
    if (dampingFactor !== undefined) {
      this.#backend.axpby(this.#lambda, dampingFactor, this.#lambda, 0);
    }
    return this.current = this.#lambda;
  }

  /** `lambda = max of some numbers`, as `y + relu(x - y)`, which rounds by less than an epsilon. */
  #largest([first, ...others]: readonly Scalar[]): void {
    const backend = this.#backend;
    const set = (to: Matrix, value: Scalar): void => {
      if (typeof value === "number") backend.write(to, [value]);
      else backend.axpby(to, 1, value, 0);
    };
    set(this.#lambda, first);
    const excess = backend.scratch(1, 1);
    for (const other of others) {
      set(excess, other);
      backend.axpby(excess, -1, this.#lambda, 1);
      backend.activation("relu", excess, excess);
      backend.axpby(this.#lambda, 1, excess, 1);
    }
  }
}
