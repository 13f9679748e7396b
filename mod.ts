/**
 * Kronecker-factored natural-gradient training: TEKFAC, TKFAC, EKFAC and KFAC beside SOAP, Adam and
 * SGD, on SIMD kernels in WebAssembly, wherever JavaScript runs.
 *
 * A batch enters a model; every layer leaves behind its inputs and output gradients; `curvature` turns
 * those into an approximation of the layer's Fisher information, and the optimizer divides the gradient
 * by it. All numbers are computed by the verbs of a backend.
 *
 * @example Learn to read digits with TEKFAC
 * ```ts
 * import assert from "node:assert/strict";
 * import {
 *   batches,
 *   createBackend,
 *   dense,
 *   flatten,
 *   glyphs,
 *   objective,
 *   sequential,
 *   softmaxCrossEntropy,
 *   tanh,
 *   tekfac,
 * } from "@tekfac/tekfac";
 *
 * const { train, test } = glyphs({ train: 1000, test: 200, seed: 1 });
 *
 * using backend = await createBackend();
 * using model = sequential(backend, {
 *   input: [28, 28, 1],
 *   layers: [flatten(), dense(32), tanh(), dense(10)],
 *   seed: 1,
 * });
 * const goal = objective(model, softmaxCrossEntropy());
 * using optimizer = tekfac(goal);
 *
 * for (let epoch = 0; epoch < 4; epoch++) {
 *   for (const batch of batches(train, { size: 100, shuffle: { seed: 1, epoch } })) {
 *     optimizer.stepSync(batch);
 *   }
 * }
 * const { accuracy } = goal.evaluateSync(batches(test, { size: 200 }));
 * assert(accuracy !== null && accuracy > 0.6);
 * ```
 *
 * @module
 */

// The seam itself; implementations and their table are at `@tekfac/tekfac/backend`.
export * from "./src/backend/backend.ts";
export { type BackendName, type BackendOptions } from "./src/backend/choice/options.ts";
export * from "./src/backend/recovery.ts";
export * from "./src/backend/choice/select.ts";
export * from "./src/backend/choice/select_sync.ts";
export { type ProbedStep, type StepProbe, TimingCache } from "./src/backend/choice/step_timing.ts";
export * from "./src/core/mod.ts";
export * from "./src/curvature/mod.ts";
export * from "./src/data/mod.ts";
export * from "./src/nn/mod.ts";
export * from "./src/optim/mod.ts";
