/**
 * Derivatives of plain numbers: each operation notes its partial derivatives, and the chain rule goes back along them.
 *
 * @module
 */

/** A number on a tape: its place. */
export type Scalar = number;

/** The operations of one computation. */
export class Tape {
  readonly #values: number[] = [];
  readonly #parents: (readonly Scalar[])[] = [];
  readonly #partials: (readonly number[])[] = [];

  /** A number that is given. */
  input(value: number): Scalar {
    return this.#note(value, [], []);
  }

  valueOf(x: Scalar): number {
    return this.#values[x];
  }

  sum(...terms: readonly Scalar[]): Scalar {
    return this.#note(
      terms.reduce((sum, term) => sum + this.#values[term], 0),
      terms,
      terms.map(() => 1),
    );
  }

  scaled(factor: number, x: Scalar): Scalar {
    return this.#note(factor * this.#values[x], [x], [factor]);
  }

  product(x: Scalar, y: Scalar): Scalar {
    const [a, b] = [this.#values[x], this.#values[y]];
    return this.#note(a * b, [x, y], [b, a]);
  }

  inner(xs: readonly Scalar[], ys: readonly Scalar[]): Scalar {
    const [a, b] = [xs.map((x) => this.#values[x]), ys.map((y) => this.#values[y])];
    return this.#note(a.reduce((sum, value, i) => sum + value * b[i], 0), [...xs, ...ys], [
      ...b,
      ...a,
    ]);
  }

  /** A function of one number, with its derivative. */
  applied(f: (x: number) => number, derivative: (x: number) => number, x: Scalar): Scalar {
    const value = this.#values[x];
    return this.#note(f(value), [x], [derivative(value)]);
  }

  exp(x: Scalar): Scalar {
    return this.applied(Math.exp, Math.exp, x);
  }

  log(x: Scalar): Scalar {
    return this.applied(Math.log, (value) => 1 / value, x);
  }

  power(x: Scalar, exponent: number): Scalar {
    return this.applied(
      (value) => value ** exponent,
      (value) => exponent * value ** (exponent - 1),
      x,
    );
  }

  /** Derivatives of one number with respect to all. */
  derivatives(of: Scalar): Float64Array {
    const out = new Float64Array(this.#values.length);
    out[of] = 1;
    for (let i = of; i >= 0; i--) {
      this.#parents[i].forEach((parent, k) => out[parent] += out[i] * this.#partials[i][k]);
    }
    return out;
  }

  #note(value: number, parents: readonly Scalar[], partials: readonly number[]): Scalar {
    this.#parents.push(parents);
    this.#partials.push(partials);
    return this.#values.push(value) - 1;
  }
}
