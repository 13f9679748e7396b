/**
 * The SOAP optimizer, for models that can hand over nothing but gradients.
 *
 * @module
 */

import type { AdamNumbers, Backend } from "../backend/backend.ts";
import { madeForEach } from "../core/at_layer.ts";
import { StateError } from "../core/errors.ts";
import { markAll } from "../core/marks.ts";
import type { Matrix } from "../core/matrix.ts";
import { isTrainable } from "../core/parameter.ts";
import { choice, maybe, number, optional, resolve, type SchemaOf } from "../core/schema.ts";
import { alone, type Reduction } from "../distributed/reduction.ts";
import { judged } from "../curvature/judged.ts";
import {
  isEarly,
  Refresher,
  type RefreshMode,
  type RefreshOutcome,
  refreshRule,
} from "../curvature/refresher.ts";
import { FailureCounts, type Refresh, type Renewal } from "../curvature/renewal.ts";
import {
  areCounts,
  type Counters,
  isCount,
  isUnderway,
  matricesUnderway,
  resumeUnderway,
  underwayCounts,
} from "./counters.ts";
import { groupsOf, groupsRule, ownSettings, type ParameterGroup } from "./groups.ts";
import { checkObjective, type Objective } from "./objective.ts";
import { Optimizer } from "./optimizer.ts";
import type { Preconditioner, PreconditionerRow, PreconditionerUpdate } from "./preconditioner.ts";
import { presetFor, presets } from "./presets.ts";
import { SoapBlock } from "./soap_block.ts";
import { type StepOptions, stepSchema } from "./step_options.ts";

/** Options of {@linkcode soap}. Its momentum is `beta1`. */
export interface SoapOptions extends Omit<StepOptions, "momentum" | "groups"> {
  /** Weight of the past in the average of gradients, in [0, 1). @default {0.95} */
  readonly beta1?: number;
  /** Weight of the past in the average of squared gradients, in [0, 1). @default {0.95} */
  readonly beta2?: number;
  /** Weight of the past in Shampoo's factors, in [0, 1). @default {beta2} */
  readonly shampooBeta?: number;
  /**
   * How the factors are estimated: each by itself, or each whitened by the other (`"kl"`, Lin et al. 2025), which costs
   * three more products per step. Where only one side has a factor the two have the same basis. @default {"shampoo"}
   */
  readonly factors?: "shampoo" | "kl";
  /** Added to the root of the second moment, > 0. @default {1e-8} */
  readonly epsilon?: number;
  /** Steps between renewals of the eigenbasis, >= 1. @default {10} */
  readonly preconditionFrequency?: number;
  /**
   * A side of a gradient that is larger than this keeps its coordinates: no factor, no eigenproblem. 0
   * makes every layer Adam. @default {10000}
   */
  readonly maxPreconditionerSize?: number;
  /**
   * A basis that is due is only renewed when its off-diagonal share, `|offdiag(Q^T X Q)|_F / |X|_F`,
   * exceeds this, in [0, 1). @default {0}
   */
  readonly staleness?: number;
  /** Whether steps wait for bases, or go on with the old ones. @default {{ kind: "immediate" }} */
  readonly refresh?: RefreshMode | RefreshMode["kind"];
  /** Failed refreshes of a layer in a row that are tolerated before a step throws. @default {5} */
  readonly toleratedFailures?: number;
  /** Parameters with settings of their own; the first group that takes a parameter wins. @default {[]} */
  readonly groups?: readonly SoapGroup[];
}

/** A group of {@linkcode soap}. */
export interface SoapGroup
  extends
    ParameterGroup,
    Pick<SoapOptions, "beta1" | "beta2" | "shampooBeta" | "epsilon" | "maxPreconditionerSize"> {}

