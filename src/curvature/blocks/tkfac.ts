/**
 * TKFAC: two factors that keep the trace of the Fisher (Gao et al. 2021, arXiv 2011.10741).
 *
 * @module
 */

import type { Backend, Scalar } from "../../backend/backend.ts";
import { isAway } from "../../core/away.ts";
import type { KroneckerCapture } from "../../core/capture.ts";
import { div, formula, greater, select, sqrt } from "../../core/formula.ts";
import type { Matrix } from "../../core/matrix.ts";
import type { Parameter } from "../../core/parameter.ts";
import { type Statistic, traceKeeping } from "../fisher.ts";
import type { FactorShifts } from "../inverse.ts";
import type { Trace } from "../layer_damping.ts";
import type { Observation } from "../moving_average.ts";
import type { Block } from "./block.ts";
import { FactoredBlock, type FactoredOptions } from "./factored.ts";

/** Options of {@linkcode TkfacBlock}. */
export type TkfacBlockOptions = FactoredOptions;

/**
 * `F ~ delta Psi (x) Phi` (thm 4.1, eq. 4.9; convolutions thm 4.3), `Phi = PhiRaw / delta`,
 * `Psi = PsiRaw / delta` with traces 1, `PhiRaw = E[sum_t |g|^2 abar abar^T]`,
 * `PsiRaw = E[sum_t |abar|^2 g g^T]`, `delta = E[sum_t |abar|^2 |g|^2]`. Factored damping inverts
 * `sqrt(delta) Phi + sqrt(lambda) I` and `sqrt(delta) Psi + sqrt(lambda) I` (eq. 5.15).
 *
 * Limitations: for convolutions locations are taken to be uncorrelated, and the trace kept is delta.
 *
 * @example Two examples whose Fisher is diag(2, 4.5): with one output, weighted factors are exact
 * ```ts
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { Refresher, TkfacBlock } from "@tekfac/tekfac/curvature";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { dense, sequential } from "@tekfac/tekfac/nn";
 * import { allClose, upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * const layers = [dense(1, { bias: false })];
 * using model = sequential(backend, { input: [2], layers, seed: 1 });
 * const [parameter] = model.parameters;
 * backend.write(parameter.gradient, [1, 1]);
 * using inputs = upload(backend, denseMatrix(2, 2, [2, 0, 0, 1]));
 * using outputGradients = upload(backend, denseMatrix(2, 1, [1, 3]));
 * const capture = { kind: "dense", examples: 2, inputs, outputGradients } as const;
 *
 * const options = { damping: { kind: "absolute", lambda: 0.5 }, split: "exact" } as const;
 * using block = new TkfacBlock(backend, parameter, options);
 * const first = { decay: 0, scale: 1 / 2 };
 * backend.scope(() => {
 *   block.observeStatistics(capture, first);
 *   new Refresher(backend, { kind: "immediate" }, 0).refresh(0, [block]);
 *   const step = backend.scratch(1, 2);
 *   block.precondition(step, parameter.gradient, 0);
 *   allClose(backend.readSync(step), [1 / (2 + 0.5), 1 / (4.5 + 0.5)], { relative: 1e-12 });
 * });
 * ```
 */
export class TkfacBlock extends FactoredBlock {
  /** Name of the approximation. */
  readonly method = "tkfac";
  /** Factors that keep the trace. */
  readonly statistic: Statistic = traceKeeping;
  /** delta, [1, 1]. */
  readonly delta: Matrix;
  /** See `Block`. */
  override readonly effectiveShare: Matrix;
  readonly #factorScale: Matrix;
  readonly #shift: Matrix;

  /** Allocates the block of one parameter. The caller disposes it. */
  constructor(backend: Backend, parameter: Parameter, options: TkfacBlockOptions) {
    super(backend, parameter, options);
    this.delta = this.alloc(backend, 1, 1);
    this.effectiveShare = this.alloc(backend, 1, 1);
    this.#factorScale = this.alloc(backend, 1, 1);
    this.#shift = this.alloc(backend, 1, 1);
  }

  /** Factors and their trace. */
  override get sums(): Block["sums"] {
    const { statistics, eigenvalues } = super.sums;
    return { statistics: [...statistics, { matrix: this.delta }], eigenvalues };
  }

  /** Adds to PhiRaw and PsiRaw, whose traces are delta. */
  override observeStatistics(capture: KroneckerCapture, observation: Observation): void {
    super.observeStatistics(capture, observation);
    this.backend.trace(this.delta, this.inputFactor);
  }

  /** delta is no state of its own: it follows from the factors. */
  override restored(was: Pick<Block, "solved">): void {
    super.restored(was);
    if (isAway(this.inputFactor)) return;
    this.backend.trace(this.delta, this.inputFactor);
  }

  /** See {@linkcode FactoredBlock}. */
  trace(): Trace {
    return [this.delta];
  }

  /** `sqrt(delta) Phi = PhiRaw / sqrt(delta)`. */
  protected shifts(lambda: Scalar): FactorShifts {
    const [delta, scale, shift] = [this.delta, this.#factorScale, this.#shift];
    this.backend.evaluate(split, { delta, lambda }, { scale, shift });
    return { outputScale: scale, outputShift: shift, inputScale: scale, inputShift: shift };
  }

  /** `delta Psi (x) Phi = PsiRaw (x) PhiRaw / delta`. */
  protected productScale(): Scalar {
    const [delta, scale] = [this.delta, this.#factorScale];
    this.backend.evaluate(inverse, { delta }, { scale });
    return scale;
  }
}

/** Factored damping (eq. 5.15); the scale is 0 where delta is not positive. */
const split = formula({ delta: "number", lambda: "number" }, ({ delta, lambda }) => ({
  scale: select(greater(delta, 0), div(1, sqrt(delta)), 0),
  shift: sqrt(lambda),
}));

/** What the product of the raw factors lacks to be the block; 0 where delta is not positive. */
const inverse = formula({ delta: "number" }, ({ delta }) => ({
  scale: select(greater(delta, 0), div(1, delta), 0),
}));
