/**
 * EKFAC and TEKFAC of depthwise convolutions: all channels at once.
 *
 * @module
 */

import type { Backend, EighJob, Scalar } from "../../backend/backend.ts";
import { depthwiseVerbs } from "../../backend/wasm/depthwise/extension.ts";
import type { ConvCapture } from "../../core/capture.ts";
import { div, formula, max, min, mul, sub } from "../../core/formula.ts";
import type { ConvGeometry } from "../../core/geometry.ts";
import { groupCapture, rowsOfGroup } from "../../core/groups.ts";
import { markAll } from "../../core/marks.ts";
import { type Matrix, reshaped } from "../../core/matrix.ts";
import type { Parameter } from "../../core/parameter.ts";
import { FactorBases } from "../factor_bases.ts";
import { jointRenewal } from "../joint_renewal.ts";
import { LayerDamping, type Trace } from "../layer_damping.ts";
import type { Observation } from "../moving_average.ts";
import type { Renewal } from "../renewal.ts";
import { Stacks } from "../stacks.ts";
import { type Block, type BlockOptions, type BlockPower, Owner } from "./block.ts";

/** Options of {@linkcode DepthwiseBlock}. */
export interface DepthwiseOptions extends BlockOptions {
  /** Whose eigenvectors the bases are. */
  readonly method: "ekfac" | "tekfac";
  /** p of `(Theta + lambda)^-p`; 1 is the natural gradient. @default {1} */
  readonly exponent?: number;
  /** See `EkfacBlockOptions`. @default {"captures"} */
  readonly eigenvaluesFrom?: "captures" | "gradient";
}

/**
 * What `GroupedBlock` is for a convolution with one channel and one output a group, computed for all of them
 * together: `F_c ~ Q_c diag(Theta_c) Q_c^T`, Q_c eigenvectors of `A_c = E[sum_t abar abar^T]` (EKFAC) or of
 * `PhiRaw_c = E[sum_t g^2 abar abar^T]` (TEKFAC), [d, d] with d = k^2 + 1, and `Theta_c = E[(G_nc Q_c)^2]`. The output
 * side is a number, whose eigenvector is 1. All d directions are kept. One lambda for the layer.
 *
 * @example Two channels of single pixels
 * ```ts
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { DepthwiseBlock, Refresher } from "@tekfac/tekfac/curvature";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { conv2d, sequential } from "@tekfac/tekfac/nn";
 * import { allClose, upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * const layers = [conv2d(2, { kernel: 1, groups: 2, bias: false })];
 * using model = sequential(backend, { input: [1, 1, 2], layers, seed: 1 });
 * const [parameter] = model.parameters;
 * if (parameter.layer.kind !== "conv2d") throw new Error("not a convolution");
 * const { geometry } = parameter.layer;
 * using images = upload(backend, denseMatrix(1, 2, [2, 3]));
 * using outputGradients = upload(backend, denseMatrix(1, 2, [1, 1]));
 * const capture = { kind: "conv2d", examples: 1, geometry, images, outputGradients } as const;
 *
 * const damping = { kind: "absolute", lambda: 1 } as const;
 * using block = new DepthwiseBlock(backend, parameter, { method: "tekfac", damping });
 * const first = { decay: 0, scale: 1 };
 * backend.scope(() => {
 *   block.observeStatistics(capture, first);
 *   new Refresher(backend, { kind: "immediate" }, 0).refresh(0, [block]);
 *   block.observeEigenvalues(capture, first);
 *   const step = backend.scratch(2, 1);
 *   backend.write(parameter.gradient, [1, 1]);
 *   block.precondition(step, parameter.gradient, 0);
 *   allClose(backend.readSync(step), [1 / (4 + 1), 1 / (9 + 1)], { relative: 1e-12 });
 * });
 * ```
 */
