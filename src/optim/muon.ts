/**
 * The Muon optimizer: orthogonal steps for matrices, AdamW for the rest.
 *
 * @module
 */

import { madeForEach } from "../core/at_layer.ts";
import { OptionError } from "../core/errors.ts";
import { checkFlag } from "../core/options.ts";
import { isNormalization, leavesCaptures, type Parameter } from "../core/parameter.ts";
import type { Schedule } from "../core/schedule.ts";
import {
  callback,
  choice,
  flag,
  maybe,
  number,
  optional,
  record,
  resolve,
  schedule,
  type SchemaOf,
} from "../core/schema.ts";
import { alone } from "../distributed/reduction.ts";
import { groupsOf, groupsRule, ownSettings, type ParameterGroup } from "./groups.ts";
import { MuonBlock } from "./muon_block.ts";
import { MuonPreconditioner } from "./muon_preconditioner.ts";
import { checkObjective, type Objective } from "./objective.ts";
import { Optimizer } from "./optimizer.ts";
import { type Orthogonalization, quintics } from "./orthogonalize.ts";
import { type StepOptions, stepSchema } from "./step_options.ts";
import { fractionRule } from "./fraction_rule.ts";

/** AdamW inside {@linkcode muon}. */
export interface MuonAdamOptions {
  /** Factor of its update, >= 0; `annealing` multiplies it too. @default {3e-4} */
  readonly learningRate?: Schedule;
  /** Weight of the past in the average of gradients, in [0, 1). @default {0.9} */
  readonly beta1?: number;
  /** Weight of the past in the average of squared gradients, in [0, 1). @default {0.95} */
  readonly beta2?: number;
  /** Added to the root of the second moment, > 0. @default {1e-10} */
  readonly epsilon?: number;
}

/** A group of {@linkcode muon}. */
export interface MuonGroup extends ParameterGroup, Pick<MuonOptions, "momentum" | "nesterov"> {
  /** Of what of it takes AdamW. */
  readonly adam?: Omit<MuonAdamOptions, "learningRate">;
}

/** Options of {@linkcode muon}. */
export interface MuonOptions extends Omit<StepOptions, "momentum" | "groups"> {
  /** Weight of the past in the velocity, in [0, 1). @default {0.95} */
  readonly momentum?: Schedule;
  /** Whether the gradient is added to the velocity once more. @default {true} */
  readonly nesterov?: boolean;
  /** Polynomials of the iterations. @default {"jordan"} */
  readonly orthogonalization?: Orthogonalization;
  /** Number of iterations, >= 1. @default {5} */
  readonly iterations?: number;
  /**
   * Whether a parameter's weights take Muon. Scales and shifts of normalisations cannot.
   *
   * @default {dense layers and convolutions, but for the last of them}
   */
  readonly matrices?: (parameter: Parameter) => boolean;
  /** Of what does not take Muon. */
  readonly adam?: MuonAdamOptions;
  /**
   * Share of the ranks of a `group` that orthogonalize each matrix, in (0, 1]; the others are sent it. `auto` takes what
   * is fastest by the times of the first steps. No bit of a step depends on it. @default {"auto"}
   */
  readonly workerFraction?: number | "auto";
  /** Parameters with settings of their own; the first group that takes a parameter wins. @default {[]} */
  readonly groups?: readonly MuonGroup[];
}

/**
 * Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon): `V <- mu V + G`,
 * `W <- W - lr sqrt(max(1, rows / cols)) O`, O being about the orthogonal matrix nearest to `G + mu V`
 * ({@linkcode orthogonalize}): a step of the same length in every direction that the gradient has.
 *
 * It is for matrices. A convolution's weights are one, [dOut, kernel height * width * channels]. Biases, the last
 * column of a layer's matrix here, are vectors and take AdamW, with a learning rate of its own; so do scales and
 * shifts of normalisations, layers of other kinds (embeddings), and the last layer, whose rows are classes and no
 * features. A model of a single layer is therefore AdamW unless `matrices` says otherwise.
 *
 * The learning rate of a parameter group is that of its matrices, whose biases then change in proportion, and of its
 * parameters that take AdamW altogether.
 *
 * Defaults, the authors': learning rate 0.02, momentum 0.95 (Nesterov), five iterations; AdamW at 3e-4 with averages
 * 0.9 and 0.95; no clip. Decoupled weight decay shrinks what AdamW has by AdamW's rate; where a bias is to decay,
 * which it is not unless asked for, it does so at its matrix's rate.
 *
 * @param objective The model and its loss.
 * @param options See {@linkcode MuonOptions}.
 * @returns An optimizer; the caller disposes it.
 * @throws {OptionError} On an unknown option or a value outside its range; nothing is allocated then.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, dense, muon, objective, sequential, squaredError, tanh } from "@tekfac/tekfac";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [dense(8), tanh(), dense(1)], seed: 1 });
 * using optimizer = muon(objective(model, squaredError()), { adam: { learningRate: 0.02 } });
 * const batch = { inputs: [0, 0, 0, 1, 1, 0, 1, 1], targets: [0, 1, 1, 0] }; // exclusive or
 * const first = optimizer.stepSync(batch);
 * for (let i = 0; i < 200; i++) optimizer.stepSync(batch);
 * assert(optimizer.stepSync(batch).loss < first.loss / 10);
 * assert.match(optimizer.describe(), /dense1 .* muon/);
 * ```
 */
