/**
 * The exact blocks of scales and shifts: a 2 x 2 matrix per channel.
 *
 * @module
 */

import type { Backend, Scalar } from "../../backend/backend.ts";
import type { ElementsCapture } from "../../core/capture.ts";
import {
  add,
  div,
  type Expression,
  formula,
  greater,
  max,
  mul,
  select,
  sqrt,
  sub,
} from "../../core/formula.ts";
import { columnsOf, type Matrix, reshaped, rowsOf } from "../../core/matrix.ts";
import type { Parameter } from "../../core/parameter.ts";
import { LayerDamping, type Trace } from "../layer_damping.ts";
import type { Observation } from "../moving_average.ts";
import { type Block, type BlockOptions, type BlockPower, Owner } from "./block.ts";

/** Options of {@linkcode ScaleShiftBlock}. */
export interface ScaleShiftOptions extends BlockOptions {
  /** p of `(F_c + lambda I)^-p`; 1 is the natural gradient. @default {1} */
  readonly exponent?: number;
}

/**
 * `F ~ diag_c(F_c)`, `F_c = E[(s_nc, t_nc)^T (s_nc, t_nc)]` for the gradients s_n, t_n of example n's own loss with
 * respect to scale and shift of channel c: what couples the two of a channel is exact, what couples channels is
 * dropped. `(F_c + lambda I)^-p` in closed form, from the two eigenvalues `m +- r` of `F_c`
 * (docs/MATH.md, section 2.11). One lambda for the layer: relative damping is a share of the mean of its 2 C
 * eigenvalues, as for all other blocks.
 *
 * @example One channel, whose scale and shift always move together
 * ```ts
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { ScaleShiftBlock } from "@tekfac/tekfac/curvature";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { layerNorm, sequential } from "@tekfac/tekfac/nn";
 * import { allClose, upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using model = sequential(backend, { input: [1], layers: [layerNorm()] });
 * const [parameter] = model.parameters;
 * backend.write(parameter.gradient, [1, 3]);
 * using gradients = upload(backend, denseMatrix(2, 2, [1, 1, -1, -1]));
 *
 * const damping = { kind: "absolute", lambda: 0.5 } as const;
 * using block = new ScaleShiftBlock(backend, parameter, { damping });
 * backend.scope(() => {
 *   const capture = { kind: "elements", examples: 2, gradients } as const;
 *   block.observeEigenvalues(capture, { decay: 0, scale: 1 / 2 });
 *   const step = backend.scratch(2, 1);
 *   block.precondition(step, parameter.gradient, 0);
 *   // F = [1 1; 1 1]: (1, 3) is 2 along (1, 1), eigenvalue 2, and 1 along (-1, 1), eigenvalue 0.
 *   const along = 2 / 2.5, across = 1 / 0.5;
 *   allClose(backend.readSync(step), [along - across, along + across], { relative: 1e-12 });
 * });
 * ```
 */
export class ScaleShiftBlock extends Owner implements Block {
  readonly method = "scaleShift";
  /** Captures, where the layer leaves any in this step. */
  readonly eigenvaluesFrom = "either";
  readonly parameter: Parameter;
  /** `E[s^2]`, `E[t^2]` and `E[(s + t)^2]` of every channel, [3, C]. */
  readonly moments: Matrix;
  /** Its damping. */
  readonly damping: LayerDamping;
  /** There is no basis to be renewed. */
  readonly solved = true;
  readonly #backend: Backend;
  readonly #exponent: number;
  readonly #trace: Matrix;

  /** Allocates the block of a parameter [2, C]. The caller disposes it. */
  constructor(backend: Backend, parameter: Parameter, options: ScaleShiftOptions) {
    super();
    this.#backend = backend;
    this.parameter = parameter;
    this.#exponent = options.exponent ?? 1;
    this.moments = this.alloc(backend, 3, parameter.value.cols);
    this.#trace = this.alloc(backend, 1, 1);
    this.damping = this.own(new LayerDamping(backend, parameter.layer, options));
  }

  get state(): Readonly<Record<string, Matrix>> {
    return { moments: this.moments };
  }

  get sums(): Block["sums"] {
    return { statistics: [], eigenvalues: [{ matrix: this.moments }] };
  }

  observeEigenvalues({ gradients, examples }: ElementsCapture, observation: Observation): void {
    this.#add(gradients, examples, observation);
  }

  /** `F_c` of the mean gradient, each of N examples counted N times (docs/MATH.md, section 2.5). */
  observeMeanGradient(gradient: Matrix, examples: number, { decay, scale }: Observation): void {
    const row = reshaped(gradient, 1, gradient.rows * gradient.cols);
    this.#add(row, 1, { decay, scale: scale * examples ** 2 });
  }

