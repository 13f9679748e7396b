/**
 * The curvature of one layer as an operator.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Matrix } from "../core/matrix.ts";
import type { Parameter } from "../core/parameter.ts";
import type { Random } from "../core/random.ts";
import type { Block } from "../curvature/blocks/block.ts";
import { toDense } from "../curvature/blocks/dense.ts";
import { type InverseDamping, lambdaOf } from "./damping.ts";
import type { CurvatureOperator } from "./operator.ts";

/**
 * One layer of a {@linkcode Curvature}, which owns its block.
 *
 * @example Two weights that do not meet
 * ```ts
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 * import { curvatureOf, type LayerCurvature } from "@tekfac/tekfac/analysis";
 * import { allClose } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * const layers = [dense(1, { bias: false })];
 * using model = sequential(backend, { input: [2], layers, seed: 1 });
 * const data = { inputs: [2, 0, 0, 1], targets: [1, 2] };
 * using curvature = await curvatureOf(objective(model, squaredError()), data);
 *
 * // Squared errors have the Hessian 1 in their outputs, so F = E[x x^T] = diag(2, 1/2).
 * const layer: LayerCurvature = curvature.layers[0];
 * allClose([layer.trace()], [2.5], { relative: 1e-12 });
 * allClose([layer.logdet({ kind: "absolute", lambda: 0 })], [Math.log(2 * 0.5)], { absolute: 1e-12 });
 * ```
 */
export class LayerCurvature implements CurvatureOperator<Matrix> {
  /** Name of the layer. */
  readonly name: string;
  /** Its weights. */
  readonly parameter: Parameter;
  /** The approximation; owned by the {@linkcode Curvature}. */
  readonly block: Block;
  /** All eigenvalues, >= 0, in no order, those of complements repeated; [dimension]. */
  readonly eigenvalues: Float64Array;
  /** Where it lives. */
  readonly backend: Backend;
  readonly #damping: InverseDamping;

  /** Of a block whose eigenvalues have been read. */
  constructor(
    backend: Backend,
    block: Block,
    eigenvalues: Float64Array,
    damping: InverseDamping,
  ) {
    this.backend = backend;
    this.block = block;
    this.parameter = block.parameter;
    this.name = block.parameter.name;
    this.eigenvalues = eigenvalues;
    this.#damping = damping;
  }

  get dimension(): number {
    return this.eigenvalues.length;
  }

  /**
   * Lambda of this layer.
   *
   * @param damping The curvature's own where it is left out.
   * @throws {OptionError} When it is zero and the layer is singular.
   */
  lambda(damping: InverseDamping = this.#damping): number {
    return lambdaOf(this.name, damping, this.eigenvalues, this.backend.info.roundoff);
  }

  multiply(out: Matrix, x: Matrix): void {
    this.backend.scope(() => this.block.multiply(out, x));
  }

  solve(out: Matrix, x: Matrix, damping?: InverseDamping): void {
    this.#power(out, x, this.lambda(damping), 1);
  }

  trace(): number {
    return this.eigenvalues.reduce((sum, value) => sum + value, 0);
  }

  logdet(damping?: InverseDamping): number {
    const lambda = this.lambda(damping);
    return this.eigenvalues.reduce((sum, value) => sum + Math.log(value + lambda), 0);
  }

  sample(out: Matrix, random: Random, damping?: InverseDamping): void {
    const lambda = this.lambda(damping);
    const backend = this.backend;
    backend.scope(() => {
      const noise = backend.scratch(out.rows, out.cols);
      backend.write(noise, Float64Array.from({ length: this.dimension }, () => random.normal()));
      this.#power(out, noise, lambda, 1 / 2);
    });
  }

  toDense(): Matrix {
    return toDense(this.backend, this.block);
  }

  #power(out: Matrix, x: Matrix, damping: number, exponent: number): void {
    this.backend.scope(() => this.block.power(out, x, { damping, exponent }));
  }
}
