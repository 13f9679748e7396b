/**
 * KFAC: two independent factors (Martens & Grosse 2015, arXiv 1503.05671; for convolutions Grosse &
 * Martens 2016, arXiv 1602.01407).
 *
 * @module
 */

import type { Backend, Scalar } from "../../backend/backend.ts";
import type { Capture } from "../../core/capture.ts";
import type { Matrix } from "../../core/matrix.ts";
import type { Parameter } from "../../core/parameter.ts";
import { inputMoment, locationsPerExample, outputMoment } from "../fisher.ts";
import type { FactorShifts } from "../inverse.ts";
import type { Observation } from "../moving_average.ts";
import { FactoredBlock, type FactoredOptions } from "./factored.ts";

/** Options of {@linkcode KfacBlock}. */
export type KfacBlockOptions = FactoredOptions;

/**
 * `F ~ B (x) A`, `A = E[sum_t abar abar^T]`, `B = (1/T) E[sum_t g g^T]`. Factored damping adds
 * `pi sqrt(lambda)` to A and `sqrt(lambda) / pi` to B, `pi = sqrt((tr A / dim A) / (tr B / dim B))`.
 *
 * Limitations: activations and gradients are taken to be independent; the trace of F is not kept.
 */
export class KfacBlock extends FactoredBlock {
  readonly method = "kfac";
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

  /** Adds to A and B. */
  observeStatistics(capture: Capture, { decay, scale }: Observation): void {
    inputMoment(this.backend, this.inputFactor, capture, { decay, scale });
    outputMoment(this.backend, this.outputFactor, capture, {
      decay,
      scale: scale / locationsPerExample(capture),
    });
  }

  protected mean(): { readonly sources: readonly Matrix[]; readonly factor: number } {
    const [dA, dB] = this.#traces();
    return { sources: [this.#traceA, this.#traceB], factor: 1 / (dA * dB) };
  }

  protected shifts(lambda: Scalar): FactorShifts {
    const dims = this.#traces();
    const [traceA, traceB, shiftA, shiftB] = [
      this.#traceA,
      this.#traceB,
      this.#shiftA,
      this.#shiftB,
    ];
    this.backend.splitDamping(shiftA, shiftB, lambda, traceA, traceB, dims);
    return { outputScale: 1, outputShift: shiftB, inputScale: 1, inputShift: shiftA };
  }

  protected productScale(): Scalar {
    return 1;
  }

  #traces(): readonly [dimA: number, dimB: number] {
    this.backend.trace(this.#traceA, this.inputFactor);
    this.backend.trace(this.#traceB, this.outputFactor);
    return [this.inputFactor.rows, this.outputFactor.rows];
  }
}