export function muon<B>(objective: Objective<B>, options: MuonOptions = {}): Optimizer<B> {
  const subject = "Cannot create Muon";
  checkObjective(subject, objective);
  const { momentum, groups, ...resolved } = resolve(subject, options, muonSchema);
  const { nesterov, adam: { learningRate: adamRate, ...adam } } = resolved;
  const { backend, parameters } = objective;
  const chosen = chooseMatrices(subject, parameters, resolved.matrices);
  const settings = groupsOf(subject, groups, parameters).map((group) => ({
    ...ownSettings({ momentum, nesterov }, group),
    adam: ownSettings(adam, group?.adam),
  }));
  const reduction = resolved.group?.reductionOn(subject, backend) ?? alone;
  return backend.building(() => {
    const blocks = madeForEach(
      parameters,
      (index) => new MuonBlock(backend, parameters[index], chosen[index]),
    );
    const preconditioner = new MuonPreconditioner(backend, blocks, {
      learningRate: resolved.learningRate,
      settings,
      polynomials: quintics(resolved.orthogonalization, resolved.iterations),
      adamRate,
    }, reduction.working(parameters.length, resolved.workerFraction));
    // Its momentum is inside the preconditioner, and is checked before a step like all functions of the step.
    const velocities = settings.map(({ momentum }) => momentum);
    return new Optimizer(objective, preconditioner, {
      ...{ ...resolved, momentum: false as const, velocities },
      groups: groups.map(({ include, learningRate, weightDecay }) => ({
        ...{ include, learningRate, weightDecay },
      })),
    });
  });
}

const decay = number({ min: 0, below: 1 });
const rate = schedule({ min: 0 });
const velocity = schedule({ min: 0, below: 1 });
const { momentum: _, ...stepRules } = stepSchema("update");
const adamDefaults = { learningRate: 3e-4, beta1: 0.9, beta2: 0.95, epsilon: 1e-10 };
const adamNumbers = { beta1: decay, beta2: decay, epsilon: number({ above: 0 }) };
const adamRules = { learningRate: rate, ...adamNumbers };
const adamOfGroup = {
  ...{ beta1: maybe(decay), beta2: maybe(decay), epsilon: maybe(adamNumbers.epsilon) },
};

/** What its options take. */
export const muonSchema = {
  ...stepRules,
  learningRate: optional(rate, 0.02),
  momentum: optional(velocity, 0.95),
  nesterov: optional(flag, true),
  orthogonalization: optional(choice("jordan", "polarExpress"), "jordan"),
  iterations: optional(number({ min: 1, integer: true }), 5),
  matrices: maybe(callback<NonNullable<MuonOptions["matrices"]>>("a function of the parameter")),
  adam: optional(record(adamRules satisfies SchemaOf<MuonAdamOptions>), adamDefaults),
  workerFraction: fractionRule,
  groups: groupsRule({ momentum: velocity, nesterov: flag, adam: record(adamOfGroup) }),
} satisfies SchemaOf<MuonOptions>;

/** Which parameters are orthogonalized. */
function chooseMatrices(
  subject: string,
  parameters: readonly Parameter[],
  matrices: MuonOptions["matrices"],
): readonly boolean[] {
  if (matrices === undefined) {
    const last = parameters.findLastIndex(({ layer }) => leavesCaptures(layer));
    return parameters.map(({ layer }, index) => leavesCaptures(layer) && index !== last);
  }
  return parameters.map((parameter) => {
    const chosen = checkFlag(subject, "matrices", matrices(parameter));
    if (chosen && isNormalization(parameter.layer)) {
      const expectation = `must be false for scales and shifts, '${parameter.name}'`;
      throw new OptionError(subject, "matrices", expectation, chosen);
    }
    return chosen;
  });
}