export class DepthwiseBlock extends Owner implements Block {
  readonly method: "ekfac" | "tekfac";
  readonly eigenvaluesFrom: "captures" | "gradient";
  readonly parameter: Parameter;
  /** Factors over inputs, one below the other, [C d, d]. */
  readonly inputFactor: Matrix;
  /** Theta, [C, d]. */
  readonly eigenvalues: Matrix;
  readonly damping: LayerDamping;
  readonly #backend: Backend;
  readonly #exponent: number;
  /** Bases of the channels; their matrices are rows of the two stacks. */
  readonly #bases: readonly FactorBases[];
  /** Eigenvectors as columns, [C d, d], and eigenvalues of the factors, [C, d]. */
  readonly #basis: Matrix;
  readonly #values: Matrix;
  /** How far each direction is left undecided by data, [C, d]; see `null_space.ts`. */
  readonly #unknown: Matrix;
  readonly #status: Matrix;
  readonly #trace: Matrix;
  readonly #stacks: Stacks;
  #measured = false;
  #traced = false;

  /** Allocates the block of a parameter [C, d]. The caller disposes it. */
  constructor(backend: Backend, parameter: Parameter, options: DepthwiseOptions) {
    super();
    const { rows: channels, cols: d } = parameter.value;
    this.#backend = backend;
    this.parameter = parameter;
    this.method = options.method;
    this.eigenvaluesFrom = options.eigenvaluesFrom ?? "captures";
    this.#exponent = options.exponent ?? 1;
    backend.extend(depthwiseVerbs);
    try {
      this.inputFactor = this.alloc(backend, channels * d, d);
      this.eigenvalues = this.alloc(backend, channels, d);
      this.#unknown = this.alloc(backend, channels, d);
      this.#status = this.alloc(backend, 1, 3);
      this.#trace = this.alloc(backend, 1, 1);
      this.damping = this.own(new LayerDamping(backend, parameter.layer, options));
      this.#stacks = this.own(new Stacks(backend, channels));
      this.#bases = Array.from({ length: channels }, (_, channel) => {
        return this.own(new FactorBases(this.#stacks.part(channel), [d]));
      });
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
    const [{ vectors: [vectors], values: [values] }] = this.#bases;
    this.#basis = this.#stacks.whole(vectors);
    this.#values = this.#stacks.whole(values);
  }

  get factorSizes(): string {
    const { rows, cols } = this.eigenvalues;
    return `${rows} x (1 x 1, ${cols} x ${cols})`;
  }

  get state(): Readonly<Record<string, Matrix>> {
    return {
      inputFactor: this.inputFactor,
      inputBasis: this.#basis,
      inputUnknown: this.#unknown,
      eigenvalues: this.eigenvalues,
    };
  }

  get solved(): boolean {
    return this.#bases.every(({ solved }) => solved);
  }

  get sums(): Block["sums"] {
    return {
      statistics: [{ matrix: this.inputFactor }],
      eigenvalues: [{ matrix: this.eigenvalues }],
    };
  }

  observeStatistics(capture: ConvCapture, observation: Observation): void {
    const backend = this.#backend;
    const { images, geometry, outputGradients: g, mask } = capture;
    if (!isPlain(geometry)) return this.#observeEach(capture, observation);
    if (this.method === "ekfac" && mask === undefined) {
      return backend.depthwiseSecondMoment(this.inputFactor, images, geometry, observation);
    }
    const weights = backend.scratch(g.rows, g.cols);
    if (this.method === "tekfac") backend.squares(weights, g);
    else {
      const ones = backend.scratch(1, g.cols);
      backend.write(ones, new Float32Array(g.cols).fill(1));
      backend.gemm(weights, mask!.weights, ones, { transposeA: true });
    }
    backend.depthwiseSecondMoment(this.inputFactor, images, geometry, { ...observation, weights });
  }

  beginRefresh(staleness: number, lasting: boolean): readonly EighJob[] {
    return this.#bases.flatMap((bases, channel) => {
      const factor = rowsOfGroup(this.inputFactor, this.#bases.length, channel);
      return bases.jobs([factor], staleness, lasting);
    });
  }

