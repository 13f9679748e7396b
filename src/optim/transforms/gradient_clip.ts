/**
 * The gradient's guard: one batch out of scale must not throw away what the momentum holds.
 *
 * @module
 */

import type { Backend } from "../../backend/backend.ts";
import {
  add,
  atLeast,
  div,
  formula,
  max,
  mean,
  min,
  mul,
  select,
  sqrt,
  sub,
} from "../../core/formula.ts";
import { isFinite } from "../../core/formula.ts";
import type { Matrix, OwnedMatrix } from "../../core/matrix.ts";
import { Owner } from "../../curvature/blocks/block.ts";
import { correctedDecay } from "../../curvature/moving_average.ts";

/** Weight of the past in the running means of the norms. */
const DECAY = 0.95;

/**
 * Multiplies all gradients of a step by `c = min(1, limit / v)`, v being the root mean square, over the
 * layers, of `|G_l|` over its running mean; the means see the multiplied gradients (AutoClip: Seetharaman et
 * al. 2020; one factor for all layers keeps the direction). Has no unit.
 *
 * @example The second gradient is a thousand times the first
 * ```ts
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { allClose, upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using clip = new GradientClip(backend, 1, 10);
 * for (const [norm, factor] of [[1, 1], [1000, 10 / 1000]]) {
 *   using squares = upload(backend, denseMatrix(1, 1, [norm ** 2]));
 *   clip.update(squares);
 *   allClose(backend.readSync(clip.factor), [factor], { relative: 1e-12 });
 * }
 * ```
 */
export class GradientClip extends Owner {
  /** c of the last step, [1, 1]. */
  readonly factor: OwnedMatrix;
  /** Running means of the layers' norms, [1, layers]; part of a checkpoint. */
  readonly means: OwnedMatrix;
  /** Steps so far; part of a checkpoint. */
  count = 0;
  readonly #backend: Backend;
  readonly #limit: number;

  /** For a number of layers. The caller disposes it. */
  constructor(backend: Backend, layers: number, limit: number) {
    super();
    this.#backend = backend;
    this.#limit = limit;
    this.factor = this.alloc(backend, 1, 1);
    this.means = this.alloc(backend, 1, layers);
  }

  /** Looks at a step's gradients: their squared norms, [1, layers]. */
  update(squaredNorms: Matrix): void {
    const numbers = { limit: this.#limit, decay: correctedDecay(this.count, DECAY) };
    const inputs = { squares: squaredNorms, means: this.means, ...numbers };
    this.#backend.evaluate(clipped, inputs, { factor: this.factor, means: this.means });
    this.count++;
  }

  /** Forgets what is usual. */
  restart(): void {
    this.#backend.axpby(this.means, 0, this.means, 0);
    this.count = 0;
  }
}

/** A mean below this is none: a layer that has had no gradient yet is not out of scale. */
const NONE = 1e-29;

const clipped = formula(
  { squares: "vector", means: "vector", limit: "number", decay: "number" },
  ({ squares, means, limit, decay }) => {
    const norms = sqrt(squares);
    const ratios = select(atLeast(means, NONE), div(norms, max(means, NONE)), 1);
    const outOfScale = sqrt(mean(mul(ratios, ratios)));
    const factor = min(1, div(limit, max(outOfScale, limit)));
    const next = add(mul(decay, means), mul(sub(1, decay), mul(factor, norms)));
    // Of a step that is going to be refused nothing may become infinite.
    const usable = isFinite(outOfScale);
    return { factor: select(usable, factor, 0), means: select(usable, next, means) };
  },
);
