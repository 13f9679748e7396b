/**
 * What can be asked of a Laplace approximation.
 *
 * @module
 */

import { OptionError } from "../core/errors.ts";
import {
  choice,
  isRecord,
  maybe,
  optional,
  type Rule,
  type SchemaOf,
  where,
} from "../core/schema.ts";
import type { BatchLike } from "../nn/batch.ts";
import type { ExampleSource } from "./example_source.ts";
import { isNames } from "./names.ts";
import type { WorkOptions } from "./work.ts";

/** How the prior's precision delta is found. */
export type PriorPrecision =
  /** It is known, > 0: the inverse of the variance that weights have before any example is seen. */
  | number
  /** The one that makes the examples most likely (docs/MATH.md, section 8); no other data are needed. */
  | "marginalLikelihood"
  /**
   * The one of several with which held-out examples are most likely, for all layers; where nothing else is said, with
   * the noise that makes them so.
   */
  | {
    /** Tells the kinds apart. */
    readonly kind: "validation";
    /** Held-out examples with their targets. */
    readonly data: ExampleSource<BatchLike>;
    /** Precisions that are tried, > 0. @default {1e-2 to 1e4, two per power of ten} */
    readonly candidates?: readonly number[];
  };

/** Options of `laplace`. */
export interface LaplaceOptions extends WorkOptions {
  /** Layers whose weights are uncertain: all that the curvature has, the last one, or some by name. @default {"all"} */
  readonly layers?: "all" | "last" | readonly string[];
  /** How precise the prior is. @default {"marginalLikelihood"} */
  readonly priorPrecision?: PriorPrecision;
  /** Whether every layer has a precision of its own by marginal likelihood, or all share one. @default {"model"} */
  readonly per?: "model" | "layer";
  /**
   * Standard deviation of the noise of targets that are numbers, > 0, in their unit, or what makes the examples most
   * likely. Refused for classes. @default {what chooses the prior: "marginalLikelihood", or held-out examples}
   */
  readonly noise?: number | "marginalLikelihood";
}

const positive = (value: unknown): value is number =>
  typeof value === "number" && value > 0 && Number.isFinite(value);

const priorRule: Rule<PriorPrecision> = where(
  "a finite number > 0, 'marginalLikelihood' or { kind: 'validation', data, candidates }",
  (value): value is PriorPrecision =>
    positive(value) || value === "marginalLikelihood" ||
    isRecord(value) && value["kind"] === "validation" && value["data"] !== undefined &&
      (value["candidates"] === undefined ||
        Array.isArray(value["candidates"]) && value["candidates"].every(positive)),
);

/** What the options take. */
export const laplaceSchema = {
  layers: optional(
    where(
      "'all', 'last' or a list of layers' names",
      (value): value is "all" | "last" | readonly string[] =>
        value === "all" || value === "last" || isNames(value),
    ),
    "all",
  ),
  priorPrecision: optional(priorRule, "marginalLikelihood"),
  per: optional(choice("model", "layer"), "model"),
  noise: maybe(
    where(
      "a finite number > 0 or 'marginalLikelihood'",
      (value): value is number | "marginalLikelihood" =>
        positive(value) || value === "marginalLikelihood",
    ),
  ),
} satisfies SchemaOf<Omit<LaplaceOptions, keyof WorkOptions>>;

/** 1e-2 to 1e4, two per power of ten. */
export const CANDIDATES: readonly number[] = Array.from(
  { length: 13 },
  (_, i) => 10 ** (i / 2 - 2),
);

/** @throws {OptionError} When noise is asked for where targets are no numbers. */
export function checkNoise(subject: string, noise: unknown, numbers: boolean): void {
  if (noise === undefined || numbers) return;
  throw new OptionError(subject, "noise", "must be left out where targets are no numbers", noise);
}
