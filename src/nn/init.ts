/**
 * Initial weights. Each initialiser draws one weight, independent of all others, with mean zero and a
 * variance that keeps signals from growing or fading through the layers. Biases always start at zero.
 *
 * Which one fits depends on the nonlinearity that follows, which a layer does not know:
 *
 * | followed by | use | variance |
 * |---|---|---|
 * | `relu()` | {@linkcode heNormal}, {@linkcode heUniform} | `2 / fanIn` |
 * | nothing (outputs), anything unknown | {@linkcode lecunNormal} (the layers' default) | `1 / fanIn` |
 * | `tanh()`, `sigmoid()` | {@linkcode glorotUniform}, {@linkcode glorotNormal} | `2 / (fanIn + fanOut)` |
 *
 * @module
 */

import type { Random } from "../core/random.ts";

/** How many terms meet in one output and how many outputs one input reaches; no biases counted. */
export interface Fan {
  /** Weights per output: features, or channels * kernel area. */
  readonly in: number;
  /** Weights per input: output features, or output channels * kernel area. */
  readonly out: number;
}

/** Draws one weight. Any function of this form will do: `dense(10, { init: () => 0.01 })`. */
export type Initializer = (fan: Fan, random: Random) => number;

/**
 * Normal with variance `2 / fanIn`: keeps the second moment through ReLU (He et al. 2015, eq. 10).
 *
 * @example Another initializer for a layer
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import {
 *   dense,
 *   glorotNormal,
 *   glorotUniform,
 *   heNormal,
 *   heUniform,
 *   lecunNormal,
 *   lecunUniform,
 *   readWeights,
 *   sequential,
 *   zeros,
 * } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * for (
 *   const init of [
 *     ...[heNormal, heUniform, lecunNormal, lecunUniform, glorotNormal, glorotUniform],
 *     zeros,
 *   ]
 * ) {
 *   using model = sequential(backend, { input: [4], layers: [dense(8, { init })], seed: 1 });
 *   const weights = await readWeights(backend, model.parameters[0]);
 *   assert.equal(weights.some((weight) => weight !== 0), init !== zeros);
 * }
 * ```
 */
export function heNormal(fan: Fan, random: Random): number {
  return random.normal(0, Math.sqrt(2 / fan.in));
}

/** Uniform with variance `2 / fanIn`, that is on `+-sqrt(6 / fanIn)` (He et al. 2015). */
export function heUniform(fan: Fan, random: Random): number {
  return uniformOfVariance(2 / fan.in, random);
}

/** Normal with variance `1 / fanIn`: keeps the variance of linear units (LeCun et al. 1998, sec. 4.6). */
export function lecunNormal(fan: Fan, random: Random): number {
  return random.normal(0, Math.sqrt(1 / fan.in));
}

/** Uniform with variance `1 / fanIn`, that is on `+-sqrt(3 / fanIn)` (LeCun et al. 1998). */
export function lecunUniform(fan: Fan, random: Random): number {
  return uniformOfVariance(1 / fan.in, random);
}

/** Normal with variance `2 / (fanIn + fanOut)` (Glorot & Bengio 2010, eq. 12). */
export function glorotNormal(fan: Fan, random: Random): number {
  return random.normal(0, Math.sqrt(2 / (fan.in + fan.out)));
}

/** Uniform on `+-sqrt(6 / (fanIn + fanOut))` (Glorot & Bengio 2010, eq. 16). */
export function glorotUniform(fan: Fan, random: Random): number {
  return uniformOfVariance(2 / (fan.in + fan.out), random);
}

/** Every weight zero: for outputs that should start indifferent. Useless before hidden units. */
export function zeros(_fan: Fan, _random: Random): number {
  return 0;
}

/** A uniform distribution on +-b has variance b^2 / 3. */
function uniformOfVariance(variance: number, random: Random): number {
  const bound = Math.sqrt(3 * variance);
  return random.uniform(-bound, bound);
}
