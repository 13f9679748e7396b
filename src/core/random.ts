/**
 * Seeded random numbers. Everything random in the library (initial weights, the order of examples,
 * sampled labels, generated digits) comes from here, so equal seeds give equal runs.
 *
 * @module
 */

import { StateError } from "./errors.ts";

/**
 * A small, fast generator with 128 bits of state: sfc32 (Chris Doty-Humphrey, PractRand), seeded by
 * splitmix32.
 *
 * @example Equal seeds give equal numbers
 * ```ts
 * import assert from "node:assert/strict";
 * import { Random } from "@tekfac/tekfac/core";
 *
 * assert.equal(new Random(7).uniform(), new Random(7).uniform());
 * ```
 */
export class Random {
  readonly #state = new Uint32Array(4);
  /** The second value of the last Box-Muller pair, until it is used. */
  #spareNormal: number | undefined;

  /**
   * Starts the sequence of a seed.
   *
   * @param seed Any number; its integer part modulo 2^32 counts.
   */
  constructor(seed: number) {
    let s = seed >>> 0;
    for (let i = 0; i < 4; i++) {
      s = (s + 0x9e3779b9) >>> 0;
      let z = s;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      this.#state[i] = (z ^ (z >>> 15)) >>> 0;
    }
    for (let i = 0; i < 12; i++) this.bits();
  }

  /** 32 random bits, as an integer in [0, 2^32). */
  bits(): number {
    const s = this.#state;
    const result = (s[0] + s[1] + s[3]) >>> 0;
    s[3]++;
    s[0] = s[1] ^ (s[1] >>> 9);
    s[1] = s[2] + (s[2] << 3);
    s[2] = ((s[2] << 21) | (s[2] >>> 11)) + result;
    return result;
  }

  /** A number in [0, 1) with 32 random bits; in [low, high) when bounds are given. */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * (this.bits() / 4294967296);
  }

  /** A normal variate (Box-Muller). */
  normal(mean = 0, deviation = 1): number {
    let value = this.#spareNormal;
    if (value === undefined) {
      const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
      const angle = 2 * Math.PI * this.uniform();
      value = radius * Math.cos(angle);
      this.#spareNormal = radius * Math.sin(angle);
    } else {
      this.#spareNormal = undefined;
    }
    return mean + deviation * value;
  }

  /** An integer in [0, n), for n <= 2^32, without modulo bias beyond 2^-32. */
  integer(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** A uniformly random order of 0..n-1 (Fisher-Yates). */
  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }

  /** A new generator whose numbers do not depend on how far this one has advanced afterwards. */
  fork(): Random {
    return new Random(this.bits());
  }

  /** The state as plain numbers, for a checkpoint. */
  save(): number[] {
    return [...this.#state, ...(this.#spareNormal === undefined ? [] : [this.#spareNormal])];
  }

  /**
   * Continues from a saved state.
   *
   * @throws {StateError} When `state` does not come from {@linkcode Random.save}.
   */
  restore(state: readonly number[]): void {
    if (!isState(state)) {
      throw new StateError(
        `Cannot restore a generator: expected 4 or 5 numbers, received ${state}`,
      );
    }
    this.#state.set(state.slice(0, 4));
    this.#spareNormal = state[4];
  }
}

/** Four words, and perhaps a normal variate. */
function isState(state: unknown): state is readonly number[] {
  return Array.isArray(state) && (state.length === 4 || state.length === 5) &&
    state.slice(0, 4).every((word) => Number.isInteger(word) && word >= 0 && word < 2 ** 32) &&
    state.slice(4).every(Number.isFinite);
}