/**
 * SOAP (Vyas et al. 2024, arXiv 2409.11321, alg. 3): Adam in the eigenbasis of Shampoo's factors.
 * With `G' = Q_L^T G Q_R`: `M <- b1 M + (1 - b1) G'`, `V <- b2 V + (1 - b2) G'^2`,
 * `W <- W - lr Q_L [M^ / (sqrt(V^) + epsilon)] Q_R^T`, then `L <- b L + (1 - b) G G^T`,
 * `R <- b R + (1 - b) G^T G`, and every `preconditionFrequency` steps `Q_L`, `Q_R` are their
 * eigenvectors. It asks for gradients alone, so it serves every objective; a convolution's gradient is
 * its matrix [dOut, kernel height * width * channels + bias], of all groups together; parameters with a side of
 * 1, weights of depthwise convolutions, and scales and shifts of normalisations, take Adam.
 *
 * As in the authors' implementation the first step only observes: no weight moves along its direction,
 * for a gradient is never seen in a basis that was made from it alone.
 *
 * With `factors: "kl"` it is KL-SOAP (Lin et al. 2025, arXiv 2509.03378):
 * `L <- b L + (1 - b) G R^-1 G^T / dIn'`, `R <- b R + (1 - b) G^T L^-1 G / dOut`.
 *
 * What differs: bases are solved for, warm from the earlier one, instead of one step of power iteration
 * and QR; when a basis moves, `V` moves along as the diagonal of what it stood for, where the authors
 * leave it (docs/MATH.md, section 4.8).
 *
 * Defaults, the paper's: learning rate 3e-3, averages 0.95, bases every 10 steps. Not the paper's are the
 * guards of a step that need no captures, as TEKFAC has them: `relativeChange`, `gradientClip` and
 * `takeBack`; each can be `false`. The paper warms the learning rate up and uses decoupled weight decay, as `annealing: warmup(...)` and
 * `weightDecay: { kind: "decoupled", value: 1e-2 }`; it is off unless asked for.
 *
 * @param objective The model and its loss.
 * @param options See {@linkcode SoapOptions}.
 * @returns An optimizer; the caller disposes it.
 * @throws {OptionError} On an unknown option or a value outside its range; nothing is allocated then.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, dense, objective, sequential, soap, squaredError } from "@tekfac/tekfac";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [dense(2)], seed: 1 });
 * using optimizer = soap(objective(model, squaredError()), { learningRate: 0.1 });
 * const batch = { inputs: [1, 2, 3, 5, 2, 2], targets: [1, 0, 2, 1, 0, 2] };
 * const first = optimizer.stepSync(batch);
 * for (let i = 0; i < 100; i++) optimizer.stepSync(batch);
 * assert(optimizer.stepSync(batch).loss < first.loss / 10);
 * ```
 */
export function soap<B>(objective: Objective<B>, options: SoapOptions = {}): Optimizer<B> {
  const subject = "Cannot create SOAP";
  checkObjective(subject, objective);
  const resolved = resolve(subject, options, soapSchema, {
    relativeChange: presetFor("default", objective.parameters.length).relativeChange,
  });
  const { backend, parameters } = objective;
  const { beta1, beta2, epsilon, shampooBeta, maxPreconditionerSize } = resolved;
  const all = { beta1, beta2, epsilon, shampooBeta, maxPreconditionerSize };
  const settings = groupsOf(subject, resolved.groups, parameters)
    .map((group) => ownSettings(all, group));
  const { factors } = resolved;
  const reduction = resolved.group?.reductionOn(subject, backend, isEarly(resolved.refresh)) ??
    alone;
  return backend.building(() => {
    const blocks = madeForEach(
      parameters,
      (index) => new SoapBlock(backend, parameters[index], { ...settings[index], factors }),
    );
    const preconditioner = new SoapPreconditioner(backend, blocks, {
      ...resolved,
      averages: settings.map(({ beta1, beta2, epsilon, shampooBeta = beta2 }) => ({
        adam: { beta1, beta2, epsilon },
        shampooBeta,
      })),
      frequency: resolved.preconditionFrequency,
      reduction,
    });
    return new Optimizer(objective, preconditioner, { ...resolved, momentum: false });
  });
}

const decay = number({ min: 0, below: 1 });
const epsilon = number({ above: 0 });
const size = number({ min: 0, integer: true });
const { momentum: _, ...stepRules } = stepSchema("update");

/** What its options take. */
export const soapSchema = {
  ...stepRules,
  learningRate: optional(stepRules.learningRate, 3e-3),
  relativeChange: optional(stepRules.relativeChange, presets.default.relativeChange),
  gradientClip: optional(stepRules.gradientClip, presets.default.gradientClip),
  takeBack: optional(stepRules.takeBack, presets.default.takeBack),
  beta1: optional(decay, 0.95),
  beta2: optional(decay, 0.95),
  shampooBeta: maybe(decay),
  factors: optional(choice("shampoo", "kl"), "shampoo"),
  epsilon: optional(epsilon, 1e-8),
  preconditionFrequency: optional(number({ min: 1, integer: true }), 10),
  maxPreconditionerSize: optional(size, 10_000),
  staleness: optional(decay, 0),
  refresh: optional(refreshRule, { kind: "immediate" }),
  toleratedFailures: optional(size, 5),
  groups: groupsRule({
    ...{ beta1: decay, beta2: decay, shampooBeta: decay },
    ...{ epsilon, maxPreconditionerSize: size },
  }),
} satisfies SchemaOf<SoapOptions>;

/** Weights of the past in the averages of one parameter, and epsilon. */
interface SoapAverages {
  readonly adam: Omit<AdamNumbers, "count">;
  readonly shampooBeta: number;
}

/** The numbers of SOAP, checked. */
interface SoapNumbers {
  /** By parameter. */
  readonly averages: readonly SoapAverages[];
  readonly frequency: number;
  readonly staleness: number;
  readonly refresh: Required<RefreshMode>;
  readonly toleratedFailures: number;
  /** With whom eigenproblems are shared out. */
  readonly reduction: Reduction;
}

