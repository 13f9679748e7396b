/**
 * What EKFAC and TEKFAC share: measured eigenvalues, at low or at full rank.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { OptionError } from "../core/errors.ts";
import type { Parameter } from "../core/parameter.ts";
import { number, optional, type Resolved, type SchemaOf, where } from "../core/schema.ts";
import type { Block } from "../curvature/blocks/block.ts";
import type { CorrectedOptions } from "../curvature/blocks/corrected.ts";
import { LowRankBlock } from "../curvature/blocks/low_rank.ts";
import type { Statistic } from "../curvature/fisher.ts";
import { kroneckerOptimizer } from "./kronecker.ts";
import { type KroneckerOptions, kroneckerSchema, resolveKronecker } from "./kronecker_options.ts";
import type { Objective } from "./objective.ts";
import type { Optimizer } from "./optimizer.ts";
import type { Rank } from "./presets.ts";

/** Options of the optimizers whose eigenvalues are measured: EKFAC and TEKFAC. */
export interface MeasuredOptions extends KroneckerOptions {
  /**
   * Directions of each side of a layer that are kept, an integer >= 1; what is left of a side is taken to be
   * isotropic, with its exact trace. `"full"` keeps all; so does a layer with no more than this on either side.
   * A function chooses for each parameter. @default {16}
   */
  readonly rank?: Rank | ((parameter: Parameter) => Rank);
  /** p of `(Theta + lambda)^-p`, in (0, 1]; 1 is the natural gradient. @default {1} */
  readonly exponent?: number;
}

function isRank(value: unknown): value is Rank {
  return value === "full" || (Number.isInteger(value) && (value as number) >= 1);
}

const rankRule = where("an integer >= 1 or 'full'", isRank);

/** What their options take. */
export const measuredSchema = {
  ...kroneckerSchema,
  rank: where(
    `${rankRule.takes} or a function of the parameter`,
    (value): value is NonNullable<MeasuredOptions["rank"]> =>
      isRank(value) || typeof value === "function",
  ),
  exponent: optional(number({ above: 0, max: 1 }), 1),
} satisfies SchemaOf<MeasuredOptions>;

/** What sets the two apart. */
export interface MeasuredMethod<S extends typeof measuredSchema> {
  /** Its name. */
  readonly method: "ekfac" | "tekfac";
  /** Whose eigenvectors its bases are. */
  readonly statistic: (resolved: Resolved<S>) => Statistic;
  /** What its options take. */
  readonly schema: S;
  /** Whether the factors of convolutions are of whole gradients. @default {never} */
  readonly exact?: (resolved: Resolved<S>) => boolean;
  /** What eigenvalues are measured from. @default {"captures"} */
  readonly eigenvaluesFrom?: "captures" | "gradient";
  /** Its block of full rank. */
  readonly createFull: (
    backend: Backend,
    parameter: Parameter,
    options: CorrectedOptions,
    resolved: Resolved<S>,
  ) => Block;
}

/**
 * Builds EKFAC or TEKFAC: blocks of low rank, and of full rank where that is asked for or no more.
 *
 * @throws {OptionError} On an unknown option or a value outside its range; nothing is allocated then.
 */
export function measuredOptimizer<S extends typeof measuredSchema, B>(
  objective: Objective<B>,
  options: MeasuredOptions,
  { method, statistic, exact, schema, createFull, eigenvaluesFrom = "captures" }: MeasuredMethod<S>,
): Optimizer<B> {
  const subject = `Cannot create ${method.toUpperCase()}`;
  const resolved = resolveKronecker(subject, objective, options, schema, (r) => r === "full");
  const { rank, exponent, dampingAdaptation } = resolved as Resolved<typeof measuredSchema>;
  if (dampingAdaptation !== false && exponent !== 1) {
    throw new OptionError(subject, "exponent", "must be 1 where damping is adapted", exponent);
  }
  // Chosen before anything is allocated, so that a rank that is refused leaves nothing behind.
  const ranks = new Map(
    objective.parameters.map((parameter) => [parameter, rankOf(subject, parameter, rank)]),
  );
  const shared = {
    ...{ method, statistic: statistic(resolved), exponent },
    exact: exact?.(resolved) ?? false,
  };
  return kroneckerOptimizer(subject, objective, resolved, {
    method,
    own: (parameter) => ({
      rank: ranks.get(parameter)!,
      exponent,
      eigenvaluesFrom,
      statistic: shared.statistic,
    }),
    create(backend, part, context, whole) {
      const rank = rankWithin(part, ranks.get(whole)!);
      if (rank === "full") return createFull(backend, part, { ...context, exponent }, resolved);
      return new LowRankBlock(backend, part, { ...context, ...shared, rank });
    },
  });
}

/** The directions of a parameter's sides that are kept: a number, or `"full"` where both sides have no more. */
function rankOf(
  subject: string,
  parameter: Parameter,
  rank: NonNullable<MeasuredOptions["rank"]>,
): Rank {
  const chosen = typeof rank === "function"
    ? rankRule.check(subject, "rank", rank(parameter))
    : rank;
  return rankWithin(parameter, chosen);
}

/** The same of a part that may have smaller sides. */
function rankWithin({ value: { rows, cols } }: Parameter, rank: Rank): Rank {
  return rank !== "full" && rank >= rows && rank >= cols ? "full" : rank;
}
