/**
 * What the four Kronecker-factored optimizers share: from options to blocks to an optimizer.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { madeForEach } from "../core/at_layer.ts";
import { OptionError } from "../core/errors.ts";
import { valueAt } from "../core/schedule.ts";
import { leavesCaptures, type Parameter } from "../core/parameter.ts";
import { DampingAdapter } from "../curvature/adaptation.ts";
import { alone } from "../distributed/reduction.ts";
import type {
  Block,
  BlockOptions,
  LayerBlockContext,
  PartBlock,
} from "../curvature/blocks/block.ts";
import { DiagonalBlock } from "../curvature/blocks/diagonal.ts";
import type { Damping } from "../curvature/damping.ts";
import { CurvatureEstimator } from "../curvature/estimator.ts";
import { isEarly } from "../curvature/refresher.ts";
import { NoiseFactor } from "../curvature/noise_factor.ts";
import { groupsOf, ownSettings } from "./groups.ts";
import type { KroneckerOptions, ResolvedKroneckerOptions } from "./kronecker_options.ts";
import { KroneckerPreconditioner } from "./kronecker_preconditioner.ts";
import type { Objective } from "./objective.ts";
import { Optimizer } from "./optimizer.ts";

/** How a method makes its blocks. */
export interface BlockMaker {
  /** Name of the method. */
  readonly method: LayerBlockContext["method"];
  /**
   * The method's block of a parameter whose layer makes none itself, or of one group of a convolution's.
   *
   * @param part What the block is of.
   * @param whole The parameter that it is a part of, or itself.
   */
  readonly create: (
    backend: Backend,
    part: Parameter,
    options: BlockOptions,
    whole: Parameter,
  ) => Block;
  /** What blocks that layers make are told besides. @default {nothing} */
  readonly own?: (
    parameter: Parameter,
  ) => Pick<LayerBlockContext, "rank" | "exponent" | "eigenvaluesFrom" | "statistic">;
}

/**
 * Builds an optimizer from the constructor of its blocks.
 *
 * @param objective The model and its loss.
 * @param options Checked and complete.
 * @throws {OptionError} When a block is chosen that a parameter cannot have; nothing is allocated then.
 */
export function kroneckerOptimizer<B>(
  subject: string,
  objective: Objective<B>,
  options: ResolvedKroneckerOptions,
  { method, create, own = () => ({}) }: BlockMaker,
): Optimizer<B> {
  const { damping, dampingAdaptation, denseStart, intervals, staggered } = options;
  const plan = { intervals, denseStart, staggered };
  const observation = {
    fisher: options.fisher,
    wholeUntil: denseStart === false ? 0 : denseStart.steps,
    share: options.observe,
    limit: options.observationLimit,
  };
  const { backend, parameters } = objective;
  const makers = parameters.map((parameter) => objective.blockOf?.(parameter));
  const choices = parameters.map((parameter, index) => {
    const possible = makers[index] !== undefined ||
      leavesCaptures(parameter.layer) && convolutionGroups(parameter.layer) === 1;
    return chooseBlock(subject, parameter, possible, options.blocks);
  });
  const groups = groupsOf(subject, options.groups, parameters);
  const reduction = options.group?.reductionOn(subject, backend, isEarly(options.refresh)) ?? alone;
  return backend.building(() => {
    let blocks: readonly Block[] = [];
    const adapter = dampingAdaptation === false
      ? undefined
      : new DampingAdapter(backend, dampingAdaptation);
    const dampings = parameters.map((_, index) => ownSettings({ damping }, groups[index]).damping);
    const noise = dampings.some(hasNoiseEdge) ? new NoiseFactor(backend) : undefined;
    const contextOf = (index: number): BlockOptions => ({
      ...ownSettings({ damping }, groups[index]),
      examples: () => estimator.averages.factors.examples,
      convolutions: () => blocks.filter(hasKroneckerConvolution),
      ...(adapter === undefined ? {} : { dampingFactor: adapter.factor }),
      ...(noise === undefined ? {} : { noise: noise.factor }),
    });
    const blockOf = (index: number, context: BlockOptions): Block => {
      const parameter = parameters[index];
      if (choices[index] === "diagonal") return new DiagonalBlock(backend, parameter, context);
      const make = makers[index];
      if (make === undefined) return create(backend, parameter, context, parameter);
      const part: PartBlock = (...of) => create(...of, parameter);
      return make(backend, parameter, { ...context, method, part, ...own(parameter) });
    };
    const tried = { damping: { kind: "absolute", lambda: 1 } } as const;
    const grid = reduction.gridOf(options.workerFraction, {
      parameters,
      create: (index) => blockOf(index, tried),
      decompositions(block) {
        const jobs = [...block.beginRefresh?.(0, false) ?? [], ...block.beginInverses?.(0) ?? []];
        const seconds = reduction.secondsOf(jobs);
        return seconds.reduce((sum, each) => sum + each, 0) / valueAt(intervals.basis, 0);
      },
    });
    const keepers = reduction.keeping<Block>(parameters.length, grid);
    blocks = madeForEach(parameters, (index) => keepers.admit(blockOf(index, contextOf(index))));
    const estimator = new CurvatureEstimator(backend, blocks, {
      ...options,
      ...{ plan, reduction, keepers },
    });
    const preconditioner = new KroneckerPreconditioner(
      backend,
      method,
      estimator,
      plan,
      {
        ...{ adapter, noise },
        workers: reduction.working(parameters.length, options.workerFraction, grid),
      },
    );
    return new Optimizer(objective, preconditioner, options, observation);
  });
}

/** Groups of a convolution, whose factors are not those of the whole; 1 for all others. */
function convolutionGroups(layer: Parameter["layer"]): number {
  return layer.kind === "conv2d" ? layer.geometry.groups ?? 1 : 1;
}

function hasNoiseEdge(damping: Required<Damping>): boolean {
  return damping.kind === "relative" && damping.noiseEdge;
}

function hasKroneckerConvolution({ parameter, method }: Block): boolean {
  return parameter.layer.kind === "conv2d" && method !== "diagonal";
}

function chooseBlock(
  subject: string,
  parameter: Parameter,
  structured: boolean,
  choose: KroneckerOptions["blocks"],
): "kronecker" | "diagonal" {
  const possible = structured ? ["kronecker" as const, "diagonal" as const] : ["diagonal" as const];
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
