/**
 * Damping: what is added to every eigenvalue of a layer's approximation before it is inverted
 * (docs/MATH.md, section 4).
 *
 * @module
 */

import type { Backend, Scalar } from "../backend/backend.ts";
import type { Matrix, OwnedMatrix } from "../core/matrix.ts";
import { checkChoice, checkKnownKeys, checkSchedule } from "../core/options.ts";
import { type Schedule, valueAt } from "../core/schedule.ts";

/** The same lambda for every layer. */
export interface AbsoluteDamping {
  /** Tells the kinds apart. */
  readonly kind: "absolute";
  /** Added to the eigenvalues of the Fisher, whose unit is (loss per weight)^2; > 0. */
  readonly lambda: Schedule;
}

/**
 * `lambda_l = tau max(m_l, floor)`, m_l being the mean eigenvalue of layer l's approximation. Needs no
 * retuning when the loss, the layer's width or its inputs are rescaled. tau = 1 is TEKFAC's rule for
 * convolutions (Gao et al. 2020, eq. 3.5, known from public notes on the paper).
 */
export interface RelativeDamping {
  /** Tells the kinds apart. */
  readonly kind: "relative";
  /** Damping as a share of the mean eigenvalue, > 0. */
  readonly tau: Schedule;
  /** Smallest mean eigenvalue that is believed, > 0. @default {1e-12} */
  readonly floor?: number;
}

/** How the eigenvalues of the curvature are damped. */
export type Damping = AbsoluteDamping | RelativeDamping;

/**
 * Checks a damping and completes it.
 *
 * @throws {OptionError} On an unknown kind or key, or a number that is not finite and > 0.
 */
export function resolveDamping(subject: string, damping: Damping): Required<Damping> {
  const kind = checkChoice(subject, "damping.kind", damping.kind, ["absolute", "relative"]);
  const path = "damping.";
  if (kind === "absolute") {
    const { lambda } = damping as AbsoluteDamping;
    checkKnownKeys(subject, damping, ["kind", "lambda"], path);
    return { kind, lambda: checkSchedule(subject, "damping.lambda", lambda, { above: 0 }) };
  }
  const { tau, floor = 1e-12 } = damping as RelativeDamping;
  checkKnownKeys(subject, damping, ["kind", "tau", "floor"], path);
  return {
    kind,
    tau: checkSchedule(subject, "damping.tau", tau, { above: 0 }),
    floor: checkSchedule(subject, "damping.floor", floor, { above: 0 }) as number,
  };
}

/** The damping of one layer: computes its lambda and remembers the one in force. */
export class LayerDamping implements Disposable {
  /** Lambda as of the last call of {@linkcode LayerDamping.at}; `undefined` before the first. */
  current: Scalar | undefined;
  readonly #backend: Backend;
  readonly #damping: Required<Damping>;
  readonly #lambda: OwnedMatrix;

  /** Allocates one number. The caller disposes it. */
  constructor(backend: Backend, damping: Required<Damping>) {
    this.#backend = backend;
    this.#damping = damping;
    this.#lambda = backend.alloc(1, 1);
  }

  /**
   * Lambda at a step: a number when it is absolute, else a [1, 1] matrix, so that a device need not be
   * asked.
   *
   * @param meanSources The layer's mean eigenvalue is the product of these [1, 1] matrices ...
   * @param meanFactor ... times this. Only computed when the damping is relative.
   */
  at(step: number, meanSources: () => readonly Matrix[], meanFactor: number): Scalar {
    const damping = this.#damping;
    if (damping.kind === "absolute") return this.current = valueAt(damping.lambda, step);
    this.#backend.relativeDamping(this.#lambda, meanSources(), {
      tau: valueAt(damping.tau, step),
      factor: meanFactor,
      floor: damping.floor,
    });
    return this.current = this.#lambda;
  }

  /** Gives the number back. */
  [Symbol.dispose](): void {
    this.#lambda[Symbol.dispose]();
  }
}
