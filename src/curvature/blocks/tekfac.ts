/**
 * TEKFAC: the basis of TKFAC's trace-keeping factors, with eigenvalues measured in it (Gao et al. 2020,
 * arXiv 2011.13609).
 *
 * @module
 */

import type { Backend } from "../../backend/backend.ts";
import type { KroneckerCapture } from "../../core/capture.ts";
import type { Matrix } from "../../core/matrix.ts";
import type { Parameter } from "../../core/parameter.ts";
import { mixed, type Statistic, traceKeeping } from "../fisher.ts";
import type { Observation } from "../moving_average.ts";
import { wholeGradients } from "../whole_gradients.ts";
import { CorrectedBlock, type CorrectedOptions } from "./corrected.ts";

/** Options of {@linkcode TekfacBlock}. */
export interface TekfacBlockOptions extends CorrectedOptions {
  /**
   * The paper's factors; `mixed` with EKFAC's by the effective share of examples; or, `exact`, of a convolution the
   * Fisher's partial traces `E[G_n^T G_n]`, `E[G_n G_n^T]` of whole gradients. @default {"traceKeeping"}
   */
  readonly factors?: "traceKeeping" | "mixed" | "exact";
}

/**
 * `F ~ (Q_Psi (x) Q_Phi) diag(Theta) (Q_Psi (x) Q_Phi)^T` (eq. 3.1-3.3), `Q_Phi`, `Q_Psi` eigenvectors of
 * `PhiRaw = E[sum_t |g|^2 abar abar^T]` and `PsiRaw = E[sum_t |abar|^2 g g^T]`, whose traces are both
 * `delta = E[sum_t |abar|^2 |g|^2]`: each input counts as much as the gradient it met.
 *
 * Limitations: for convolutions the factors are built as if locations were uncorrelated, unless they are `exact`; Theta
 * is not.
 *
 * @example The order of a step, for two examples whose Fisher is diag(2, 4.5)
 * ```ts
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { Refresher, TekfacBlock } from "@tekfac/tekfac/curvature";
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
 * using block = new TekfacBlock(backend, parameter, options);
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
export class TekfacBlock extends CorrectedBlock {
  /** Name of the approximation. */
  readonly method = "tekfac";
  /** Factors that keep the trace. */
  readonly statistic: Statistic = traceKeeping;
  /** See `Block`. */
  override readonly effectiveShare: Matrix;
  readonly #exact: boolean;

  /** Allocates the block of one parameter. The caller disposes it. */
  constructor(backend: Backend, parameter: Parameter, options: TekfacBlockOptions) {
    super(backend, parameter, options);
    if (options.factors === "mixed") this.statistic = mixed;
    this.effectiveShare = this.alloc(backend, 1, 1);
    this.#exact = options.factors === "exact";
  }

  /** Adds to both factors. */
  override observeStatistics(capture: KroneckerCapture, observation: Observation): void {
    if (!this.#exact || capture.kind === "dense") {
      return super.observeStatistics(capture, observation);
    }
    const { backend, inputFactor, outputFactor } = this;
    traceKeeping(backend, capture, this.effectiveShare);
    const { input, output } = wholeGradients(backend, capture, inputFactor.cols);
    backend.secondMoment(inputFactor, input, observation);
    backend.secondMoment(outputFactor, output, observation);
  }
}