/** Owns the blocks of all parameters and renews their bases together. */
class SoapPreconditioner implements Preconditioner {
  readonly method = "soap";
  readonly #backend: Backend;
  readonly #blocks: readonly SoapBlock[];
  readonly #numbers: SoapNumbers;
  readonly #refresher: Refresher<SoapBlock>;
  readonly #failures: FailureCounts;
  /** Steps begun; the first of them only observes. */
  #count = 0;

  constructor(backend: Backend, blocks: readonly SoapBlock[], numbers: SoapNumbers) {
    this.#backend = backend;
    this.#blocks = blocks;
    this.#numbers = numbers;
    this.#refresher = new Refresher(
      backend,
      numbers.refresh,
      numbers.staleness,
      numbers.reduction,
    );
    const layers = blocks.map(({ parameter }) => parameter.name);
    this.#failures = new FailureCounts(layers, numbers.toleratedFailures);
  }

  get plan(): string {
    return `factors and moments every step, bases every ${this.#numbers.frequency} steps`;
  }

  get state(): Readonly<Record<string, Matrix>> {
    return Object.fromEntries(
      this.#blocks.flatMap(({ parameter: { name }, state }) =>
        Object.entries(state).map(([key, matrix]) => [`${name}.${key}`, matrix])
      ),
    );
  }

  counters(): Counters {
    return {
      steps: this.#count,
      failures: [...this.#failures.counts],
      solved: this.#blocks.map(({ solved }) => +solved),
      underway: underwayCounts(this.#refresher, this.#blocks),
    };
  }

  restore(counters: Counters): void {
    const { steps, failures, underway = [] } = counters;
    const blocks = this.#blocks;
    // Files of the first format do not say which bases are solved.
    const { solved = blocks.map(() => +(isCount(steps) && steps > 1)) } = counters;
    const { counts } = this.#failures;
    if (
      !isCount(steps) || !areCounts(failures, counts.length) ||
      !areCounts(solved, blocks.length, 1) || !isUnderway(underway, blocks)
    ) {
      throw new StateError("Cannot restore SOAP: its counters are missing or damaged");
    }
    this.#count = steps;
    failures.forEach((count, index) => counts[index] = count);
    resumeUnderway(this.#refresher, underway as readonly number[], blocks);
    blocks.forEach((block, index) => block.solved = solved[index] === 1);
  }

  underway({ underway = [] }: Counters): Readonly<Record<string, Matrix>> {
    if (isUnderway(underway, this.#blocks)) {
      return matricesUnderway(underway as readonly number[], this.#blocks);
    }
    throw new StateError("Cannot restore SOAP: its counters are damaged");
  }

  mark(): () => void {
    const count = this.#count;
    const goBack = markAll([this.#failures, this.#refresher, ...this.#blocks]);
    return () => {
      this.#count = count;
      goBack();
    };
  }

  /** Renews the bases from the factors of the steps before this one. */
  update(step: number): PreconditionerUpdate {
    const due = this.#count > 0 && (this.#count - 1) % this.#numbers.frequency === 0;
    const blocks = due
      ? this.#blocks.filter(({ method, parameter }) => method === "soap" && isTrainable(parameter))
      : [];
    const renewals = this.#adopt(step, this.#refresher.refresh(step, blocks));
    this.#count++;
    return { observed: { statistics: true, eigenvalues: this.#count > 1 }, renewals };
  }

  /** The direction in the basis as it is; only then does the gradient enter the factors. */
  precondition(index: number, source: Matrix): Matrix {
    const block = this.#blocks[index];
    const { adam, shampooBeta } = this.#numbers.averages[index];
    const direction = this.#backend.scratch(source.rows, source.cols);
    this.#backend.scope(() => {
      const count = this.#count - 1;
      if (count === 0) this.#backend.axpby(direction, 0, source, 0);
      else block.direction(direction, source, { ...adam, count });
    });
    this.#backend.scope(() => block.observe(source, shampooBeta));
    return direction;
  }

  complete(): void {
    this.#refresher.complete();
  }

  judge(index: number, refresh: Refresh, step: number): void {
    this.#failures.judge(index, refresh, step);
  }

  describe(index: number): PreconditionerRow {
    const { method, state } = this.#blocks[index];
    const factors = [state.outputFactor, state.inputFactor].map((factor) =>
      factor === undefined ? "none" : `${factor.rows} x ${factor.rows}`
    );
    return {
      block: method,
      factors: method === "soap" ? factors.join(", ") : "",
      elements: Object.values(state).reduce((sum, { rows, cols }) => sum + rows * cols, 0),
    };
  }

  [Symbol.dispose](): void {
    this.#refresher.cancel();
    for (const block of this.#blocks) block[Symbol.dispose]();
  }

  #adopt(
    step: number,
    outcomes: readonly RefreshOutcome<SoapBlock>[],
  ): readonly (Renewal | undefined)[] {
    const by = { failures: this.#failures, refresher: this.#refresher };
    return judged(this.#backend, this.#blocks, outcomes, by, step);
  }
}
