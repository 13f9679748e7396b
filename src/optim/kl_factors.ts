/**
 * Kronecker factors of gradients that are fitted together: each is whitened by the other.
 *
 * @module
 */

import type { Backend, Basis } from "../backend/backend.ts";
import { add, div, formula, max, mean, mul } from "../core/formula.ts";
import type { Matrix } from "../core/matrix.ts";
import type { Parameter } from "../core/parameter.ts";
import { Owner } from "../curvature/blocks/block.ts";

/** Share of the mean eigenvalue that is added to every one that divides: directions never seen have none. */
const DAMPING = 1e-4;

/** Least mean eigenvalue, for layers whose gradients have all been 0. */
const FLOOR = 1e-16;

/** A matrix for each side of a gradient. */
type Sides = Basis;

/**
 * The estimate of KL-Shampoo (Lin et al. 2025, arXiv 2509.03378): the product `L (x) R` nearest to the second moment
 * of gradients in Kullback and Leibler's divergence satisfies `L = E[G R^-1 G^T] / dIn'`, `R = E[G^T L^-1 G] / dOut`.
 * Inverses are taken in the eigenbases that there are; eigenvalues are averaged along, so that they stay the diagonals
 * of `Q^T L Q` and `Q^T R Q` between two solutions.
 */
export class KlFactors extends Owner {
  /** Eigenvalues in force, [1, dOut] and [1, dIn']; part of a checkpoint. */
  readonly eigenvalues: Sides;
  readonly #backend: Backend;

  /** Allocates a row for each side. The caller disposes them. */
  constructor(backend: Backend, { value: { rows, cols } }: Parameter) {
    super();
    this.#backend = backend;
    this.eigenvalues = {
      output: this.alloc(backend, 1, rows),
      input: this.alloc(backend, 1, cols),
    };
  }

  /** Takes over the eigenvalues of a solution. */
  solved(side: keyof Sides, values: Matrix): void {
    this.#backend.axpby(this.eigenvalues[side], 1, values, 0);
  }

  /**
   * Averages both factors, each with the other as it was, and the eigenvalues. Inside a scope.
   *
   * @param basis `undefined` before the first solution: factors are then those of Shampoo, over the other side's size.
   * @param beta Weight of the past.
   */
  observe(factors: Sides, basis: Sides | undefined, gradient: Matrix, beta: number): void {
    const backend = this.#backend;
    const { rows, cols } = gradient;
    const [output, input] = [{ decay: beta, scale: (1 - beta) / cols }, {
      decay: beta,
      scale: (1 - beta) / rows,
    }];
    if (basis === undefined) {
      const { decay, scale } = output;
      const options = { transposeB: true, alpha: scale, beta: decay };
      backend.gemm(factors.output, gradient, gradient, options);
      backend.secondMoment(factors.input, gradient, input);
      return;
    }
    const weights = { output: this.#inverse("output"), input: this.#inverse("input") };
    // Rows are coordinates of the side that divides.
    const byInput = backend.scratch(cols, rows);
    backend.gemm(byInput, basis.input, gradient, { transposeA: true, transposeB: true });
    const byOutput = backend.scratch(rows, cols);
    backend.gemm(byOutput, basis.output, gradient, { transposeA: true });
    backend.secondMoment(factors.output, byInput, { ...output, weights: weights.input });
    backend.secondMoment(factors.input, byOutput, { ...input, weights: weights.output });

    const squares = backend.scratch(rows, cols);
    backend.gemm(squares, byOutput, basis.input);
    backend.squares(squares, squares);
    const { eigenvalues } = this;
    const blend = ({ decay, scale }: typeof output) => ({ alpha: scale, beta: decay });
    backend.gemm(eigenvalues.output, weights.input, squares, {
      transposeB: true,
      ...blend(output),
    });
    backend.gemm(eigenvalues.input, weights.output, squares, blend(input));
  }

  /** `1 / (eigenvalues + DAMPING their mean)`, [1, n], in scratch memory. */
  #inverse(side: keyof Sides): Matrix {
    const backend = this.#backend;
    const eigenvalues = this.eigenvalues[side];
    const out = backend.scratch(1, eigenvalues.cols);
    backend.evaluate(inverse, { eigenvalues }, { out });
    return out;
  }
}

const inverse = formula({ eigenvalues: "vector" }, ({ eigenvalues }) => ({
  out: div(1, add(eigenvalues, mul(DAMPING, max(mean(eigenvalues), FLOOR)))),
}));
