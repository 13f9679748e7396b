/**
 * Parameters with settings of their own.
 *
 * @module
 */

import { OptionError } from "../core/errors.ts";
import { checkFlag } from "../core/options.ts";
import type { Parameter } from "../core/parameter.ts";
import { type Schedule, valueAt } from "../core/schedule.ts";
import {
  callback,
  isRecord,
  maybe,
  resolve,
  type Rule,
  schedule,
  type SchemaOf,
} from "../core/schema.ts";
import { checkIncluded, type WeightDecay, weightDecayRule } from "./transforms/weight_decay.ts";

/**
 * Settings of some parameters. What is left out is that of all.
 *
 * @example Biases at a tenth of the rate, without decay
 * ```ts
 * import assert from "node:assert/strict";
 * import { adam, createBackend, dense, objective, sequential, squaredError } from "@tekfac/tekfac";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [dense(3), dense(1)], seed: 1 });
 * using optimizer = adam(objective(model, squaredError()), {
 *   learningRate: 1e-2,
 *   weightDecay: 1e-2,
 *   groups: [{ include: ({ name }) => name === "dense1", learningRate: 1e-3, weightDecay: false }],
 * });
 * assert.equal(optimizer.options.groups.length, 1);
 * ```
 */
export interface ParameterGroup {
  /** Which parameters; each belongs to the first group that takes it. */
  readonly include: (parameter: Parameter) => boolean;
  /**
   * Factor of their update, >= 0, in place of the optimizer's: a value, as in other libraries. Bounds on the whole
   * step weigh it in: it is measured against the optimizer's rate, which must be > 0 then.
   */
  readonly learningRate?: Schedule;
  /** Their weight decay, or `false`; a number alone is decoupled. */
  readonly weightDecay?: WeightDecay | Schedule | false;
}

/** A group, checked. */
export interface ResolvedGroup {
  /** See {@linkcode ParameterGroup}. */
  readonly include: (parameter: Parameter) => boolean;
  /** See {@linkcode ParameterGroup}; `undefined` where it is that of all. */
  readonly learningRate: Schedule | undefined;
  /** See {@linkcode ParameterGroup}; `undefined` where it is that of all. */
  readonly weightDecay: Required<WeightDecay> | false | undefined;
}

/** What a group takes. */
const groupSchema = {
  include: callback<ParameterGroup["include"]>("a function of the parameter"),
  learningRate: maybe(schedule({ min: 0 })),
  weightDecay: maybe(weightDecayRule),
} satisfies SchemaOf<ParameterGroup>;

const takes = "a list of { include, learningRate, weightDecay }";

/** What the option takes. */
export const groupsRule: Rule<readonly ResolvedGroup[]> = {
  takes,
  check(subject, option, value) {
    if (!Array.isArray(value) || !value.every(isRecord)) {
      throw new OptionError(subject, option, `must be ${takes}`, value);
    }
    return Object.freeze(
      value.map((group, index) => resolve(subject, group, groupSchema, {}, `${option}.${index}.`)),
    );
  },
};

/** What holds for one parameter. */
export interface ParameterSettings {
  /** Its weight decay. */
  readonly weightDecay: Required<WeightDecay> | false;
  /** Its own learning rate. */
  readonly learningRate: Schedule | undefined;
}

/** Options of which the settings of parameters are made. */
export interface Grouping {
  /** Of all parameters that no group speaks for. */
  readonly learningRate: Schedule;
  /** Of all parameters that no group speaks for. */
  readonly weightDecay: Required<WeightDecay> | false;
  /** The first that takes a parameter wins. */
  readonly groups: readonly ResolvedGroup[];
}

/**
 * The settings of every parameter.
 *
 * @param ownRate Learning rate of a parameter by index, where no group gives it one.
 * @throws {OptionError} When a function says of a parameter neither yes nor no.
 */
export function settingsOf(
  subject: string,
  { weightDecay, groups }: Grouping,
  parameters: readonly Parameter[],
  ownRate: (index: number) => Schedule | undefined = () => undefined,
): readonly ParameterSettings[] {
  return parameters.map((parameter, index) => {
    const group = groups.find(({ include }, place) =>
      checkFlag(subject, `groups.${place}.include`, include(parameter))
    );
    const own = group?.weightDecay ?? weightDecay;
    checkIncluded(subject, own, parameter);
    return { weightDecay: own, learningRate: group?.learningRate ?? ownRate(index) };
  });
}

/**
 * Asks for the learning rate of every parameter, before anything is touched.
 *
 * @throws {OptionError} As {@linkcode relativeRate} does.
 */
export function checkRates(
  settings: readonly ParameterSettings[],
  all: Schedule,
  step: number,
): void {
  for (const { learningRate } of settings) relativeRate(learningRate, all, step);
}

/**
 * A parameter's learning rate over that of all.
 *
 * @throws {OptionError} When there is no such ratio.
 */
export function relativeRate(own: Schedule | undefined, all: Schedule, step: number): number {
  if (own === undefined) return 1;
  const [value, rate] = [valueAt(own, step), valueAt(all, step)];
  if (value === 0) return 0;
  if (rate > 0) return value / rate;
  const expectation = "must be > 0 where a group has a rate of its own";
  throw new OptionError(`Cannot take step ${step}`, "learningRate", expectation, rate);
}
