/**
 * What SOAP remembers of one parameter.
 *
 * @module
 */

import type { AdamNumbers, Backend, Basis, EighJob } from "../backend/backend.ts";
import type { Matrix } from "../core/matrix.ts";
import { isNormalization, type Parameter } from "../core/parameter.ts";
import { overlap, reframe, transport } from "../curvature/basis.ts";
import { Owner } from "../curvature/blocks/block.ts";
import { KlFactors } from "./kl_factors.ts";
import { FactorBases } from "../curvature/factor_bases.ts";
import type { Refreshable } from "../curvature/refresher.ts";
import type { Renewal } from "../curvature/renewal.ts";

/**
 * Adam in the eigenbasis of Shampoo's factors `L = E[G G^T]` and `R = E[G^T G]`, one moment matrix each.
 * A side that is too large has no factor and keeps its coordinates; without any it is Adam itself.
 */
export class SoapBlock extends Owner implements Refreshable {
  /** The weights it belongs to. */
  readonly parameter: Parameter;
  /** Average of gradients in the basis, [dOut, dIn']. */
  readonly firstMoment: Matrix;
  /** Average of squared gradients in the basis, [dOut, dIn']. */
  readonly secondMoment: Matrix;
  readonly #backend: Backend;
  /** Which sides have a factor, in the order of `#factors` and `#bases`. */
  readonly #sides: readonly (keyof Basis)[];
  readonly #factors: readonly Matrix[];
  readonly #bases: FactorBases;
  /** Fits both factors together, where that is asked for and there are two. */
  readonly #kl: KlFactors | undefined;

  /** Allocates the state of one parameter. The caller disposes it. */
  constructor(
    backend: Backend,
    parameter: Parameter,
    { maxPreconditionerSize, factors }: {
      readonly maxPreconditionerSize: number;
      readonly factors: "shampoo" | "kl";
    },
  ) {
    super();
    const { layer, value: { rows, cols } } = parameter;
    const size = { output: rows, input: cols };
    // A vector has no second side to share a basis with. Scales above shifts are two vectors, and weights of a
    // convolution with one output a group are one for each.
    const oneEach = layer.kind === "conv2d" && layer.geometry.groups === rows;
    const vectors = rows === 1 || cols === 1 || oneEach || isNormalization(layer);
    const candidates: readonly (keyof Basis)[] = vectors ? [] : ["output", "input"];
    this.#backend = backend;
    this.parameter = parameter;
    this.firstMoment = this.alloc(backend, rows, cols);
    this.secondMoment = this.alloc(backend, rows, cols);
    this.#sides = candidates.filter((side) => size[side] <= maxPreconditionerSize);
    this.#factors = this.#sides.map((side) => this.alloc(backend, size[side], size[side]));
    this.#bases = this.own(new FactorBases(backend, this.#sides.map((side) => size[side])));
    if (factors === "kl" && this.#sides.length === 2) {
      this.#kl = this.own(new KlFactors(backend, parameter));
    }
  }

  /** Name of what it does: `"soap"`, or `"adam"` where no side has a factor. */
  get method(): "soap" | "adam" {
    return this.#sides.length === 0 ? "adam" : "soap";
  }

  /** Its matrices, for checkpoints. */
  get state(): Readonly<Record<string, Matrix>> {
    const { firstMoment, secondMoment } = this;
    const sides = this.#sides.flatMap((side, i): (readonly [string, Matrix])[] => [
      [`${side}Factor`, this.#factors[i]],
      [`${side}Basis`, this.#bases.vectors[i]],
      ...(this.#kl ? [[`${side}Eigenvalues`, this.#kl.eigenvalues[side]] as const] : []),
    ]);
    return { firstMoment, secondMoment, ...Object.fromEntries(sides) };
  }

  get solved(): boolean {
    return this.#bases.solved;
  }

  /** Set where the basis comes from a checkpoint. */
  set solved(solved: boolean) {
    this.#bases.solved = solved;
  }

  mark(): () => void {
    return this.#bases.mark();
  }

  /**
   * `L <- beta L + (1 - beta) G G^T`, `R <- beta R + (1 - beta) G^T G`, or what {@linkcode KlFactors} makes of them.
   * Inside a scope.
   */
  observe(gradient: Matrix, beta: number): void {
    if (this.#kl !== undefined) {
      const [output, input] = this.#factors;
      const basis = this.solved ? this.#basis(this.#bases.vectors) as Basis : undefined;
      return this.#kl.observe({ output, input }, basis, gradient, beta);
    }
    this.#sides.forEach((side, i) => {
      const factor = this.#factors[i];
      if (side === "input") {
        this.#backend.secondMoment(factor, gradient, { decay: beta, scale: 1 - beta });
      } else {
        const options = { transposeB: true, alpha: 1 - beta, beta };
        this.#backend.gemm(factor, gradient, gradient, options);
      }
    });
  }

  /** Adam's direction for a gradient, computed in the basis. Inside a scope. */
  direction(out: Matrix, gradient: Matrix, numbers: AdamNumbers): void {
    const { firstMoment, secondMoment } = this;
    if (this.#sides.length === 0) {
      return this.#backend.adamDirection(out, firstMoment, secondMoment, gradient, numbers);
    }
    const coordinates = this.#backend.scratch(out.rows, out.cols);
    const step = this.#backend.scratch(out.rows, out.cols);
    this.#rotate(coordinates, gradient, "into");
    this.#backend.adamDirection(step, firstMoment, secondMoment, coordinates, numbers);
    this.#rotate(out, step, "back");
  }

  beginRefresh(staleness: number, lasting: boolean): readonly EighJob[] {
    return this.#bases.jobs(this.#factors, staleness, lasting);
  }

  underway(): Readonly<Record<string, Matrix>> {
    return this.#bases.underway(this.#sides);
  }

  resumeRefresh(): void {
    this.#bases.resume();
  }

  /** The moments move along: the first exactly, the second as the diagonal of what it stood for. */
  finishRefresh(_step: number): Renewal | undefined {
    if (this.#sides.length === 0) return undefined;
    return this.#bases.adopt((from, to) => {
      const move = overlap(this.#backend, this.#basis(from), this.#basis(to));
      reframe(this.#backend, this.firstMoment, move);
      transport(this.#backend, this.secondMoment, move);
      this.#sides.forEach((side, i) => {
        // A side that could not be solved keeps its basis, and its eigenvalues.
        if (to[i] !== from[i]) this.#kl?.solved(side, this.#bases.values[i]);
      });
    });
  }

  /** A basis by side. */
  #basis(vectors: readonly Matrix[]): Partial<Basis> {
    return Object.fromEntries(this.#sides.map((side, i) => [side, vectors[i]]));
  }

  /** `out = Q_out^T X Q_in`, or `Q_out X Q_in^T`; a side without a basis keeps its coordinates. */
  #rotate(out: Matrix, x: Matrix, way: "into" | "back"): void {
    const backend = this.#backend;
    const { output, input } = this.#basis(this.#bases.vectors);
    if (output === undefined) backend.gemm(out, x, input!, { transposeB: way === "back" });
    else if (input === undefined) backend.gemm(out, output, x, { transposeA: way === "into" });
    else if (way === "into") backend.rotateInto(out, x, { output, input });
    else backend.rotateBack(out, x, { output, input });
  }
}
