/**
 * What Muon remembers of one parameter.
 *
 * @module
 */

import type { AdamNumbers, Backend } from "../backend/backend.ts";
import { columnsOf, type Matrix } from "../core/matrix.ts";
import type { LayerKind, Parameter } from "../core/parameter.ts";
import { Owner } from "../curvature/blocks/block.ts";
import { orthogonalize, type Quintic } from "./orthogonalize.ts";

/** Numbers of one step. */
export interface MuonNumbers {
  /** Weight of the past in the velocity, in [0, 1). */
  readonly momentum: number;
  /** Whether the gradient is added to the velocity once more. */
  readonly nesterov: boolean;
  /** Of the iterations. */
  readonly polynomials: readonly Quintic[];
  /** Of what takes AdamW. */
  readonly adam: Omit<AdamNumbers, "count">;
  /** Learning rate of AdamW over that of the parameter. */
  readonly adamShare: number;
}

/** A velocity for a matrix of weights; the two moments of AdamW for its biases, or for all of a parameter. */
export class MuonBlock extends Owner {
  /** The weights it belongs to. */
  readonly parameter: Parameter;
  /** Matrices by name, for checkpoints. */
  readonly state: Readonly<Record<string, Matrix>>;
  readonly #backend: Backend;
  /** Leading columns that are orthogonalized together; AdamW takes the others. */
  readonly #columns: number;
  readonly #velocity: Matrix | undefined;
  readonly #moments: { readonly first: Matrix; readonly second: Matrix } | undefined;
  /** Directions so far: a parameter that was frozen is younger. Part of a checkpoint. */
  count = 0;

  /**
   * Allocates the state of one parameter. The caller disposes it.
   *
   * @param orthogonalized Whether its weights take Muon; AdamW takes all of it otherwise.
   */
  constructor(backend: Backend, parameter: Parameter, orthogonalized: boolean) {
    super();
    const { layer, value: { rows, cols } } = parameter;
    const columns = orthogonalized ? cols - (hasBias(layer) ? 1 : 0) : 0;
    this.#backend = backend;
    this.parameter = parameter;
    this.#columns = columns;
    if (columns > 0) this.#velocity = this.alloc(backend, rows, columns);
    if (columns < cols) {
      const [first, second] = [0, 1].map(() => this.alloc(backend, rows, cols - columns));
      this.#moments = { first, second };
    }
    this.state = {
      ...(this.#velocity && { velocity: this.#velocity }),
      ...(this.#moments && {
        firstMoment: this.#moments.first,
        secondMoment: this.#moments.second,
      }),
    };
  }

  /** Name of what it does. */
  get method(): "muon" | "adam" {
    return this.#velocity === undefined ? "adam" : "muon";
  }

  /**
   * The direction of a gradient. Inside a scope.
   *
   * @param orthogonal `false` where another rank orthogonalizes: the velocity and AdamW follow all the same.
   */
  direction(out: Matrix, gradient: Matrix, numbers: MuonNumbers, orthogonal = true): void {
    const at = this.#columns;
    const adam = { ...numbers.adam, count: ++this.count };
    const part = (m: Matrix, from: number, to: number): Matrix =>
      from === 0 && to === m.cols ? m : columnsOf(m, from, to);
    if (this.#velocity !== undefined) {
      const matrix = part(gradient, 0, at);
      this.#backend.axpby(this.#velocity, 1, matrix, numbers.momentum);
      if (orthogonal) this.#orthogonalDirection(part(out, 0, at), matrix, numbers);
    }
    if (this.#moments !== undefined) {
      const { first, second } = this.#moments;
      const rest = part(out, at, out.cols);
      const source = part(gradient, at, gradient.cols);
      this.#backend.adamDirection(rest, first, second, source, adam);
      if (numbers.adamShare !== 1) this.#backend.axpby(rest, numbers.adamShare, rest, 0);
    }
  }

  #orthogonalDirection(out: Matrix, gradient: Matrix, numbers: MuonNumbers): void {
    const { momentum, nesterov, polynomials } = numbers;
    const backend = this.#backend;
    const velocity = this.#velocity!;
    let source = velocity;
    if (nesterov) {
      source = backend.scratch(gradient.rows, gradient.cols);
      backend.axpby(source, 1, gradient, 0);
      backend.axpby(source, momentum, velocity, 1);
    }
    orthogonalize(backend, out, source, polynomials);
    backend.axpby(out, Math.sqrt(Math.max(1, out.rows / out.cols)), out, 0);
  }
}

/** Whether the last column of a parameter's matrix is a bias. */
function hasBias(layer: LayerKind): boolean {
  return layer.kind === "conv2d" ? layer.geometry.bias : layer.kind === "dense" && layer.bias;
}
