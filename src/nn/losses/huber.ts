/**
 * The loss of regression with outliers.
 *
 * @module
 */

import type { Random } from "../../core/random.ts";
import { number, optional, resolve, type SchemaOf } from "../../core/schema.ts";
import { checkFiniteTargets } from "./finite_targets.ts";
import { densityLossVerbs } from "../../backend/wasm/density_losses/extension.ts";
import type { Loss } from "./loss.ts";

/** Options of {@linkcode huber}. */
export interface HuberOptions {
  /** Residual, > 0, in units of the targets, above which the loss grows linearly. @default {1} */
  readonly delta?: number;
}

/** What the options take. */
export const huberSchema = {
  delta: optional(number({ above: 0 }), 1),
} satisfies SchemaOf<HuberOptions>;

/**
 * Huber's loss (1964): `l_n = sum_k h(z_nk - y_nk)` with `h(r) = r^2 / 2` for `|r| <= delta` and
 * `delta (|r| - delta / 2)` beyond; gradient: the residual, kept within `-delta .. delta`.
 *
 * Targets are K finite numbers per example, or per position of a sequence, over which it is summed.
 *
 * The Gauss-Newton curvature takes `h'' = 1` everywhere, the most that h bends: steps are never too long, and outliers
 * count. Drawn targets are of the density `exp(-h)`, whose Fisher information is `P(|r| <= delta)`, for every output the
 * same, whatever the residuals of the data are (docs/MATH.md, section 5).
 *
 * @throws {OptionError} When an option is unknown or outside its range.
 *
 * @example An outlier pulls no harder than delta
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, huber, objective, sequential, zeros } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [1], layers: [dense(1, { init: zeros })] });
 * const goal = objective(model, huber({ delta: 2 }));
 * const { loss } = await goal.evaluate({ inputs: [1, 1], targets: [1, 100] });
 * assert.equal(loss, (1 / 2 + 2 * (100 - 1)) / 2);
 * ```
 */
export function huber(options: HuberOptions = {}): Loss {
  const { delta } = resolve("Cannot create huber", options, huberSchema);
  const inside = probabilityInside(delta);
  return {
    kind: "huber",
    verbs: densityLossVerbs,
    parameter: delta,
    targetShape: (predictions, outputs) => [predictions, outputs],
    checkTargets: checkFiniteTargets,
    drawNoise(random, count) {
      return Float32Array.from({ length: count }, () => drawSlope(random, delta, inside));
    },
  };
}

/**
 * `P(|r| <= delta)` for the density `exp(-h) / Z`: the mass of the middle is `sqrt(2 pi) erf(delta / sqrt 2)`, that of the
 * two tails `2 exp(-delta^2 / 2) / delta`.
 */
function probabilityInside(delta: number): number {
  const middle = normalMass(delta);
  return middle / (middle + 2 * Math.exp(-delta * delta / 2) / delta);
}

/** `integral of exp(-r^2 / 2)` over `-delta .. delta`, by Simpson's rule; beyond 12 there is nothing left. */
function normalMass(delta: number): number {
  const end = Math.min(delta, 12), steps = 2000, width = 2 * end / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const weight = i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2;
    sum += weight * Math.exp(-((-end + i * width) ** 2) / 2);
  }
  return sum * width / 3;
}

/** The slope at a residual of the density: a normal one that lies within, or delta with a random sign. */
function drawSlope(random: Random, delta: number, inside: number): number {
  if (random.uniform() >= inside) return random.uniform() < 0.5 ? delta : -delta;
  // A narrow middle is nearly flat: draws from a wide normal would hardly ever hit it.
  for (;;) {
    const r = delta < 1 ? (2 * random.uniform() - 1) * delta : random.normal();
    if (delta < 1 ? random.uniform() < Math.exp(-r * r / 2) : Math.abs(r) <= delta) return r;
  }
}
