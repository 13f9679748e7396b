/**
 * Models as ONNX files, which onnxruntime and others run, by the package `pbf`.
 *
 * @experimental Operators may be replaced by newer ones of the same meaning.
 *
 * @example From a model to a file
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, objective, relu, sequential, softmaxCrossEntropy } from "@tekfac/tekfac/nn";
 * import { toOnnx } from "@tekfac/tekfac/onnx";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [dense(8), relu(), dense(2)], seed: 1 });
 * const bytes = await toOnnx(objective(model, softmaxCrossEntropy()), { labels: ["cat", "dog"] });
 * // Deno.writeFile("model.onnx", bytes), or for onnxruntime: InferenceSession.create(bytes)
 * assert(new TextDecoder().decode(bytes).includes('["cat","dog"]'));
 * ```
 *
 * @module
 */

export * from "./to_onnx.ts";
