/**
 * Keeping what was learned while something else is: elastic weight consolidation.
 *
 * @module
 */

import { OptionError, StateError } from "../core/errors.ts";
import { checkNumber } from "../core/options.ts";
import type { Backend } from "../backend/backend.ts";
import type { Capture, CurvatureSample } from "../core/capture.ts";
import type { Matrix, OwnedMatrix } from "../core/matrix.ts";
import type { Parameter } from "../core/parameter.ts";
import type { Random } from "../core/random.ts";
import type { LayerBlock } from "../curvature/blocks/block.ts";
import { checkObjective, type GradientBlend, type Objective } from "../optim/objective.ts";
import type { Curvature } from "./curvature.ts";

const SUBJECT = "Cannot consolidate a model";

/**
 * An objective with a penalty for leaving weights that were good for something else,
 *
 * ```text
 * L(w) + strength / 2 (w - w_old)^T F (w - w_old)
 * ```
 *
 * F being the curvature there (elastic weight consolidation: Kirkpatrick et al. 2017, arXiv 1612.00796; with Kronecker
 * factors Ritter, Botev & Barber 2018, arXiv 1805.07810). To second order the penalty is what the old mean loss
 * rises by, times the strength: 1 weighs both tasks alike. Of several old tasks, wrap it several times.
 *
 * Limitations: optimizers with a curvature of their own observe that of the new loss alone. With large strengths take
 * `adam`, or more damping.
 *
 * Owns copies of the old weights: dispose it before the model. The curvature is used, not owned, and must live as long.
 *
 * @typeParam B What a batch of the model is.
 *
 * @example Half way between what two examples want
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 * import { sgd } from "@tekfac/tekfac/optim";
 * import { Consolidated, curvatureOf } from "@tekfac/tekfac/analysis";
 *
 * using backend = await createBackend();
 * const layers = [dense(1, { bias: false })];
 * using model = sequential(backend, { input: [1], layers, seed: 1 });
 * const goal = objective(model, squaredError());
 * const [{ value }] = model.parameters;
 * backend.write(value, [3]); // has learned y = 3 x
 * using curvature = await curvatureOf(goal, { inputs: [1], targets: [3] });
 * using both = new Consolidated(goal, curvature, { strength: 1 });
 * using optimizer = sgd(both, { learningRate: 0.3, momentum: false, weightDecay: false });
 * for (let i = 0; i < 60; i++) optimizer.stepSync({ inputs: [1], targets: [5] });
 * assert(Math.abs(backend.readSync(value)[0] - 4) < 1e-4);
 * ```
 */
export class Consolidated<B> implements Objective<B>, Disposable {
  readonly backend: Backend;
  readonly parameters: readonly Parameter[];
  /** As the objective has it; `false` where it cannot be asked. */
  readonly losses: ((batch: B) => Matrix) | false;
  readonly #objective: Objective<B>;
  readonly #curvature: Curvature<B>;
  readonly #strength: number;
  /** One per layer of the curvature. */
  readonly #old: OwnedMatrix[] = [];

  /**
   * Notes the weights as they are.
   *
   * @param objective The new task, of the same model.
   * @param curvature Of the old task, at the weights that the model has now.
   * @param options How much the old task counts, >= 0.
   * @throws {OptionError} When the strength is not a finite number >= 0.
   * @throws {StateError} When the curvature is of another model.
   */
  constructor(
    objective: Objective<B>,
    curvature: Curvature<B>,
    options: { readonly strength: number },
  ) {
    checkObjective(SUBJECT, objective);
    this.#strength = checkNumber(SUBJECT, "strength", options?.strength, { min: 0 });
    const unknown = Object.keys(options).find((name) => name !== "strength");
    if (unknown !== undefined) {
      throw new OptionError(SUBJECT, unknown, "is not an option (known: strength)", options);
    }
    const stranger = curvature.layers.find(({ parameter }) =>
      !objective.parameters.includes(parameter)
    );
    if (stranger !== undefined) {
      throw new StateError(
        `${SUBJECT}: expected the curvature of this model, received one with a layer '${stranger.name}' ` +
          "of another",
      );
    }
    this.backend = objective.backend;
    this.parameters = objective.parameters;
    this.#objective = objective;
    this.#curvature = curvature;
    const { losses } = objective;
    this.losses = losses === false ? false : (batch) =>
      this.#penalized(
        losses?.call(objective, batch) ?? objective.differentiate(batch, undefined),
      );
    try {
      for (const { parameter: { value } } of curvature.layers) {
        const copy = this.backend.alloc(value.rows, value.cols);
        this.#old.push(copy);
        this.backend.axpby(copy, 1, value, 0);
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Running statistics of the model. */
  get state(): Readonly<Record<string, Matrix>> {
    return this.#objective.state ?? {};
  }

  /** Passes of the model. */
  get passes(): number {
    return this.#objective.passes ?? 0;
  }

  set passes(count: number) {
    this.#objective.passes = count;
  }

  /** What the model is made of. */
  get model(): { readonly architecture?: string | undefined } {
    return this.#objective.model ?? {};
  }

  /** The new task's loss. */
  get loss(): { readonly kind?: string } {
    return this.#objective.loss ?? {};
  }

  /** Whether outputs can be sampled. */
  get canSample(): boolean {
    return this.#objective.canSample ?? true;
  }

  /** Checks a batch; see {@linkcode Objective.examplesOf}. */
  examplesOf(batch: B): number {
    return this.#objective.examplesOf(batch);
  }

  /** Losses and gradients with the penalty; captures are those of the new loss. */
  differentiate(
    batch: B,
    blend: GradientBlend | undefined,
    as?: "training" | "prediction",
  ): Matrix {
    const losses = this.#objective.differentiate(batch, blend, as);
    if (blend === undefined) return this.#penalized(losses);
    // Micro-batches add up to the whole: each brings the penalty for its share of the examples.
    return this.#penalized(losses, blend.scale * losses.cols);
  }

  /** See {@linkcode Objective.differentiateSampled}. */
  differentiateSampled(random: Random, sample: CurvatureSample): void {
    this.#objective.differentiateSampled(random, sample);
  }

  /** See {@linkcode Objective.blockOf}. */
  blockOf(parameter: Parameter): LayerBlock | undefined {
    return this.#objective.blockOf?.(parameter);
  }

  /** See {@linkcode Objective.capture}. */
  capture(parameter: Parameter): Capture | undefined {
    return this.#objective.capture(parameter);
  }

  /** Gives the old weights back. */
  [Symbol.dispose](): void {
    while (this.#old.length > 0) this.#old.pop()![Symbol.dispose]();
  }

  /** Adds the penalty to every example's loss, and a share of its gradient to the parameters' gradients. */
  #penalized(losses: Matrix, share = 0): Matrix {
    const { backend } = this;
    backend.scope(() => {
      const total = backend.scratch(1, 1);
      this.#curvature.layers.forEach((layer, l) => {
        const { value, gradient } = layer.parameter;
        const [moved, pull] = [0, 0].map(() => backend.scratch(value.rows, value.cols));
        backend.axpby(moved, 1, value, 0);
        backend.axpby(moved, -1, this.#old[l], 1);
        layer.multiply(pull, moved);
        backend.dot(total, moved, pull, { decay: l === 0 ? 0 : 1, scale: this.#strength / 2 });
        if (share > 0) backend.axpby(gradient, share * this.#strength, pull, 1);
      });
      const ones = backend.scratch(1, losses.cols);
      backend.write(ones, new Float32Array(losses.cols).fill(1));
      backend.gemm(losses, total, ones, { beta: 1 });
    });
    return losses;
  }
}
