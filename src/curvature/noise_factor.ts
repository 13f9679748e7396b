/**
 * How much of the noise edge a model needs.
 *
 * @module
 */

import type { Backend, Scalar } from "../backend/backend.ts";
import { div, formula, isFinite, max, min, mul, select, sqrt } from "../core/formula.ts";
import type { Matrix, OwnedMatrix } from "../core/matrix.ts";
import { lossOrNat } from "./loss_unit.ts";

/**
 * phi, what tau is multiplied with: at least 1, in each layer at most its noise edge (see `noiseEdge`).
 *
 * A step along U promises to lower the loss by `<U, S> / 2` where it is taken in full. No step can win more than the
 * whole loss L; where more is promised, U follows what the examples differ in by chance, and directions of little
 * curvature, in which that is most of what there is, have to be damped more. So, after the directions of a step,
 *
 * ```text
 * p = <U, S> / (2 L),   phi <- min(1024, max(1, phi p^(1/8)))
 * ```
 *
 * p held in [2^-8, 2^8], so that phi at most doubles or halves in a step. Beyond 1024, more than any edge,
 * it would only take longer to come back. It has no unit. Networks of many outputs,
 * whose examples tell much (an autoencoder), come to rest near 1; classifiers on few examples at their edges.
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
 * noise.heed(product, 3);
 * allClose(backend.readSync(noise.factor), [16 * 4 ** (1 / 8)], { relative: 1e-12 });
 * ```
 */
export class NoiseFactor implements Disposable {
  /** phi, [1, 1]; 16 at first, more than most edges, since first averages know least. Part of a checkpoint. */
  readonly factor: OwnedMatrix;
  readonly #backend: Backend;

  /** Allocates one number. The caller disposes it. */
  constructor(backend: Backend) {
    this.#backend = backend;
    this.factor = backend.alloc(1, 1);
    backend.write(this.factor, [FIRST]);
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

const FIRST = 16;

/** The largest phi. */
const LARGEST = 2 ** 10;

/** The largest p that counts, and its inverse the smallest. */
const MOST = 2 ** 8;

const heeded = formula(
  { factor: "number", product: "number", loss: "number" },
  ({ factor, product, loss }) => {
    const whole = mul(2, lossOrNat(loss));
    const promise = min(MOST, max(1 / MOST, div(product, whole)));
    const next = min(LARGEST, max(1, mul(factor, sqrt(sqrt(sqrt(promise))))));
    return { factor: select(isFinite(product), next, factor) };
  },
);
