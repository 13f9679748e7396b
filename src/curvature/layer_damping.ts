/**
 * The lambda of one layer, computed where the curvature lies.
 *
 * @module
 */

import type { Backend, Scalar } from "../backend/backend.ts";
import { formula, max, min, mul } from "../core/formula.ts";
import { locationsOf } from "../core/geometry.ts";
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
  /** Examples that factors are made of; see `RelativeDamping.noiseEdge`. @default {more than matter} */
  readonly examples?: () => number;
  /** phi, [1, 1], at most which counts of the noise edge's square; see `NoiseFactor`. @default {the whole edge} */
  readonly noise?: Matrix;
  /** A common factor of all layers' damping, [1, 1], such as a `DampingAdapter`'s. @default {1} */
  readonly dampingFactor?: Matrix;
  /** The lambda of the block that this one is a part of. @default {its own} */
  readonly shared?: () => Scalar;
}

/** A trace, [1, 1], or two numbers whose product it is. */
export type Trace = readonly [first: Matrix, second?: Matrix];

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
 * const lambda = layer.at(0, () => [trace], 2);
 * assert(typeof lambda !== "number"); // it stays where it was computed
 * assert.deepEqual([...backend.readSync(lambda)], [1.5]);
 * ```
 */
export class LayerDamping implements Disposable {
  /** Lambda as of the last call of {@linkcode LayerDamping.at}; `undefined` before the first. */
  current: Scalar | undefined;
  /** The trace, where another rank of a group keeps the curvature; it tells this one. */
  elsewhere: Trace | undefined;
  readonly #backend: Backend;
  readonly #context: DampingContext;
  readonly #dense: boolean;
  /** Rows that an example adds to the factors. */
  readonly #locations: number;
  readonly #lambda: OwnedMatrix;

  /** Allocates one number. The caller disposes it. */
  constructor(backend: Backend, layer: LayerKind, context: DampingContext) {
    this.#backend = backend;
    this.#context = context;
    this.#dense = layer.kind === "dense";
    this.#locations = locationsIn(layer);
    this.#lambda = backend.alloc(1, 1);
  }

  /**
   * Lambda at a step: a number when it is absolute and has no factor, else a [1, 1] matrix, so that a
   * device need not be asked.
   *
   * @param trace The layer's mean eigenvalue is this trace, only computed when the damping depends on it, ...
   * @param eigenvalues ... over their number.
   * @param sides Dimensions of the factors that were estimated. @default {none: each eigenvalue by itself}
   */
  at(step: number, trace: () => Trace, eigenvalues: number, sides: readonly number[] = []): Scalar {
    const { damping, dampingFactor, shared } = this.#context;
    if (shared !== undefined) return this.current = shared();
    const perEigenvalue = 1 / eigenvalues;
    switch (damping.kind) {
      case "absolute": {
        const lambda = valueAt(damping.lambda, step);
        if (dampingFactor === undefined) return this.current = lambda;
        this.#backend.axpby(this.#lambda, lambda, dampingFactor, 0);
        return this.current = this.#lambda;
      }
      case "relative": {
        const examples = damping.noiseEdge ? this.#context.examples?.() ?? Infinity : Infinity;
        // Squared: the gradient that is whitened holds as much chance as the factors.
        const edge = noiseEdge(sides, this.#locations * examples) ** 2;
        const tau = valueAt(damping.tau, step);
        return this.#relative(this.elsewhere ?? trace(), tau, perEigenvalue, damping.floor, edge);
      }
      case "paper": {
        const convolutions = this.#dense ? this.#context.convolutions?.() ?? [] : [];
        const scale = this.#dense ? valueAt(damping.lambda, step) : 1;
        if (convolutions.length > 0) {
          return this.#largest(convolutions.map((block) => block.lambda(step)), scale);
        }
        // The floor bounds the trace, and the mean is the trace times perEigenvalue.
        const own = this.elsewhere ?? trace();
        return this.#relative(own, scale, perEigenvalue, damping.floor * perEigenvalue);
      }
    }
  }

  /** Notes the lambda in force; the result puts it back. */
  mark(): () => void {
    const { current } = this;
    return () => void (this.current = current);
  }

  /** Gives the number back. */
  [Symbol.dispose](): void {
    this.#lambda[Symbol.dispose]();
  }

  /** Relative damping of a trace; the factor of all layers is 1 where there is none. */
  #relative(
    [first, second]: Trace,
    tau: number,
    perEigenvalue: number,
    floor: number,
    edge = 1,
  ): Scalar {
    const { dampingFactor: factor = 1, noise = edge } = this.#context;
    const numbers = { first, second: second ?? 1, perEigenvalue, floor, tau, factor, noise, edge };
    this.#backend.evaluate(relative, numbers, { lambda: this.#lambda });
    return this.current = this.#lambda;
  }

  /** `lambda = scale` times the largest of some dampings, which are positive. */
  #largest(lambdas: readonly Scalar[], scale: number): Scalar {
    const lambda = this.#lambda;
    lambdas.forEach((x, i) => {
      const numbers = { x, y: i === 0 ? 0 : lambda, scale: i === lambdas.length - 1 ? scale : 1 };
      this.#backend.evaluate(larger, numbers, { lambda });
    });
    return this.current = lambda;
  }
}

function locationsIn(layer: LayerKind): number {
  if (layer.kind === "conv2d") return locationsOf(layer.geometry);
  return layer.kind === "dense" ? layer.positions ?? 1 : 1;
}

/**
 * `product of (1 + sqrt(d / n))^2` over sides of d dimensions that n rows tell about: how many times its mean the
 * largest eigenvalue of a factor can be by chance alone (Marchenko & Pastur 1967). 1 for ever more rows, and
 * where there are none yet.
 *
 * @example As many rows as dimensions
 * ```ts
 * import assert from "node:assert/strict";
 * import { noiseEdge } from "@tekfac/tekfac/curvature";
 *
 * assert.equal(noiseEdge([100], 100), 4);
 * assert.equal(noiseEdge([100, 25], 100), 4 * 1.5 ** 2);
 * ```
 */
export function noiseEdge(sides: readonly number[], rows: number): number {
  if (rows === 0) return 1;
  return sides.reduce((edge, side) => edge * (1 + Math.sqrt(side / rows)) ** 2, 1);
}

/**
 * `lambda = factor tau max(perEigenvalue first second, floor)`: tau times the mean eigenvalue of a layer's
 * approximation (Gao et al. 2020, eq. 3.5, for tau = 1).
 */
const relative = formula(
  {
    first: "number",
    second: "number",
    perEigenvalue: "number",
    floor: "number",
    tau: "number",
    factor: "number",
    noise: "number",
    edge: "number",
  },
  ({ first, second, perEigenvalue, floor, tau, factor, noise, edge }) => {
    const mean = mul(perEigenvalue, mul(first, second));
    return { lambda: mul(mul(factor, min(noise, edge)), mul(tau, max(floor, mean))) };
  },
);

/** `lambda = scale max(x, y)`. */
const larger = formula(
  { x: "number", y: "number", scale: "number" },
  ({ x, y, scale }) => ({ lambda: mul(scale, max(x, y)) }),
);
