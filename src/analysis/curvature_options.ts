/**
 * What can be asked of a fitted curvature, and the blocks that follow from it.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { OptionError } from "../core/errors.ts";
import type { Parameter } from "../core/parameter.ts";
import {
  choice,
  number,
  optional,
  resolve,
  type Rule,
  type SchemaOf,
  where,
} from "../core/schema.ts";
import type { Block, PartBlock } from "../curvature/blocks/block.ts";
import { DiagonalBlock } from "../curvature/blocks/diagonal.ts";
import { EkfacBlock } from "../curvature/blocks/ekfac.ts";
import { GroupedBlock } from "../curvature/blocks/grouped.ts";
import { KfacBlock } from "../curvature/blocks/kfac.ts";
import { LowRankBlock } from "../curvature/blocks/low_rank.ts";
import { ScaleShiftBlock } from "../curvature/blocks/scale_shift.ts";
import { TekfacBlock } from "../curvature/blocks/tekfac.ts";
import { TkfacBlock } from "../curvature/blocks/tkfac.ts";
import { independent, traceKeeping } from "../curvature/fisher.ts";
import type { Objective } from "../optim/objective.ts";
import { type InverseDamping, inverseDampingRule } from "./damping.ts";

/** What a curvature is like, complete. */
export interface CurvatureSettings {
  /** How layers are approximated. */
  readonly method: "tekfac" | "ekfac" | "tkfac" | "kfac" | "diagonal";
  /**
   * Directions a side that TEKFAC and EKFAC keep, or all. The others keep all. Low ranks are for layers whose factors
   * would not fit; what they leave out counts as its mean.
   */
  readonly rank: number | "full";
  /** Which gradients it is the second moment of; `gaussNewton` and `monteCarlo` need a model that can sample. */
  readonly fisher: "gaussNewton" | "monteCarlo" | "empirical";
  /** Random signs or targets drawn per example, >= 1; each costs a backward pass. */
  readonly draws: number;
  /** What is added to eigenvalues where nothing else is said; a number alone is lambda. */
  readonly damping: InverseDamping;
  /** Of signs or targets. */
  readonly seed: number;
}

/** Options of a curvature. */
export type CurvatureOptions = {
  readonly [
    /**
     * @default {{ method: "tekfac", rank: "full", fisher: "gaussNewton", draws: 1, damping: { kind: "relative", tau: 0.1 }, seed: 0 }},
     * and the empirical Fisher where the model cannot sample
     */
    K in keyof CurvatureSettings
  ]?: K extends "damping" ? InverseDamping | number
    : CurvatureSettings[K];
};

const isRank = (value: unknown): value is number | "full" =>
  value === "full" || (Number.isInteger(value) && (value as number) >= 1);

/** A number of directions, or all. */
export const rankRule: Rule<number | "full"> = where("an integer >= 1 or 'full'", isRank);

/** What the options take. */
export const curvatureSchema = {
  method: optional(choice("tekfac", "ekfac", "tkfac", "kfac", "diagonal"), "tekfac"),
  rank: optional(rankRule, "full"),
  fisher: choice("gaussNewton", "monteCarlo", "empirical"),
  draws: optional(number({ min: 1, integer: true }), 1),
  damping: optional(inverseDampingRule, { kind: "relative", tau: 0.1 }),
  seed: optional(number({ min: 0, integer: true }), 0),
} satisfies SchemaOf<CurvatureSettings>;

/**
 * Checks options and completes them.
 *
 * @throws {OptionError} On an unknown option, a value out of range, or draws of a model that cannot sample.
 */
export function resolveSettings<B>(
  subject: string,
  { canSample = true }: Objective<B>,
  options: unknown,
): CurvatureSettings {
  const fisher = canSample ? "gaussNewton" : "empirical";
  const settings = resolve(subject, options, curvatureSchema, { fisher });
  if (!canSample && settings.fisher === "gaussNewton") {
    const expectation =
      "must be 'empirical', or 'monteCarlo' with targets of your own, for this model";
    throw new OptionError(subject, "fisher", expectation, settings.fisher);
  }
  return settings;
}

/** Blocks take their damping from those who use them. */
const UNUSED = { damping: { kind: "absolute", lambda: 1 } } as const;

/** The block of a parameter. The caller disposes it. */
export function blockFor<B>(
  objective: Pick<Objective<B>, "backend" | "blockOf">,
  parameter: Parameter,
  settings: Pick<CurvatureSettings, "method" | "rank">,
): Block {
  const { method, rank } = settings;
  const { backend } = objective;
  const { rows } = parameter.value;
  const { kind } = parameter.layer;
  if (method === "diagonal") return new DiagonalBlock(backend, parameter, UNUSED);
  const own = objective.blockOf?.(parameter);
  if (own !== undefined) {
    const part: PartBlock = (backend, part) => blockFor({ backend }, part, settings);
    return own(backend, parameter, { ...UNUSED, method, rank, part });
  }
  if (kind === "normalization" && rows === 2) {
    return new ScaleShiftBlock(backend, parameter, UNUSED);
  }
  if (kind !== "dense" && kind !== "conv2d") return new DiagonalBlock(backend, parameter, UNUSED);
  const { layer } = parameter;
  if (layer.kind === "conv2d" && (layer.geometry.groups ?? 1) > 1) {
    return new GroupedBlock(backend, parameter, layer.geometry, UNUSED, (on, part) => {
      return kroneckerBlock(on, part, method, rank);
    });
  }
  return kroneckerBlock(backend, parameter, method, rank);
}

/** The method's own block of a dense layer, a convolution or one group of it. */
function kroneckerBlock(
  backend: Backend,
  parameter: Parameter,
  method: Exclude<CurvatureSettings["method"], "diagonal">,
  rank: number | "full",
): Block {
  const { rows, cols } = parameter.value;
  if (method === "kfac" || method === "tkfac") {
    const options = { ...UNUSED, split: "exact" } as const;
    return new (method === "kfac" ? KfacBlock : TkfacBlock)(backend, parameter, options);
  }
  if (rank !== "full" && (rank < rows || rank < cols)) {
    const statistic = method === "ekfac" ? independent : traceKeeping;
    return new LowRankBlock(backend, parameter, { ...UNUSED, method, statistic, rank });
  }
  return new (method === "ekfac" ? EkfacBlock : TekfacBlock)(backend, parameter, UNUSED);
}
