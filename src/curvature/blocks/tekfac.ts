/**
 * TEKFAC: the basis of TKFAC's trace-keeping factors, with eigenvalues measured in it (Gao et al. 2020,
 * arXiv 2011.13609).
 *
 * @module
 */

import type { Backend } from "../../backend/backend.ts";
import type { Capture } from "../../core/capture.ts";
import type { Matrix } from "../../core/matrix.ts";
import type { Parameter } from "../../core/parameter.ts";
import { observeTraceKeeping } from "../fisher.ts";
import type { Observation } from "../moving_average.ts";
import { CorrectedBlock, type CorrectedOptions } from "./corrected.ts";

/** Options of {@linkcode TekfacBlock}. */
export type TekfacBlockOptions = CorrectedOptions;

/**
 * `F ~ (Q_Psi (x) Q_Phi) diag(Theta) (Q_Psi (x) Q_Phi)^T` (eq. 3.1-3.3), `Q_Phi`, `Q_Psi` eigenvectors of
 * `PhiRaw = E[sum_t |g|^2 abar abar^T]` and `PsiRaw = E[sum_t |abar|^2 g g^T]`, whose traces are both
 * `delta = E[sum_t |abar|^2 |g|^2]`: each input counts as much as the gradient it met.
 *
 * Limitations: for convolutions the factors are built as if locations were uncorrelated; Theta is not.
 */
export class TekfacBlock extends CorrectedBlock {
  /** Name of the approximation. */
  readonly method = "tekfac";
  /** Where the eigenvalues are measured. */
  readonly eigenvaluesFrom = "captures";
  /** delta, [1, 1]. */
  readonly delta: Matrix;

  /** Allocates the block of one parameter. The caller disposes it. */
  constructor(backend: Backend, parameter: Parameter, options: TekfacBlockOptions) {
    super(backend, parameter, options);
    this.delta = this.alloc(backend, 1, 1);
  }

  /** delta besides the factors. */
  override get state(): Readonly<Record<string, Matrix>> {
    return { delta: this.delta, ...super.state };
  }

  /** Adds to delta, PhiRaw and PsiRaw. */
  observeStatistics(capture: Capture, observation: Observation): void {
    observeTraceKeeping(this.backend, this, capture, observation);
  }
}