  finishRefresh(): Renewal {
    const backend = this.#backend;
    const { rows, cols } = this.#basis;
    const old = backend.scratch(rows, cols);
    backend.axpby(old, 1, this.#basis, 0);
    const renewals = this.#bases.map((bases) => bases.adopt(() => {}));
    if (this.#measured) this.#transport(old);
    this.#judgeDirections();
    this.#traced = false;
    return jointRenewal(backend, this.#status, renewals);
  }

  observeEigenvalues(capture: ConvCapture, observation: Observation): void {
    this.#measure(observation, (fresh, blend) => {
      if (!isPlain(capture.geometry)) return this.#projectEach(fresh, capture, blend);
      this.#backend.depthwiseSquaredProjection(fresh, capture, this.#basis, blend);
    });
  }

  observeMeanGradient(gradient: Matrix, examples: number, { decay, scale }: Observation): void {
    this.#measure({ decay, scale: scale * examples ** 2 }, (fresh, blend) => {
      this.#backend.squares(fresh, this.#coordinates(gradient), blend);
    });
  }

  lambda(step: number): Scalar {
    const { rows, cols } = this.eigenvalues;
    return this.damping.at(step, () => this.trace(), rows * cols);
  }

  trace(): Trace {
    if (!this.#traced) this.#backend.sum(this.#trace, this.eigenvalues);
    this.#traced = true;
    return [this.#trace];
  }

  precondition(out: Matrix, source: Matrix, step: number): void {
    this.power(out, source, { damping: this.lambda(step), exponent: this.#exponent });
  }

  multiply(out: Matrix, x: Matrix): void {
    this.power(out, x, { damping: 0, exponent: -1 });
  }

  power(out: Matrix, x: Matrix, power: BlockPower): void {
    const { eigenvalues } = this;
    const coordinates = this.#coordinates(x);
    this.#backend.dampedDivide(coordinates, coordinates, { eigenvalues, ...power });
    this.#times(out, coordinates, this.#basis, true);
  }

  spectrum(): Matrix {
    return this.eigenvalues;
  }

  mark(): () => void {
    const [measured, traced] = [this.#measured, this.#traced];
    const goBack = markAll([...this.#bases, this.damping]);
    return () => {
      [this.#measured, this.#traced] = [measured, traced];
      goBack();
    };
  }

  get measured(): boolean {
    return this.#measured;
  }

  underway(): Readonly<Record<string, Matrix>> {
    const [first] = this.#bases.map((bases) => bases.underway(["input"]));
    return Object.fromEntries(
      Object.entries(first).map(([name, matrix]) => [name, this.#stacks.whole(matrix)]),
    );
  }

  resumeRefresh(): void {
    this.#bases.forEach((bases) => bases.resume());
  }

  restored({ solved, measured = false }: Pick<Block, "solved" | "measured">): void {
    this.#measured = measured;
    this.#traced = false;
    this.#bases.forEach((bases) => bases.solved = solved);
  }

  /** Channel by channel, of a layer in several places of a model: its patches are inputs already. */
  #observeEach(capture: ConvCapture, observation: Observation): void {
    this.#forEach(capture, ({ images, geometry, outputGradients: g, mask }, rows) => {
      let weights = mask?.weights;
      if (this.method === "tekfac") {
        weights = this.#backend.scratch(1, g.rows);
        this.#backend.rowSquaredNorms(weights, g);
      }
      const options = weights === undefined ? observation : { ...observation, weights };
      this.#backend.patchSecondMoment(rows(this.inputFactor), images, geometry, options);
    });
  }

  /** The same of the eigenvalues. */
  #projectEach(fresh: Matrix, capture: ConvCapture, blend: Observation): void {
    this.#forEach(capture, (one, rows) => {
      const output = this.#backend.scratch(1, 1);
      this.#backend.write(output, [1]);
      const basis = { output, input: rows(this.#basis) };
      this.#backend.squaredProjection(rows(fresh), one, basis, blend);
    });
  }

  #forEach(
    capture: ConvCapture,
    body: (one: ConvCapture, rows: (stack: Matrix) => Matrix) => void,
  ): void {
    const { length } = this.#bases;
    for (let channel = 0; channel < length; channel++) {
      this.#backend.scope(() => {
        body(groupCapture(capture, channel), (stack) => rowsOfGroup(stack, length, channel));
      });
    }
  }

  /** `X_c Q_c` for every row. */
  #coordinates(x: Matrix): Matrix {
    const out = this.#backend.scratch(x.rows, x.cols);
    this.#times(out, x, this.#basis, false);
    return out;
  }

  /** Rows times the channels' matrices. */
  #times(out: Matrix, x: Matrix, matrices: Matrix, transposeB: boolean): void {
    this.#backend.stackedGemm(out, x, matrices, this.#bases.length, { transposeB });
  }

  /** `Theta_c <- Theta_c (R_c o R_c)^T`, `R_c = Qnew_c^T Qold_c`: see `transport` of `basis.ts`. */
  #transport(old: Matrix): void {
    const backend = this.#backend;
    const move = backend.scratch(old.rows, old.cols);
    backend.stackedGemm(move, this.#basis, old, this.#bases.length, { transposeA: true });
    backend.squares(move, move);
    const { rows, cols } = this.eigenvalues;
    const moved = backend.scratch(rows, cols);
    this.#times(moved, this.eigenvalues, move, true);
    backend.axpby(this.eigenvalues, 1, moved, 0);
  }

  /** As `writeKnown` of `null_space.ts`, but for shares of the trace, which takes no search in rows. */
  #judgeDirections(): void {
    const backend = this.#backend;
    const { rows, cols } = this.#values;
    const relative = backend.scratch(rows, cols), traces = this.#rowSums(this.#values);
    const share = 2 * cols * backend.info.roundoff;
    backend.evaluate(inverseOf, { x: traces, factor: share }, { inverse: traces });
    backend.scaleRows(relative, this.#values, traces);
    const numbers = reshaped(relative, 1, rows * cols);
    const unknown = reshaped(this.#unknown, 1, rows * cols);
    backend.evaluate(undecided, { relative: numbers }, { unknown });
  }

  /** Averages what is measured over the directions that data do not decide, and adds it to Theta. */
  #measure(
    { decay, scale }: Observation,
    measure: (fresh: Matrix, blend: Observation) => void,
  ): void {
    const backend = this.#backend;
    const { eigenvalues } = this;
    const { rows, cols } = eigenvalues;
    const [fresh, part] = [backend.scratch(rows, cols), backend.scratch(rows, cols)];
    measure(fresh, { decay: 0, scale });
    // With n = unknown: v' = v - n v + n (n . v) / (n . 1), of which the last is 0 where all is known.
    const product = { eigenvalues: this.#unknown, damping: 0, exponent: -1 };
    backend.dampedDivide(part, fresh, product);
    const [sums, counts] = [this.#rowSums(part), this.#rowSums(this.#unknown)];
    backend.evaluate(quotient, { sums, counts }, { means: sums });
    backend.axpby(fresh, -1, part, 1);
    backend.scaleRows(part, this.#unknown, sums);
    backend.axpby(fresh, 1, part, 1);
    backend.axpby(eigenvalues, 1, fresh, decay);
    this.#measured = true;
    this.#traced = false;
  }

  /** [1, C], in scratch memory. */
  #rowSums(x: Matrix): Matrix {
    const backend = this.#backend;
    const ones = backend.scratch(1, x.cols), sums = backend.scratch(1, x.rows);
    backend.write(ones, new Float32Array(x.cols).fill(1));
    backend.gemm(sums, ones, x, { transposeB: true });
    return sums;
  }
}

/** Whether patches are cut from one channel each. */
function isPlain({ groups, channels }: ConvGeometry): boolean {
  return groups === channels;
}

/** Keeps quotients finite where there is no data, or no undecided direction. */
const TINY = 1e-30;

const inverseOf = formula({ x: "vector", factor: "number" }, ({ x, factor }) => ({
  inverse: div(1, max(mul(factor, x), TINY)),
}));

/** 1 where an eigenvalue is at most the least that counts, 0 from twice as much on, and linear between. */
const undecided = formula({ relative: "vector" }, ({ relative }) => ({
  unknown: min(1, max(0, sub(2, relative))),
}));

const quotient = formula({ sums: "vector", counts: "vector" }, ({ sums, counts }) => ({
  means: div(sums, max(counts, TINY)),
}));
