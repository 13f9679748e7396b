/**
 * What is added to eigenvalues before curvature is inverted, layer by layer.
 *
 * @module
 */

import { OptionError } from "../core/errors.ts";
import { number, type Rule, shorthand, variant } from "../core/schema.ts";

/**
 * `absolute`: the same lambda for every layer, >= 0, in the unit of the curvature. `relative`: `tau` times the mean
 * eigenvalue of each layer, which needs no retuning when a loss, a layer's width or its inputs are rescaled.
 */
export type InverseDamping =
  | { readonly kind: "absolute"; readonly lambda: number }
  | { readonly kind: "relative"; readonly tau: number };

/** What the option takes; a number alone is lambda. */
export const inverseDampingRule: Rule<InverseDamping> = shorthand(
  variant<InverseDamping>("kind", {
    absolute: { lambda: number({ min: 0 }) },
    relative: { tau: number({ min: 0 }) },
  }),
  "lambda",
  (value) => typeof value === "number" ? { kind: "absolute", lambda: value } : undefined,
);

/**
 * Lambda of a layer.
 *
 * @param eigenvalues Of the layer's curvature, >= 0.
 * @param roundoff Of the backend that it was computed on.
 * @throws {OptionError} When it is zero and the layer's curvature is singular, up to rounding.
 */
export function lambdaOf(
  layer: string,
  damping: InverseDamping,
  eigenvalues: Float64Array,
  roundoff: number,
): number {
  const { mean, least, largest } = summaryOf(eigenvalues);
  const lambda = damping.kind === "absolute" ? damping.lambda : damping.tau * mean;
  // What n numbers of the largest size leave of a zero.
  if (lambda > 0 || least > eigenvalues.length * roundoff * largest) return lambda;
  const subject = `Cannot invert the curvature of layer '${layer}'`;
  const option = damping.kind === "absolute" ? "damping.lambda" : "damping.tau";
  const known = `whose eigenvalues lie between ${least} and ${largest}`;
  if (damping.kind === "relative" && mean === 0) {
    const expectation = `must give way to an absolute lambda > 0 for a layer ${known}`;
    throw new OptionError(subject, "damping", expectation, damping);
  }
  const expectation =
    `must be > 0 for a singular layer, ${known}; try { kind: 'relative', tau: 0.1 }`;
  throw new OptionError(subject, option, expectation, 0);
}

function summaryOf(eigenvalues: Float64Array) {
  let [sum, least, largest] = [0, Infinity, 0];
  for (const value of eigenvalues) {
    sum += value;
    if (value < least) least = value;
    if (value > largest) largest = value;
  }
  return { mean: sum / eigenvalues.length, least, largest };
}
