/**
 * Data sets: built-in digits that need no download, the files of MNIST, CIFAR-10, CIFAR-100 and SVHN, and
 * batches of any of them.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { batches, glyphs } from "@tekfac/tekfac/data";
 *
 * const { train } = glyphs({ train: 100, test: 10, seed: 7 });
 * for (const batch of batches(train, { size: 32, shuffle: { seed: 7, epoch: 0 } })) {
 *   assert.equal(batch.inputs.length, batch.examples * 28 * 28);
 * }
 * ```
 *
 * @module
 */

export { type Augmentation } from "./augmentation.ts";
export * from "./batches.ts";
export * from "./cifar.ts";
export * from "./dataset.ts";
export * from "./directory.ts";
export { type NamedFile } from "./files.ts";
export * from "./glyphs.ts";
export * from "./idx.ts";
export * from "./idx_directory.ts";
export { type Labels } from "./labels.ts";
export { type Normalization } from "./normalization.ts";
export * from "./normalized.ts";
export * from "./stream_batches.ts";
export * from "./svhn.ts";
