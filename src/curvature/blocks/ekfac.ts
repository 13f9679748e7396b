/**
 * EKFAC: KFAC's basis with eigenvalues measured in it (George et al. 2018, arXiv 1806.03884).
 *
 * @module
 */

import type { Backend } from "../../backend/backend.ts";
import type { Parameter } from "../../core/parameter.ts";
import { independent, type Statistic } from "../fisher.ts";
import { CorrectedBlock, type CorrectedOptions } from "./corrected.ts";

/** Options of {@linkcode EkfacBlock}. */
export interface EkfacBlockOptions extends CorrectedOptions {
  /**
   * Where the eigenvalues come from: `perExample`, `s* = E[(U_B^T G_n U_A)^2]`, exact for the batch; or
   * `runningAverage`, `s* <- average of N (U_B^T G U_A)^2` with the mean gradient G, which needs no
   * captures and costs one squaring. @default {"perExample"}
   */
  readonly eigenvaluesFrom?: "perExample" | "runningAverage";
}

/**
 * `F ~ (U_B (x) U_A) diag(s*) (U_B (x) U_A)^T`, `U_A`, `U_B` eigenvectors of
 * `A = E[sum_t abar abar^T]` and `B = (1/T) E[sum_t g g^T]`.
 *
 * Limitations: for convolutions A and B are built as if activations and gradients were independent,
 * and locations uncorrelated.
 *
 * @example Two examples whose Fisher is diag(2, 4.5): measured eigenvalues are exact in a basis that fits
 * ```ts
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { EkfacBlock, Refresher } from "@tekfac/tekfac/curvature";
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
 * const options = { damping: { kind: "absolute", lambda: 0.5 } } as const;
 * using block = new EkfacBlock(backend, parameter, options);
 * const first = { decay: 0, scale: 1 / 2 };
 * backend.scope(() => {
 *   block.observeStatistics(capture, first);
 *   new Refresher(backend, { kind: "immediate" }, 0).refresh(0, [block]);
 *   block.observeEigenvalues(capture, first);
 *   const step = backend.scratch(1, 2);
 *   block.precondition(step, parameter.gradient, 0);
 *   allClose(backend.readSync(step), [1 / (2 + 0.5), 1 / (4.5 + 0.5)], { relative: 1e-12 });
 * });
 * ```
 */
export class EkfacBlock extends CorrectedBlock {
  /** Name of the approximation. */
  readonly method = "ekfac";
  /** Factors of independent inputs and gradients. */
  readonly statistic: Statistic = independent;
  /** Captures per example, the gradient for the running average. */
  override readonly eigenvaluesFrom: "captures" | "gradient";

  /** Allocates the block of one parameter. The caller disposes it. */
  constructor(backend: Backend, parameter: Parameter, options: EkfacBlockOptions) {
    super(backend, parameter, options);
    this.eigenvaluesFrom = options.eigenvaluesFrom === "runningAverage" ? "gradient" : "captures";
  }
}
