/**
 * Levenberg and Marquardt's adaptation of the damping: lambda falls while the quadratic model predicts
 * what steps bring, and rises where it promises too much (docs/MATH.md, section 4.6; KFAC, section 6.5).
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { div, formula, greater, isFinite, max, min, mul, select, sub } from "../core/formula.ts";
import type { Matrix, OwnedMatrix } from "../core/matrix.ts";
import { checkNumber } from "../core/options.ts";
import { number, off, optional, record, type Rule } from "../core/schema.ts";

/** How the damping is adapted. */
export interface DampingAdaptation {
  /** Steps between adaptations, an integer >= 1; each one costs a forward pass. @default {10} */
  readonly interval?: number;
  /** The factor falls by `decay ** interval` or rises by its inverse, in (0, 1). @default {0.95} */
  readonly decay?: number;
  /** Smallest factor, > 0. @default {1e-3} */
  readonly min?: number;
  /** Largest factor, >= `min`. @default {1e3} */
  readonly max?: number;
}

/** A reduction ratio below this raises the damping (Levenberg-Marquardt; KFAC, section 6.5). */
const TOO_LITTLE = 1 / 4;

/** A reduction ratio above this lowers it. */
const ENOUGH = 3 / 4;

/**
 * Checks an adaptation and completes it.
 *
 * @throws {OptionError} On an unknown key, or a number outside its range.
 */
export function resolveAdaptation(
  subject: string,
  adaptation: DampingAdaptation | false,
): Required<DampingAdaptation> | false {
  return adaptationRule.check(subject, "dampingAdaptation", adaptation);
}

const fields = record({
  interval: optional(number({ min: 1, integer: true }), 10),
  decay: optional(number({ above: 0, below: 1 }), 0.95),
  min: optional(number({ above: 0 }), 1e-3),
  max: optional(number({ above: 0 }), 1e3),
});

/** What the option takes. */
export const adaptationRule: Rule<Required<DampingAdaptation> | false> = off({
  ...fields,
  check(subject, option, value) {
    const adaptation = fields.check(subject, option, value);
    checkNumber(subject, `${option}.max`, adaptation.max, { min: adaptation.min });
    return adaptation;
  },
});

/** What a trial step has shown. All are [1, 1] matrices, so that nothing has to be read back. */
export interface DampingTrial {
  /** Mean loss before the step. */
  readonly before: Matrix;
  /** Mean loss of the same examples after it. */
  readonly after: Matrix;
  /** Change of the loss that the quadratic model predicts; negative where it promises something. */
  readonly predicted: Matrix;
}

/**
 * The factor of all layers' damping. With `rho = (after - before) / predicted` it is multiplied by
 * `decay ** interval` where rho > 3/4, divided by it where rho < 1/4 or the loss after the step is not
 * finite, and stands in between and where the model predicts no reduction. Then it is held in
 * [min, max].
 *
 * @example A step that brings all that was promised lowers the damping
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { DampingAdapter, resolveAdaptation } from "@tekfac/tekfac/curvature";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { upload } from "@tekfac/tekfac/testing";
 *
 * const options = resolveAdaptation("Cannot adapt", { interval: 2, decay: 0.5 });
 * assert(options !== false);
 * using backend = await createBackend({ prefer: ["reference"] });
 * using adapter = new DampingAdapter(backend, options);
 * using before = upload(backend, denseMatrix(1, 1, [3]));
 * using after = upload(backend, denseMatrix(1, 1, [2]));
 * using predicted = upload(backend, denseMatrix(1, 1, [-1]));
 * adapter.judge({ before, after, predicted }); // rho = 1
 * assert.deepEqual([...backend.readSync(adapter.factor)], [0.5 ** 2]);
 * ```
 */
export class DampingAdapter implements Disposable {
  /** The factor, [1, 1]; 1 at first. Part of a checkpoint. */
  readonly factor: OwnedMatrix;
  readonly #backend: Backend;
  readonly #options: Required<DampingAdaptation>;

  /** Allocates one number. The caller disposes it. */
  constructor(backend: Backend, options: Required<DampingAdaptation>) {
    this.#backend = backend;
    this.#options = options;
    this.factor = backend.alloc(1, 1);
    backend.write(this.factor, [Math.min(Math.max(1, options.min), options.max)]);
  }

  /** Whether a step is tried out: every `interval` steps, but not the first. */
  dueAt(step: number): boolean {
    return step > 0 && step % this.#options.interval === 0;
  }

  /** Judges a trial step. Reads nothing back. */
  judge(trial: DampingTrial): void {
    const { factor } = this;
    const { interval, decay, min: least, max: most } = this.#options;
    const numbers = { ...trial, factor, shrink: decay ** interval, least, most };
    this.#backend.evaluate(adapted, numbers, { factor });
  }

  /** Gives the number back. */
  [Symbol.dispose](): void {
    this.factor[Symbol.dispose]();
  }
}

/** What rho = (after - before) / predicted makes of the factor; predicted is negative, or promises nothing. */
const adapted = formula(
  {
    factor: "number",
    before: "number",
    after: "number",
    predicted: "number",
    shrink: "number",
    least: "number",
    most: "number",
  },
  ({ factor, before, after, predicted, shrink, least, most }) => {
    const finite = isFinite(after);
    const change = sub(after, before);
    // Comparisons of rho, both sides multiplied by the negative prediction.
    const good = greater(mul(ENOUGH, predicted), change);
    const bad = greater(change, mul(TOO_LITTLE, predicted));
    const raised = div(factor, shrink);
    const judged = select(good, mul(factor, shrink), select(bad, raised, factor));
    const next = select(greater(0, predicted), select(finite, judged, raised), factor);
    return { factor: max(min(next, most), least) };
  },
);
