/**
 * KFAC: two independent factors (Martens & Grosse 2015, arXiv 1503.05671; for convolutions Grosse &
 * Martens 2016, arXiv 1602.01407).
 *
 * @module
 */

import type { Backend, Scalar } from "../../backend/backend.ts";
import { div, formula, greater, mul, select, sqrt } from "../../core/formula.ts";
import type { Matrix } from "../../core/matrix.ts";
import type { Parameter } from "../../core/parameter.ts";
import { independent, type Statistic } from "../fisher.ts";
import type { FactorShifts } from "../inverse.ts";
import { FactoredBlock, type FactoredOptions } from "./factored.ts";

/** Options of {@linkcode KfacBlock}. */
export type KfacBlockOptions = FactoredOptions;

/**
 * `F ~ B (x) A`, `A = E[sum_t abar abar^T]`, `B = (1/T) E[sum_t g g^T]`. Factored damping adds
 * `pi sqrt(lambda)` to A and `sqrt(lambda) / pi` to B, `pi = sqrt((tr A / dim A) / (tr B / dim B))`.
 *
 * Limitations: activations and gradients are taken to be independent; the trace of F is not kept.
 *
 * @example Two examples whose Fisher is diag(2, 4.5): independence makes it 5 diag(2, 0.5)
 * ```ts
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { KfacBlock, Refresher } from "@tekfac/tekfac/curvature";
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
 * using block = new KfacBlock(backend, parameter, options);
 * const first = { decay: 0, scale: 1 / 2 };
 * backend.scope(() => {
 *   block.observeStatistics(capture, first);
 *   new Refresher(backend, { kind: "immediate" }, 0).refresh(0, [block]);
 *   const step = backend.scratch(1, 2);
 *   block.precondition(step, parameter.gradient, 0);
 *   allClose(backend.readSync(step), [1 / (10 + 0.5), 1 / (2.5 + 0.5)], { relative: 1e-12 });
 * });
 * ```
 */
export class KfacBlock extends FactoredBlock {
  /** Name of the approximation. */
  readonly method = "kfac";
  /** Factors of independent inputs and gradients. */
  readonly statistic: Statistic = independent;
  readonly #traceA: Matrix;
  readonly #traceB: Matrix;
  readonly #shiftA: Matrix;
  readonly #shiftB: Matrix;

  /** Allocates the block of one parameter. The caller disposes it. */
  constructor(backend: Backend, parameter: Parameter, options: KfacBlockOptions) {
    super(backend, parameter, options);
    this.#traceA = this.alloc(backend, 1, 1);
    this.#traceB = this.alloc(backend, 1, 1);
    this.#shiftA = this.alloc(backend, 1, 1);
    this.#shiftB = this.alloc(backend, 1, 1);
  }

  /** See {@linkcode FactoredBlock}. */
  trace(): readonly [traceA: Matrix, traceB: Matrix] {
    this.backend.trace(this.#traceA, this.inputFactor);
    this.backend.trace(this.#traceB, this.outputFactor);
    return [this.#traceA, this.#traceB];
  }

  /** `A + pi sqrt(lambda) I` and `B + sqrt(lambda)/pi I`. */
  protected shifts(lambda: Scalar): FactorShifts {
    const [traceA, traceB] = this.trace();
    const [shiftA, shiftB] = [this.#shiftA, this.#shiftB];
    const [dimA, dimB] = [this.inputFactor.rows, this.outputFactor.rows];
    const numbers = { lambda, traceA, traceB, dimA, dimB };
    this.backend.evaluate(split, numbers, { shiftA, shiftB });
    return { outputScale: 1, outputShift: shiftB, inputScale: 1, inputShift: shiftA };
  }

  /** The block is the product itself. */
  protected productScale(): Scalar {
    return 1;
  }
}

/** Lambda over two factors (Martens & Grosse 2015, section 6.3); pi is 1 where a trace is not positive. */
const split = formula(
  { lambda: "number", traceA: "number", traceB: "number", dimA: "number", dimB: "number" },
  ({ lambda, traceA, traceB, dimA, dimB }) => {
    const ratio = div(div(traceA, dimA), div(traceB, dimB));
    const pi = select(mul(greater(traceA, 0), greater(traceB, 0)), sqrt(ratio), 1);
    return { shiftA: mul(pi, sqrt(lambda)), shiftB: div(sqrt(lambda), pi) };
  },
);
