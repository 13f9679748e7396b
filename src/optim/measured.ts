/**
 * What EKFAC and TEKFAC share: measured eigenvalues, at low or at full rank.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { OptionError } from "../core/errors.ts";
import { checkNumber } from "../core/options.ts";
import type { Parameter } from "../core/parameter.ts";
import type { Block } from "../curvature/blocks/block.ts";
import type { CorrectedOptions } from "../curvature/blocks/corrected.ts";
import { EmbeddingBlock } from "../curvature/blocks/embedding.ts";
import { LowRankBlock } from "../curvature/blocks/low_rank.ts";
import type { Statistic } from "../curvature/fisher.ts";
import { kroneckerOptimizer, type KroneckerOptions, presetOf } from "./kronecker.ts";
import type { Objective } from "./objective.ts";
import type { Optimizer } from "./optimizer.ts";
import type { Rank } from "./presets.ts";

/** Options of the optimizers whose eigenvalues are measured: EKFAC and TEKFAC. */
export interface MeasuredOptions extends KroneckerOptions {
  /**
   * Directions of each side of a layer that are kept, an integer >= 1; what is left of a side is taken to be
   * isotropic, with its exact trace. `"full"` keeps all; so does a layer with no more than this on either side.
   * A function chooses for each parameter. @default {32}
   */
  readonly rank?: Rank | ((parameter: Parameter) => Rank);
  /** p of `(Theta + lambda)^-p`, in (0, 1]; 1 is the natural gradient. @default {1} */
  readonly exponent?: number;
}

/** What sets the two apart. */
export interface MeasuredMethod {
  /** Its name. */
  readonly method: "ekfac" | "tekfac";
  /** Whose eigenvectors its bases are. */
  readonly statistic: Statistic;
  /** Names of options of the method alone, which its caller checks. */
  readonly extraNames: readonly string[];
  /** Its block of full rank. */
  readonly createFull: (backend: Backend, parameter: Parameter, options: CorrectedOptions) => Block;
}

/**
 * Builds EKFAC or TEKFAC: blocks of low rank, and of full rank where that is asked for or no more.
 *
 * @throws {OptionError} On an unknown option or a value outside its range; nothing is allocated then.
 */
export function measuredOptimizer<B>(
  objective: Objective<B>,
  options: MeasuredOptions,
  { method, statistic, extraNames, createFull }: MeasuredMethod,
): Optimizer<B> {
  const subject = `Cannot create ${method.toUpperCase()}`;
  const { exponent = 1, rank = presetOf(subject, options).rank } = options;
  checkExponent(subject, exponent, options);
  // Chosen before anything is allocated, so that a rank that is refused leaves nothing behind.
  const ranks = new Map(
    objective.parameters.map((parameter) => [parameter, rankOf(subject, parameter, rank)]),
  );
  return kroneckerOptimizer(objective, options, {
    method,
    extraNames: ["rank", "exponent", ...extraNames],
    full: rank === "full",
    create(backend, parameter, shared) {
      const rank = ranks.get(parameter)!;
      if (parameter.layer.kind === "embedding") {
        return new EmbeddingBlock(backend, parameter, { ...shared, method, rank, exponent });
      }
      if (rank === "full") return createFull(backend, parameter, { ...shared, exponent });
      return new LowRankBlock(backend, parameter, { ...shared, method, statistic, rank, exponent });
    },
  });
}

/**
 * The directions of a parameter's sides that are kept.
 *
 * @returns A number, or `"full"` where both sides have no more.
 * @throws {OptionError} When the option says something else than an integer >= 1 or `"full"`.
 */
function rankOf(
  subject: string,
  parameter: Parameter,
  rank: Rank | ((parameter: Parameter) => Rank),
): Rank {
  const chosen = typeof rank === "function" ? rank(parameter) : rank;
  if (chosen === "full") return chosen;
  if (!Number.isInteger(chosen) || chosen < 1) {
    throw new OptionError(subject, "rank", "must be an integer >= 1 or 'full'", chosen);
  }
  const { rows, cols } = parameter.value;
  // The tokens of an embedding have no basis.
  const larger = parameter.layer.kind === "embedding" ? cols : Math.max(rows, cols);
  return chosen >= larger ? "full" : chosen;
}

/**
 * The exponent of damped eigenvalues: in (0, 1], and 1 where damping is adapted.
 *
 * @throws {OptionError} Otherwise.
 */
function checkExponent(
  subject: string,
  exponent: number,
  { dampingAdaptation = false }: KroneckerOptions,
): void {
  const range = dampingAdaptation === false ? { above: 0, max: 1 } : { min: 1, max: 1 };
  checkNumber(subject, "exponent", exponent, range);
}
