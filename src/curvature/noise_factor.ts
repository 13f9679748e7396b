/**
 * How much of the noise edge a model needs.
 *
 * @module
 */

import type { Backend, Scalar } from "../backend/backend.ts";
import {
  div,
  type Expression,
  formula,
  isFinite,
  max,
  min,
  mul,
  select,
  sqrt,
} from "../core/formula.ts";
import type { Matrix, OwnedMatrix } from "../core/matrix.ts";
import { lossOrNat } from "./loss_unit.ts";

/**
 * phi, what tau is multiplied with: at least 1, in each layer at most the square of its noise edge (see `noiseEdge`).
 *
 * A step along U promises to lower the loss by `<U, S> / 2` where it is taken in full. Where it promises more than a
 * quarter of the loss L, U follows what the examples differ in by chance, and directions of little curvature, in which
 * that is most of what there is, have to be damped more. The first directions of all are made twice: with phi = 1, and
 * with what they promised; then, after the directions of a step,
 *
 * ```text
 * p = <U, S> / (2 L),   phi_0 = p,   phi <- phi (4 p)^(1/8),   phi held in [1, 64]
 * ```
 *
 * 4 p held in [2^-8, 2^8], so that phi at most doubles or halves in a step. Beyond 64, more than most squares, it would only
 * take longer to come back. It has no unit. Networks of many outputs, whose examples tell much (an autoencoder: p = 0.06),
 * come to rest at 1; classifiers on few examples (p = 0.5 to 1) at their edges.
 *
 * @example Four times the loss is promised
 * ```ts
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { allClose, upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using noise = new NoiseFactor(backend);
 * using product = upload(backend, denseMatrix(1, 1, [24]));
 * noise.begin(product, 3);
 * allClose(backend.readSync(noise.factor), [4], { relative: 1e-12 });
 * noise.heed(product, 3);
 * allClose(backend.readSync(noise.factor), [4 * 16 ** (1 / 8)], { relative: 1e-12 });
 * ```
 */
export class NoiseFactor implements Disposable {
  /** phi, [1, 1]; 1 at first. Part of a checkpoint. */
  readonly factor: OwnedMatrix;
  readonly #backend: Backend;

  /** Allocates one number. The caller disposes it. */
  constructor(backend: Backend) {
    this.#backend = backend;
    this.factor = backend.alloc(1, 1);
    backend.write(this.factor, [1]);
  }

  /**
   * Told what the first step promises with phi = 1; then its directions are to be made again. Reads nothing back.
   *
   * @param product `<U, S>` of all layers, [1, 1].
   * @param loss L; one that is not positive is that of a density, and counts as 1 nat.
   */
  begin(product: Matrix, loss: Scalar): void {
    const { factor } = this;
    this.#backend.evaluate(begun, { factor, product, loss }, { factor });
  }

  /**
   * Told what a step promises. Reads nothing back; a promise that is not finite changes nothing.
   *
   * @param product `<U, S>` of all layers, [1, 1].
   * @param loss L; one that is not positive is that of a density, and counts as 1 nat.
   */
  heed(product: Matrix, loss: Scalar): void {
    const { factor } = this;
    this.#backend.evaluate(heeded, { factor, product, loss }, { factor });
  }

  /** Gives the number back. */
  [Symbol.dispose](): void {
    this.factor[Symbol.dispose]();
  }
}

/** The largest phi. */
const LARGEST = 64;

/** 1 over the share of the loss that steps may promise. */
const QUARTER = 4;

/** The largest 4 p that counts, and its inverse the smallest. */
const MOST = 2 ** 8;

/** p. */
function promiseOf(product: Expression<"number">, loss: Expression<"number">) {
  return div(product, mul(2, lossOrNat(loss)));
}

const begun = formula(
  { factor: "number", product: "number", loss: "number" },
  ({ factor, product, loss }) => {
    const first = min(LARGEST, max(1, promiseOf(product, loss)));
    return { factor: select(isFinite(product), first, factor) };
  },
);

const heeded = formula(
  { factor: "number", product: "number", loss: "number" },
  ({ factor, product, loss }) => {
    const excess = mul(QUARTER, promiseOf(product, loss));
    const held = min(MOST, max(1 / MOST, excess));
    const next = min(LARGEST, max(1, mul(factor, sqrt(sqrt(sqrt(held))))));
    return { factor: select(isFinite(product), next, factor) };
  },
);
