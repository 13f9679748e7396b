/**
 * How far a step goes along its directions: one factor nu for the whole model, from three bounds.
 *
 * @module
 */

import type { Backend, Scalar } from "../../backend/backend.ts";
import { div, formula, greater, max, min, mul, select, sqrt, sum } from "../../core/formula.ts";
import type { Matrix } from "../../core/matrix.ts";
import { valueAt } from "../../core/schedule.ts";
import { lossOrNat } from "../../curvature/loss_unit.ts";
import type { ResolvedStepOptions } from "../step_options.ts";
import type { StepRow } from "../step_row.ts";
import { radiusOf, type Situation } from "./kl_clip.ts";

/** Which bound decided the length of a step, in the order of their codes in a step's row. */
export const limits = [
  "learningRate",
  "newton",
  "klClip",
  "relativeChange",
  "rejection",
] as const;

/**
 * Which bound decided the length of a step:
 * - `"learningRate"`: none did; the length is the learning rate.
 * - `"newton"`: the minimum of the quadratic model along the step.
 * - `"klClip"`: the bound on how far predictions move.
 * - `"relativeChange"`: the bound on how far weights move.
 * - `"rejection"`: any of them, shortened because a step has lately been taken back.
 */
export type StepLimit = typeof limits[number];

/** The numbers of the layers that the bounds are made of. */
export interface StepNumbers {
  /** The batch's mean loss, [1, 1]; or 1 nat, where a loss is no measure of how far there is to go. */
  readonly loss: Scalar;
  /** `<U_l, S_l>`, [1, layers]. */
  readonly products: Matrix;
  /** `|U_l|^2`, [1, layers]. */
  readonly directions: Matrix;
  /** `|W_l|^2`, [1, layers]. */
  readonly weights: Matrix;
  /** Least `|W_l|` that is believed, [1, layers]. */
  readonly leastWeights: Matrix;
  /** chi, the curvature along the step over the sum of its layers' own, [1, 1]; needed by the measured clip. */
  readonly curvature: Matrix | undefined;
}

/**
 * Leaves nu and what decided it in a step's row (docs/MATH.md, section 4.5). Reads nothing back.
 *
 * With `q = sum_l <U_l, S_l>`, eta the learning rate and a its annealing:
 * - clip `fixed`: `nu = min(1, sqrt(kl / (eta^2 q)))`; `lossRelative`: the same with kl = kappa loss;
 * - clip `measured`: `nu = min(1 / x, sqrt(kappa loss / (x q)))`, `x = max(chi, 1)`: the minimum of the model
 *   and a radius in it (`radiusOf`). A loss that is not positive counts as 1;
 * - then, with a relative change rho, `nu <- min(nu, rho / (eta a sum_l |U_l| / |W_l|))`.
 */
export function setStepLength(
  backend: Backend,
  row: Pick<StepRow, "clip" | "limit">,
  numbers: StepNumbers,
  { klClip, relativeChange, learningRate, annealing }: ResolvedStepOptions,
  situation: Situation,
): void {
  const { step } = situation;
  const { loss, products, directions, weights, leastWeights } = numbers;
  const eta = valueAt(learningRate, step);
  const outputs = { clip: row.clip, limit: row.limit };
  if (klClip === false) {
    backend.evaluate(unbounded, { products }, outputs);
  } else if (klClip.kind === "measured") {
    const chi = numbers.curvature!;
    const kappa = radiusOf(klClip, situation);
    backend.evaluate(measured, { loss, products, chi, kappa }, outputs);
  } else {
    const bound = klClip.kind === "fixed"
      ? { loss: 1, kappa: valueAt(klClip.kl, step) }
      : { loss, kappa: valueAt(klClip.kappa, step) };
    backend.evaluate(assumed, { ...bound, products, eta }, outputs);
  }
  if (relativeChange === false) return;
  const change = { rho: valueAt(relativeChange, step), rate: eta * valueAt(annealing, step) };
  const norms = { directions, weights, leastWeights };
  backend.evaluate(bounded, { ...outputs, ...norms, ...change }, outputs);
}

/** Shortens a step because one has been too long, and notes that in its row. */
export function shortenByRejection(
  backend: Backend,
  { clip, limit }: Pick<StepRow, "clip" | "limit">,
  share: number,
): void {
  backend.axpby(clip, share, clip, 0);
  backend.write(limit, [limits.indexOf("rejection")]);
}

/** Keeps quotients finite; far below any number that means something in float32. */
const TINY = 1e-30;

const unbounded = formula({ products: "vector" }, ({ products }) => ({
  clip: max(1, mul(0, sum(products))),
  limit: mul(0, sum(products)),
}));

const assumed = formula(
  { loss: "number", kappa: "number", products: "vector", eta: "number" },
  ({ loss, kappa, products, eta }) => {
    const divergence = mul(mul(eta, eta), sum(products));
    const kl = mul(kappa, lossOrNat(loss));
    const radius = select(greater(divergence, 0), sqrt(div(kl, max(divergence, TINY))), 1);
    return { clip: min(1, radius), limit: select(greater(1, radius), 2, 0) };
  },
);

const measured = formula(
  { loss: "number", kappa: "number", products: "vector", chi: "number" },
  ({ loss, kappa, products, chi }) => {
    const ratio = max(chi, 1);
    const newton = div(1, ratio);
    const divergence = mul(ratio, sum(products));
    const kl = mul(kappa, lossOrNat(loss));
    const radius = sqrt(div(kl, max(divergence, TINY)));
    return { clip: min(newton, radius), limit: select(greater(newton, radius), 2, 1) };
  },
);

const bounded = formula(
  {
    clip: "number",
    limit: "number",
    directions: "vector",
    weights: "vector",
    leastWeights: "vector",
    rho: "number",
    rate: "number",
  },
  ({ clip, limit, directions, weights, leastWeights, rho, rate }) => {
    const changes = div(sqrt(directions), max(sqrt(weights), leastWeights));
    const bound = div(rho, max(mul(rate, sum(changes)), TINY));
    return { clip: min(clip, bound), limit: select(greater(clip, bound), 3, limit) };
  },
);
