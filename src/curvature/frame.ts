/**
 * Weights that live in their layer's eigenbasis.
 *
 * A preconditioner that is diagonal in a basis rotates every gradient into it and every update back:
 * `4 dIn' dOut (dIn' + dOut)` operations per layer and step. Where weights, gradient and velocity stay
 * in the basis, the layer rotates its activations instead, `4 N (dIn'^2 + dOut^2)` for N examples, and
 * preconditioning is an elementwise division.
 *
 * @module
 */

import type { Backend, Basis } from "../backend/backend.ts";
import { StateError } from "../core/errors.ts";
import type { Matrix } from "../core/matrix.ts";
import type { Parameter } from "../core/parameter.ts";
import { reframe } from "./basis.ts";

/** Layers with fewer weights are left alone: their rotations cost next to nothing either way. */
const LEAST_WEIGHTS = 4096;

/** A parameter whose matrices move into a basis and out again together. */
export class ParameterFrame {
  readonly #backend: Backend;
  readonly #parameter: Parameter;
  readonly #basis: Basis;
  /** Everything that is stored in the parameter's coordinates. */
  readonly #matrices: Matrix[];

  /** Of a parameter that is not framed, and the basis it may be framed in. */
  constructor(backend: Backend, parameter: Parameter, basis: Basis) {
    this.#backend = backend;
    this.#parameter = parameter;
    this.#basis = basis;
    this.#matrices = [parameter.value, parameter.gradient];
  }

  /** Whether the parameter is in the basis now. */
  get active(): boolean {
    return this.#parameter.frame === this.#basis;
  }

  /** Adds a matrix that is stored in the parameter's coordinates, such as a velocity. */
  include(matrix: Matrix): void {
    this.#matrices.push(matrix);
  }

  /** Whether the layer can be framed, and rotating the activations of N examples is less work. */
  pays(examples: number): boolean {
    const { layer, pinned, value: { rows: dOut, cols: dIn } } = this.#parameter;
    return !pinned && layer.kind === "dense" && dIn * dOut >= LEAST_WEIGHTS &&
      examples * (dIn ** 2 + dOut ** 2) < dIn * dOut * (dIn + dOut);
  }

  /**
   * Moves everything into the basis.
   *
   * @throws {StateError} When another optimizer has already framed the parameter.
   */
  enter(): void {
    if (this.active) return;
    if (this.#parameter.frame !== undefined) {
      throw new StateError(
        `Cannot optimize '${this.#parameter.name}': another optimizer keeps its weights in a basis of ` +
          "its own; dispose that one first",
      );
    }
    this.#move((out, x) => this.#backend.rotateInto(out, x, this.#basis));
    this.#parameter.frame = this.#basis;
  }

  /** Moves everything back to the usual coordinates. */
  leave(): void {
    if (!this.active) return;
    this.#parameter.frame = undefined;
    if (this.#parameter.value.storage.disposed) return;
    this.#move((out, x) => this.#backend.rotateBack(out, x, this.#basis));
  }

  /** Follows a basis that moves; `move` is the overlap of the new with the old. Inside a scope. */
  follow(move: Partial<Basis>): void {
    if (!this.active) return;
    for (const matrix of this.#matrices) reframe(this.#backend, matrix, move);
  }

  #move(rotate: (out: Matrix, x: Matrix) => void): void {
    this.#backend.scope(() => {
      for (const matrix of this.#matrices) {
        const copy = this.#backend.scratch(matrix.rows, matrix.cols);
        this.#backend.axpby(copy, 1, matrix, 0);
        rotate(matrix, copy);
      }
    });
  }
}
