/**
 * What the four Kronecker-factored optimizers share: from options to blocks to an optimizer.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { madeForEach } from "../core/at_layer.ts";
import { OptionError } from "../core/errors.ts";
import { checkChoice, checkKnownKeys, checkNumber, checkSchedule } from "../core/options.ts";
import { leavesCaptures, type Parameter } from "../core/parameter.ts";
import type { Schedule } from "../core/schedule.ts";
import { DampingAdapter, resolveAdaptation } from "../curvature/adaptation.ts";
import type { Block, BlockMethod, BlockOptions } from "../curvature/blocks/block.ts";
import { DiagonalBlock } from "../curvature/blocks/diagonal.ts";
import { resolveDamping } from "../curvature/damping.ts";
import { CurvatureEstimator } from "../curvature/estimator.ts";
import { resolveRefreshMode } from "../curvature/refresher.ts";
import { resolvePlan } from "../curvature/scheduler.ts";
import {
  checkAdaptation,
  kroneckerNames,
  type KroneckerOptions,
  presetOf,
  resolveFisher,
  resolveShare,
} from "./kronecker_options.ts";
import { KroneckerPreconditioner } from "./kronecker_preconditioner.ts";
import type { Objective } from "./objective.ts";
import { Optimizer } from "./optimizer.ts";
import { resolveStepOptions } from "./step_options.ts";

/** How a method makes its blocks. */
export interface BlockMaker {
  /** Name of the method. */
  readonly method: Exclude<BlockMethod, "diagonal">;
  /** Names of options of the method alone, which its caller checks. */
  readonly extraNames: readonly string[];
  /** The method's block of a parameter. */
  readonly create: (backend: Backend, parameter: Parameter, options: BlockOptions) => Block;
  /** Whether all bases are of full rank. */
  readonly full: boolean;
}

/**
 * Builds an optimizer from the constructor of its blocks.
 *
 * @param objective The model and its loss.
 * @param options The user's.
 * @throws {OptionError} On an unknown option or a value outside its range; nothing is allocated then.
 */
export function kroneckerOptimizer<B>(
  objective: Objective<B>,
  options: KroneckerOptions & { readonly exponent?: number },
  { method, extraNames, create, full }: BlockMaker,
): Optimizer<B> {
  const subject = `Cannot create ${method.toUpperCase()}`;
  checkKnownKeys(subject, options, [...kroneckerNames, ...extraNames]);
  const preset = presetOf(subject, options);
  const step = resolveStepOptions(subject, options, preset);
  const damping = resolveDamping(subject, options.damping ?? preset.damping);
  const adaptation = resolveAdaptation(subject, options.dampingAdaptation ?? false);
  checkAdaptation(subject, objective, step, options);
  const fisher = resolveFisher(subject, objective, options.fisher, preset);
  const decay = { min: 0, below: 1 };
  const schedule = (name: "factorDecay" | "eigenvalueDecay"): Schedule =>
    checkSchedule(subject, name, options[name] ?? 0.95, decay);
  const denseStart = options.denseStart ?? preset.denseStart;
  const intervals = full ? preset.fullIntervals : preset.intervals;
  const plan = resolvePlan(subject, { ...options, denseStart }, intervals);
  const estimatorOptions = {
    plan,
    averaging: checkChoice(subject, "averaging", options.averaging ?? preset.averaging, [
      "corrected",
      "seeded",
    ]),
    factorDecay: schedule("factorDecay"),
    eigenvalueDecay: schedule("eigenvalueDecay"),
    staleness: checkNumber(subject, "staleness", options.staleness ?? 0, decay),
    refresh: resolveRefreshMode(subject, options.refresh ?? { kind: "immediate" }),
    toleratedFailures: checkNumber(subject, "toleratedFailures", options.toleratedFailures ?? 5, {
      min: 0,
      integer: true,
    }),
  };
  const { observationLimit = preset.observationLimit } = options;
  const observation = {
    fisher,
    wholeUntil: plan.denseStart === false ? 0 : plan.denseStart.steps,
    share: resolveShare(subject, { ...preset.observe, ...options.observe }),
    limit: observationLimit !== false &&
      checkNumber(subject, "observationLimit", observationLimit, { above: 1 }),
  };
  const { backend, parameters } = objective;
  const choices = parameters.map((parameter) => chooseBlock(subject, parameter, options.blocks));
  let blocks: readonly Block[] = [];
  const adapter = adaptation === false ? undefined : new DampingAdapter(backend, adaptation);
  const context: BlockOptions = {
    damping,
    convolutions: () => blocks.filter(hasKroneckerConvolution),
    ...(adapter === undefined ? {} : { dampingFactor: adapter.factor }),
  };
  try {
    blocks = madeForEach(
      parameters,
      (index) =>
        choices[index] === "diagonal"
          ? new DiagonalBlock(backend, parameters[index], context)
          : create(backend, parameters[index], context),
    );
  } catch (error) {
    adapter?.[Symbol.dispose]();
    throw error;
  }
  const estimator = new CurvatureEstimator(backend, blocks, estimatorOptions);
  const preconditioner = new KroneckerPreconditioner(
    backend,
    method,
    estimator,
    plan,
    adapter,
  );
  return new Optimizer(objective, preconditioner, step, observation);
}

function hasKroneckerConvolution({ parameter, method }: Block): boolean {
  return parameter.layer.kind === "conv2d" && method !== "diagonal";
}

function chooseBlock(
  subject: string,
  parameter: Parameter,
  choose: KroneckerOptions["blocks"],
): "kronecker" | "diagonal" {
  const possible = leavesCaptures(parameter.layer)
    ? ["kronecker" as const, "diagonal" as const]
    : ["diagonal" as const];
  const choice = choose === undefined ? possible[0] : choose(parameter);
  if (!(possible as string[]).includes(choice)) {
    throw new OptionError(
      subject,
      "blocks",
      `must choose ${possible.map((p) => `'${p}'`).join(" or ")} for parameter ` +
        `'${parameter.name}', so that every parameter is claimed`,
      choice,
    );
  }
  return choice;
}
