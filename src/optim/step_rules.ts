/**
 * What an optimizer remembers from step to step to keep steps safe: the running means of its guards, and the
 * curvature along its steps.
 *
 * @module
 */

import { StateError } from "../core/errors.ts";
import type { Matrix } from "../core/matrix.ts";
import type { AveragedWeights } from "./average.ts";
import { ObservationGuard } from "../curvature/observation_guard.ts";
import { areCounts, type Counters } from "./counters.ts";
import type { Objective } from "./objective.ts";
import { isStepMemory, StepCheck } from "./step_check.ts";
import type { ResolvedStepOptions } from "./step_options.ts";
import { GradientClip } from "./transforms/gradient_clip.ts";
import { MeasuredCurvature } from "./transforms/measured_curvature.ts";
import { Settling } from "./transforms/settling.ts";

/**
 * The rules of one optimizer, as far as they have a memory.
 *
 * @example What an optimizer remembers
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, dense, objective, sequential, squaredError, tekfac }
 *   from "@tekfac/tekfac";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
 * using optimizer = tekfac(objective(model, squaredError()));
 * optimizer.stepSync({ inputs: [0, 1], targets: [1, 3] });
 * assert(optimizer.rules instanceof StepRules);
 * assert.equal(optimizer.rules.gradientClip?.count, 1);
 * ```
 */
export class StepRules implements Disposable {
  /** See {@linkcode GradientClip}. */
  readonly gradientClip: GradientClip | undefined;
  /** See {@linkcode ObservationGuard}. */
  readonly observationGuard: ObservationGuard | undefined;
  /** See {@linkcode MeasuredCurvature}. */
  readonly curvature: MeasuredCurvature | undefined;
  /** See {@linkcode Settling}. */
  readonly settling: Settling | undefined;
  /** See {@linkcode StepCheck}; only where losses can be asked for at once. */
  readonly stepCheck: StepCheck | undefined;
  /** What lengths and curvature have the loss for a unit of; `undefined` where that is the batch's loss itself. */
  readonly unit: 1 | undefined;
  /** Whether the loss is a quadratic function of the outputs. */
  readonly quadratic: boolean;
  /** See `WeightAverage`. */
  readonly average: AveragedWeights | undefined;

  /**
   * Allocates a few numbers per layer, and for the check as many as there are weights. The caller disposes them.
   *
   * @param observationLimit `undefined` where nothing is observed.
   */
  constructor(
    objective: Pick<Objective<never>, "backend" | "parameters" | "losses" | "state" | "loss">,
    { gradientClip, klClip, settling, takeBack, average }: ResolvedStepOptions,
    observationLimit: number | false | undefined,
  ) {
    const { backend, parameters, losses } = objective;
    const layers = parameters.length;
    this.unit = objective.loss?.inNats ? 1 : undefined;
    this.quadratic = objective.loss?.quadratic ?? false;
    try {
      if (takeBack && losses !== false) {
        this.stepCheck = new StepCheck(backend, parameters);
      }
      if (average !== false) this.average = average.create(objective);
      if (gradientClip !== false) {
        this.gradientClip = new GradientClip(backend, layers, gradientClip);
      }
      if (observationLimit !== undefined) {
        this.observationGuard = new ObservationGuard(backend, layers, observationLimit);
      }
      if (klClip !== false && klClip.kind === "measured") {
        this.curvature = new MeasuredCurvature(backend, layers);
      }
      if (settling !== false) this.settling = new Settling(backend, settling);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Its matrices by name; for checkpoints. */
  get state(): Readonly<Record<string, Matrix>> {
    const { gradientClip, observationGuard, curvature, settling, stepCheck, average } = this;
    return {
      ...stepCheck?.state,
      ...average?.state,
      ...(gradientClip && { "step.gradientNorms": gradientClip.means }),
      ...(observationGuard && { "step.observations": observationGuard.state }),
      ...(curvature && { "step.curvature": curvature.state }),
      ...(settling && { "step.settling": settling.state }),
    };
  }

  /** Its counters; for checkpoints. */
  counters(): Counters {
    const counts = this.#counted().map(([name, { count }]) => [name, count] as const);
    const { stepCheck, average } = this;
    return {
      ...Object.fromEntries(counts),
      ...(stepCheck && { stepCheck: stepCheck.memory }),
      ...(average && { average: average.memory }),
    };
  }

  /**
   * Takes counters back.
   *
   * @throws {StateError} When one is missing or no count. Nothing is changed then.
   */
  restore(counters: Counters): void {
    const counts = this.#counted().map(([name]) => counters[name]);
    const memory = counters.stepCheck;
    if (
      !areCounts(counts, counts.length) || (this.stepCheck && !isStepMemory(memory)) ||
      this.average?.accepts(counters.average) === false
    ) {
      throw new StateError(
        "Cannot restore the rules of a step: their counters are missing or damaged",
      );
    }
    if (this.stepCheck) this.stepCheck.memory = memory as readonly number[];
    if (this.average) this.average.memory = counters.average as readonly number[];
    this.#counted().forEach(([, rule], index) => rule.count = counts[index]);
  }

  /** Forgets what is usual, since layers have been frozen or are trained again. */
  restart(): void {
    this.gradientClip?.restart();
    this.observationGuard?.restart();
  }

  /** Gives the matrices back. */
  [Symbol.dispose](): void {
    for (const [, rule] of this.#counted()) rule[Symbol.dispose]();
    this.settling?.[Symbol.dispose]();
    this.stepCheck?.[Symbol.dispose]();
    this.average?.[Symbol.dispose]();
  }

  #counted(): (readonly [name: string, rule: { count: number } & Disposable])[] {
    const { gradientClip, observationGuard, curvature } = this;
    const rules = { gradientClip, observationGuard, curvature };
    return Object.entries(rules).flatMap(([name, rule]) => rule ? [[name, rule] as const] : []);
  }
}
