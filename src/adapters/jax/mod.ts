/**
 * jax-js trains with this library's optimizers: a gradient transformation in the style of optax, and a
 * helper that differentiates a loss and keeps what its layers saw.
 *
 * jax-js is a peer: this entry point imports it, the rest of the library does not. Tested with
 * `@jax-js/jax` 0.1.25.
 *
 * @example Two steps of a regression
 * ```ts
 * import assert from "node:assert/strict";
 * import { defaultDevice, init, numpy as np, tree } from "npm:@jax-js/jax@0.1.25";
 * import { createBackend, tekfac } from "@tekfac/tekfac";
 * import { applyUpdates, captured, transformation } from "@tekfac/tekfac/jax";
 *
 * await init("cpu");
 * defaultDevice("cpu");
 * const layers = { line: { kind: "dense" } } as const; // w [dIn, dOut] and b [dOut]
 * let params = { line: { w: np.zeros([2, 1]), b: np.zeros([1]) } };
 * const differentiate = captured(layers, ({ line }: typeof params, probe, x, y) => {
 *   const z = probe("line", x.ref, np.dot(x, line.w).add(line.b));
 *   return np.mean(np.square(z.sub(y))).mul(0.5);
 * });
 *
 * using backend = await createBackend();
 * const optimizer = transformation(backend, layers, (model) => tekfac(model));
 * let state = await optimizer.init(tree.ref(params));
 * const losses: number[] = [];
 * for (let step = 0; step < 2; step++) {
 *   const x = np.array([[1, 2], [3, 5]]), y = np.array([[1], [2]]);
 *   const [grads, observation] = differentiate(tree.ref(params), x, y);
 *   const [updates, next] = await optimizer.update(grads, state, tree.ref(params), observation);
 *   losses.push(next.report!.loss);
 *   params = applyUpdates(params, updates);
 *   state = next;
 * }
 * assert(losses[1] < losses[0]);
 * state[Symbol.dispose]();
 * tree.dispose(params);
 * ```
 *
 * @module
 */

export * from "./captures.ts";
export {
  type JaxConv2d,
  type JaxDense,
  type JaxEmbedding,
  type JaxLayer,
  type JaxLayers,
  type JaxScaleShift,
} from "./layers.ts";
export * from "./observed_model.ts";
export * from "./transformation.ts";
export { type JaxArray, type JaxParams } from "./tree.ts";
