/**
 * The length of a step, with what it remembers: norms that weights have at least, and steps taken back.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { OwnedMatrix } from "../core/matrix.ts";
import type { Parameter } from "../core/parameter.ts";
import type { ResolvedStepOptions } from "./step_options.ts";
import type { StepRow } from "./step_row.ts";
import type { StepRules } from "./step_rules.ts";
import type { Situation } from "./transforms/kl_clip.ts";
import { setStepLength, shortenByRejection, type StepNumbers } from "./transforms/step_length.ts";

/** Share of its usual initial norm, `sqrt(dOut)`, that a layer's weights are taken to have at least. */
const LEAST_SHARE = 0.1;

/** Leaves the factor of the directions in a step's row. */
export class StepLimits implements Disposable {
  readonly #backend: Backend;
  readonly #options: ResolvedStepOptions;
  readonly #rules: Pick<StepRules, "curvature" | "settling" | "stepCheck" | "unit" | "quadratic">;
  /** A layer that begins with zeros could not move at all by a share of them. */
  readonly #leastWeights: OwnedMatrix;

  /** Allocates a number per layer; the rules are the caller's. The caller disposes it. */
  constructor(
    backend: Backend,
    parameters: readonly Parameter[],
    options: ResolvedStepOptions,
    rules: Pick<StepRules, "curvature" | "settling" | "stepCheck" | "unit" | "quadratic">,
  ) {
    this.#backend = backend;
    this.#options = options;
    this.#rules = rules;
    this.#leastWeights = backend.alloc(1, parameters.length);
    const least = parameters.map(({ value }) => LEAST_SHARE * Math.sqrt(value.rows));
    backend.write(this.#leastWeights, least);
  }

  /** Sets nu and what decided it, before the step is applied. */
  set(
    row: StepRow,
    numbers: Pick<StepNumbers, "products" | "directions" | "weights">,
    situation: Pick<Situation, "step" | "examples">,
  ): void {
    const backend = this.#backend;
    const { curvature, settling, stepCheck } = this.#rules;
    if (curvature !== undefined) backend.axpby(row.curvature, 1, curvature.ratio, 0);
    if (settling !== undefined) backend.axpby(row.settling, 1, settling.factor, 0);
    const leastWeights = this.#leastWeights;
    const all = {
      loss: this.#rules.unit ?? row.loss,
      ...numbers,
      leastWeights,
      curvature: curvature?.ratio,
    };
    setStepLength(backend, row, all, this.#options, {
      ...situation,
      quadratic: this.#rules.quadratic,
    });
    if (stepCheck === undefined) return;
    if (stepCheck.scale < 1) shortenByRejection(backend, row, stepCheck.scale);
    stepCheck.keep(backend.readSync(row.loss)[0]);
  }

  /** Gives the numbers back. */
  [Symbol.dispose](): void {
    this.#leastWeights[Symbol.dispose]();
  }
}
