/**
 * Parameters with settings of their own.
 *
 * @module
 */

import { OptionError } from "../core/errors.ts";
import { checkFlag, nearestName } from "../core/options.ts";
import type { Parameter } from "../core/parameter.ts";
import { type Schedule, valueAt } from "../core/schedule.ts";
import {
  callback,
  isRecord,
  maybe,
  resolve,
  type Resolved,
  type Rule,
  schedule,
  type Schema,
  type SchemaOf,
} from "../core/schema.ts";
import type { Momentum } from "./transforms/momentum.ts";
import { checkIncluded, type WeightDecay, weightDecayRule } from "./transforms/weight_decay.ts";

/**
 * Settings of some parameters. What is left out is that of all. Optimizers have more of them: their momentum or the
 * weights of their averages, `epsilon`, `damping`. What belongs to the whole step, such as its bounds, annealing or
 * when curvature is observed, no group can have.
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

/** A group, checked. What is `undefined` is that of all. */
export interface ResolvedGroup {
  /** See {@linkcode ParameterGroup}. */
  readonly include: (parameter: Parameter) => boolean;
  /** See {@linkcode ParameterGroup}. */
  readonly learningRate: Schedule | undefined;
  /** See {@linkcode ParameterGroup}. */
  readonly weightDecay: Required<WeightDecay> | false | undefined;
  /** Of the optimizers that have it as an option of a step. */
  readonly momentum?: Momentum | false | undefined;
}

/** What every group takes. */
const common = {
  include: callback<ParameterGroup["include"]>("a function of the parameter"),
  learningRate: maybe(schedule({ min: 0 })),
  weightDecay: maybe(weightDecayRule),
} satisfies SchemaOf<ParameterGroup>;

/** Groups, checked, that may also have other settings. */
type GroupsOf<S extends Schema> = readonly (
  & Omit<ResolvedGroup, keyof S>
  & { readonly [K in keyof S]?: Resolved<S>[K] | undefined }
)[];

/**
 * What the option takes; none by default.
 *
 * @param own What a group of this optimizer takes besides: its settings that are of single parameters. All others
 * are of the whole step.
 */
export function groupsRule<S extends Schema>(own: S): Rule<GroupsOf<S>> {
  const others = Object.entries(own).map((
    [name, rule],
  ) => [name, maybe({ ...rule, preset: undefined })]);
  const schema: Schema = { ...common, ...Object.fromEntries(others) };
  const names = Object.keys(schema);
  const takes = `a list of { ${names.join(", ")} }`;
  const checkGroup = (subject: string, group: Record<string, unknown>, path: string) => {
    for (const name of Object.keys(group)) {
      if (names.includes(name) || nearestName(name, names) !== undefined) continue;
      const expectation = `is nothing that a group can have (${names.join(", ")}): ` +
        "what else there is holds for all parameters";
      throw new OptionError(subject, path + name, expectation, group[name]);
    }
    return resolve(subject, group, schema, {}, path);
  };
  return {
    takes,
    preset: [],
    check(subject, option, value) {
      if (!Array.isArray(value) || !value.every(isRecord)) {
        throw new OptionError(subject, option, `must be ${takes}`, value);
      }
      const groups = value.map((group, i) => checkGroup(subject, group, `${option}.${i}.`));
      return Object.freeze(groups) as unknown as GroupsOf<S>;
    },
  };
}

/** What holds for one parameter. */
export interface ParameterSettings {
  /** Its weight decay. */
  readonly weightDecay: Required<WeightDecay> | false;
  /** Its own learning rate. */
  readonly learningRate: Schedule | undefined;
  /** Its momentum, outside of what preconditions. */
  readonly momentum: Momentum | false;
}

/** Options of which the settings of parameters are made. */
export interface Grouping {
  /** Of all parameters that no group speaks for. */
  readonly learningRate: Schedule;
  /** Of all parameters that no group speaks for. */
  readonly weightDecay: Required<WeightDecay> | false;
  /** Of all parameters that no group speaks for. */
  readonly momentum: Momentum | false;
  /** The first that takes a parameter wins. */
  readonly groups: readonly ResolvedGroup[];
}

/**
 * The group of every parameter; `undefined` where none takes it.
 *
 * @throws {OptionError} When a function says of a parameter neither yes nor no.
 */
export function groupsOf<G extends Pick<ResolvedGroup, "include">>(
  subject: string,
  groups: readonly G[],
  parameters: readonly Parameter[],
): readonly (G | undefined)[] {
  return parameters.map((parameter) =>
    groups.find(({ include }, place) =>
      checkFlag(subject, `groups.${place}.include`, include(parameter))
    )
  );
}

/** Settings of all, but for those that a group has of its own. */
export function ownSettings<T extends object>(
  all: T,
  group: { readonly [K in keyof T]?: T[K] | undefined } | undefined,
): T {
  if (group === undefined) return all;
  const entries = Object.entries(all).map((
    [name, value],
  ) => [name, group[name as keyof T] ?? value]);
  return Object.fromEntries(entries);
}

/**
 * The settings of every parameter.
 *
 * @param ownRate Learning rate of a parameter by index, where no group gives it one.
 * @throws {OptionError} When a function says of a parameter neither yes nor no.
 */
export function settingsOf(
  subject: string,
  { weightDecay, momentum, groups }: Grouping,
  parameters: readonly Parameter[],
  ownRate: (index: number) => Schedule | undefined = () => undefined,
): readonly ParameterSettings[] {
  return groupsOf(subject, groups, parameters).map((group, index) => {
    const own = ownSettings({ weightDecay, momentum }, group);
    checkIncluded(subject, own.weightDecay, parameters[index]);
    return { ...own, learningRate: group?.learningRate ?? ownRate(index) };
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
