/**
 * The diagonal block, for parameters that have no Kronecker structure or are not worth one.
 *
 * @module
 */

import type { Backend, Scalar } from "../../backend/backend.ts";
import type { Capture, KroneckerCapture } from "../../core/capture.ts";
import { groupCapture, rowsOfGroup } from "../../core/groups.ts";
import { type Matrix, reshaped } from "../../core/matrix.ts";
import type { Parameter } from "../../core/parameter.ts";
import { LayerDamping, type Trace } from "../layer_damping.ts";
import type { Observation } from "../moving_average.ts";
import { addTableMoments } from "../table_moments.ts";
import {
  type Block,
  type BlockOptions,
  type BlockPower,
  type Eigendecomposition,
  Owner,
} from "./block.ts";

/**
 * `F ~ diag(E[G_n^2])`: eigenvalues corrected in the identity basis. Measured from captures in steps where
 * the layer leaves them, else as `N G^2` from the mean gradient G of N examples.
 *
 * @example Two examples whose Fisher is diag(2, 4.5)
 * ```ts
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { DiagonalBlock } from "@tekfac/tekfac/curvature";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { dense, sequential } from "@tekfac/tekfac/nn";
 * import { allClose, upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * const layers = [dense(1, { bias: false })];
 * using model = sequential(backend, { input: [2], layers, seed: 1 });
 * const [parameter] = model.parameters;
 * backend.write(parameter.gradient, [1, 1]);
 * using inputs = upload(backend, denseMatrix(2, 2, [2, 0, 0, 1]));
 * using outputGradients = upload(backend, denseMatrix(2, 1, [1, 3]));
 * const capture = { kind: "dense", examples: 2, inputs, outputGradients } as const;
 *
 * const options = { damping: { kind: "absolute", lambda: 0.5 } } as const;
 * using block = new DiagonalBlock(backend, parameter, options);
 * const first = { decay: 0, scale: 1 / 2 };
 * backend.scope(() => {
 *   block.observeEigenvalues(capture, first);
 *   const step = backend.scratch(1, 2);
 *   block.precondition(step, parameter.gradient, 0);
 *   allClose(backend.readSync(step), [1 / (2 + 0.5), 1 / (4.5 + 0.5)], { relative: 1e-12 });
 * });
 * ```
 */
export class DiagonalBlock extends Owner implements Block {
  readonly method = "diagonal";
  /** Captures, where the layer leaves any in this step. */
  readonly eigenvaluesFrom = "either";
  readonly parameter: Parameter;
  /** Second moments of the gradient's entries, [dOut, dIn']. */
  readonly eigenvalues: Matrix;
  /** Its damping. */
  readonly damping: LayerDamping;
  readonly #backend: Backend;
  readonly #trace: Matrix;

  /** Allocates the block of one parameter. The caller disposes it. */
  constructor(backend: Backend, parameter: Parameter, options: BlockOptions) {
    super();
    const { rows, cols } = parameter.value;
    this.#backend = backend;
    this.parameter = parameter;
    this.eigenvalues = this.alloc(backend, rows, cols);
    this.damping = this.own(new LayerDamping(backend, parameter.layer, options));
    this.#trace = this.alloc(backend, 1, 1);
  }

  get state(): Readonly<Record<string, Matrix>> {
    return { eigenvalues: this.eigenvalues };
  }

  get sums(): Block["sums"] {
    return { statistics: [], eigenvalues: [{ matrix: this.eigenvalues }] };
  }

  mark(): () => void {
    return this.damping.mark();
  }

  /** The identity is always there. */
  readonly solved = true;

  observeEigenvalues(capture: Capture, observation: Observation): void {
    if (capture.kind === "elements") this.#observeElements(capture.gradients, observation);
    else if (capture.kind === "embedding") {
      addTableMoments(this.#backend, this.eigenvalues, capture, observation, (rows) => {
        this.#backend.squares(rows, rows);
        return rows;
      });
    } else this.#observeGroups(capture, observation);
  }

  #observeGroups(capture: KroneckerCapture, observation: Observation): void {
    const groups = capture.kind === "conv2d" ? capture.geometry.groups ?? 1 : 1;
    for (let group = 0; group < groups; group++) {
      const out = rowsOfGroup(this.eigenvalues, groups, group);
      const part = capture.kind === "conv2d" ? groupCapture(capture, group) : capture;
      this.#backend.squaredProjection(out, part, undefined, observation);
    }
  }

  observeMeanGradient(gradient: Matrix, examples: number, { decay, scale }: Observation): void {
    this.#backend.squares(this.eigenvalues, gradient, { decay, scale: scale * examples ** 2 });
  }

  lambda(step: number): Scalar {
    const { rows, cols } = this.eigenvalues;
    const trace = (): Trace => {
      this.#backend.sum(this.#trace, this.eigenvalues);
      return [this.#trace];
    };
    return this.damping.at(step, trace, rows * cols);
  }

  precondition(out: Matrix, source: Matrix, step: number): void {
    this.power(out, source, { damping: this.lambda(step), exponent: 1 });
  }

  multiply(out: Matrix, x: Matrix): void {
    this.power(out, x, { damping: 0, exponent: -1 });
  }

  power(out: Matrix, x: Matrix, power: BlockPower): void {
    this.#backend.dampedDivide(out, x, { eigenvalues: this.eigenvalues, ...power });
  }

  get eigenbasis(): Eigendecomposition {
    return { basis: undefined, eigenvalues: this.eigenvalues };
  }

  spectrum(): Matrix {
    return this.eigenvalues;
  }

  /** Sums of the squares of the examples' gradients, [N, dOut dIn']. */
  #observeElements(gradients: Matrix, { decay, scale }: Observation): void {
    const backend = this.#backend;
    const squares = backend.scratch(gradients.rows, gradients.cols);
    backend.squares(squares, gradients);
    const ones = backend.scratch(1, gradients.rows);
    backend.write(ones, new Float32Array(gradients.rows).fill(1));
    const out = reshaped(this.eigenvalues, 1, gradients.cols);
    backend.gemm(out, ones, squares, { alpha: scale, beta: decay });
  }
}
