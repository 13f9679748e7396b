/**
 * Adam, and AdamW through decoupled weight decay.
 *
 * @module
 */

import type { AdamNumbers, Backend } from "../backend/backend.ts";
import { madeForEach } from "../core/at_layer.ts";
import { StateError } from "../core/errors.ts";
import type { Matrix, OwnedMatrix } from "../core/matrix.ts";
import type { Parameter } from "../core/parameter.ts";
import { number, optional, resolve, type Resolved, type SchemaOf } from "../core/schema.ts";
import { Owner } from "../curvature/blocks/block.ts";
import { areCounts, type Counters } from "./counters.ts";
import { groupsOf, groupsRule, ownSettings, type ParameterGroup } from "./groups.ts";
import { checkObjective, type Objective } from "./objective.ts";
import { Optimizer } from "./optimizer.ts";
import type { Preconditioner, PreconditionerRow } from "./preconditioner.ts";
import { type StepOptions, stepSchema } from "./step_options.ts";

/** Options of {@linkcode adam}. Its momentum is `beta1`. */
export interface AdamOptions extends Omit<StepOptions, "momentum" | "groups"> {
  /** Weight of the past in the average of gradients, in [0, 1). @default {0.9} */
  readonly beta1?: number;
  /** Weight of the past in the average of squared gradients, in [0, 1). @default {0.999} */
  readonly beta2?: number;
  /** Added to the root of the second moment, > 0. @default {1e-8} */
  readonly epsilon?: number;
  /** Parameters with settings of their own; the first group that takes a parameter wins. @default {[]} */
  readonly groups?: readonly AdamGroup[];
}

/** A group of {@linkcode adam}. */
export interface AdamGroup
  extends ParameterGroup, Pick<AdamOptions, "beta1" | "beta2" | "epsilon"> {}

/**
 * Adam (Kingma & Ba 2015, alg. 1): `W <- W - lr mHat / (sqrt(vHat) + epsilon)`. With
 * `weightDecay: { kind: "decoupled", ... }` it is AdamW (Loshchilov & Hutter 2019); set `include` to
 * `() => true` to decay biases too, as other implementations do.
 *
 * Defaults: learning rate 1e-3, no clip.
 *
 * @param objective The model and its loss.
 * @param options See {@linkcode AdamOptions}.
 * @returns An optimizer; the caller disposes it.
 * @throws {OptionError} On an unknown option or a value outside its range.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { adam, createBackend, dense, objective, sequential, squaredError } from "@tekfac/tekfac";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
 * using optimizer = adam(objective(model, squaredError()), { learningRate: 0.1 });
 * const batch = { inputs: new Float32Array([-1, 1]), targets: [1, 3] };
 * for (let i = 0; i < 200; i++) optimizer.stepSync(batch);
 * assert(optimizer.stepSync(batch).loss < 1e-2); // y = x + 2
 * ```
 */
export function adam<B>(objective: Objective<B>, options: AdamOptions = {}): Optimizer<B> {
  const subject = "Cannot create Adam";
  checkObjective(subject, objective);
  return adamOptimizer(objective, resolve(subject, options, adamSchema));
}

/** {@linkcode adam} of options that are checked and complete. */
export function adamOptimizer<B>(
  objective: Objective<B>,
  options: Resolved<typeof adamSchema>,
): Optimizer<B> {
  const { backend, parameters } = objective;
  const { beta1, beta2, epsilon, groups } = options;
  const numbers = groupsOf("Cannot create Adam", groups, parameters)
    .map((group) => ownSettings({ beta1, beta2, epsilon }, group));
  return backend.building(() => {
    const preconditioner = new AdamPreconditioner(backend, parameters, numbers);
    return new Optimizer(objective, preconditioner, { ...options, momentum: false });
  });
}

const decay = number({ min: 0, below: 1 });
const epsilon = number({ above: 0 });
const { momentum: _, ...stepRules } = stepSchema("update");

/** What its options take. */
export const adamSchema = {
  ...stepRules,
  learningRate: optional(stepRules.learningRate, 1e-3),
  beta1: optional(decay, 0.9),
  beta2: optional(decay, 0.999),
  epsilon: optional(epsilon, 1e-8),
  groups: groupsRule({ beta1: decay, beta2: decay, epsilon }),
} satisfies SchemaOf<AdamOptions>;

/** First and second moments of a gradient. */
class Moments extends Owner {
  readonly first: OwnedMatrix;
  readonly second: OwnedMatrix;

  constructor(backend: Backend, { value: { rows, cols } }: Parameter) {
    super();
    this.first = this.alloc(backend, rows, cols);
    this.second = this.alloc(backend, rows, cols);
  }
}

/** First and second moments of all gradients. */
class AdamPreconditioner implements Preconditioner {
  readonly method = "adam";
  readonly plan = "moments every step";
  readonly #backend: Backend;
  readonly #parameters: readonly Parameter[];
  /** By parameter. */
  readonly #numbers: readonly Omit<AdamNumbers, "count">[];
  readonly #moments: readonly Moments[];
  /** Updates of each parameter: one that was frozen is younger. */
  readonly #counts: number[];

  constructor(
    backend: Backend,
    parameters: readonly Parameter[],
    numbers: readonly Omit<AdamNumbers, "count">[],
  ) {
    this.#backend = backend;
    this.#parameters = parameters;
    this.#numbers = numbers;
    this.#counts = parameters.map(() => 0);
    this.#moments = madeForEach(parameters, (index) => new Moments(backend, parameters[index]));
  }

  get state(): Readonly<Record<string, Matrix>> {
    return Object.fromEntries(this.#parameters.flatMap(({ name }, index) => [
      [`${name}.firstMoment`, this.#moments[index].first],
      [`${name}.secondMoment`, this.#moments[index].second],
    ]));
  }

  counters(): Counters {
    return { updates: [...this.#counts] };
  }

  restore({ updates }: Counters): void {
    if (!areCounts(updates, this.#counts.length)) {
      throw new StateError("Cannot restore Adam: its counters are missing or damaged");
    }
    updates.forEach((count, index) => this.#counts[index] = count);
  }

  precondition(index: number, source: Matrix): Matrix {
    const out = this.#backend.scratch(source.rows, source.cols);
    const { first, second } = this.#moments[index];
    const numbers = { ...this.#numbers[index], count: ++this.#counts[index] };
    this.#backend.adamDirection(out, first, second, source, numbers);
    return out;
  }

  describe(index: number): PreconditionerRow {
    const { rows, cols } = this.#parameters[index].value;
    return { block: "adam", factors: "", elements: 2 * rows * cols };
  }

  [Symbol.dispose](): void {
    for (const moments of this.#moments) moments[Symbol.dispose]();
  }
}