  #add(gradients: Matrix, examples: number, observation: Observation): void {
    const backend = this.#backend;
    const { cols } = this.moments;
    const parts = backend.scratch(examples, 3 * cols);
    backend.axpby(columnsOf(parts, 0, 2 * cols), 1, gradients, 0);
    const both = columnsOf(parts, 2 * cols, 3 * cols);
    backend.axpby(both, 1, columnsOf(gradients, 0, cols), 0);
    backend.axpby(both, 1, columnsOf(gradients, cols, 2 * cols), 1);
    backend.squares(parts, parts);
    const ones = backend.scratch(1, examples);
    backend.write(ones, new Float32Array(examples).fill(1));
    const { decay: beta, scale: alpha } = observation;
    backend.gemm(reshaped(this.moments, 1, 3 * cols), ones, parts, { alpha, beta });
  }

  lambda(step: number): Scalar {
    const trace = (): Trace => {
      this.#backend.sum(this.#trace, rowsOf(this.moments, 0, 2));
      return [this.#trace];
    };
    return this.damping.at(step, trace, 2 * this.moments.cols);
  }

  precondition(out: Matrix, source: Matrix, step: number): void {
    this.power(out, source, { damping: this.lambda(step), exponent: this.#exponent });
  }

  power(out: Matrix, x: Matrix, power: BlockPower): void {
    const backend = this.#backend;
    const { cols } = this.moments;
    const factors = backend.scratch(2, cols);
    backend.write(factors, new Float32Array(2 * cols).fill(1));
    backend.dampedDivide(factors, factors, { eigenvalues: this.spectrum(), ...power });
    this.#apply(out, x, factors);
  }

  mark(): () => void {
    return this.damping.mark();
  }

  multiply(out: Matrix, x: Matrix): void {
    this.#apply(out, x, this.spectrum());
  }

  spectrum(): Matrix {
    const out = this.#backend.scratch(2, this.moments.cols);
    const to = { high: rowsOf(out, 0, 1), low: rowsOf(out, 1, 2) };
    this.#backend.evaluate(eigenvaluesOf, this.#entries(), to);
    return out;
  }

  /** `out_c = f(F_c) source_c` from what f makes of the eigenvalues, [2, C]. */
  #apply(out: Matrix, source: Matrix, factors: Matrix): void {
    this.#backend.evaluate(applied, {
      ...this.#entries(),
      high: rowsOf(factors, 0, 1),
      low: rowsOf(factors, 1, 2),
      x: rowsOf(source, 0, 1),
      y: rowsOf(source, 1, 2),
    }, { scale: rowsOf(out, 0, 1), shift: rowsOf(out, 1, 2) });
  }

  #entries(): { readonly ss: Matrix; readonly tt: Matrix; readonly both: Matrix } {
    const [ss, tt, both] = [0, 1, 2].map((i) => rowsOf(this.moments, i, i + 1));
    return { ss, tt, both };
  }
}

const ENTRIES = { ss: "vector", tt: "vector", both: "vector" } as const;

/** Half the difference of the diagonal, the entry beside it, and r: `F_c = m I + [d o; o -d]`, `r^2 = d^2 + o^2`. */
function partsOf({ ss, tt, both }: Record<keyof typeof ENTRIES, Expression>) {
  const d = mul(0.5, sub(ss, tt));
  const o = mul(0.5, sub(sub(both, ss), tt));
  return { d, o, r: sqrt(add(mul(d, d), mul(o, o))), m: mul(0.5, add(ss, tt)) };
}

const eigenvaluesOf = formula(ENTRIES, (entries) => {
  const { m, r } = partsOf(entries);
  return { high: add(m, r), low: max(sub(m, r), 0) };
});

/** `f(F_c) (x, y)` from `f(m + r)` and `f(m - r)`: their mean times I, half their difference times `[d o; o -d] / r`. */
const applied = formula(
  { ...ENTRIES, high: "vector", low: "vector", x: "vector", y: "vector" },
  ({ high, low, x, y, ...entries }) => {
    const { d, o, r } = partsOf(entries);
    const mean = mul(0.5, add(high, low));
    const rest = select(greater(r, 0), div(mul(0.5, sub(high, low)), r), 0);
    return {
      scale: add(mul(mean, x), mul(rest, add(mul(d, x), mul(o, y)))),
      shift: add(mul(mean, y), mul(rest, sub(mul(o, x), mul(d, y)))),
    };
  },
);
