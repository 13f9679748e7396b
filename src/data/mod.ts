/**
 * Data sets: built-in digits that need no download, MNIST's files, and batches of either.
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

export * from "./batches.ts";
export * from "./dataset.ts";
export * from "./glyphs.ts";
export * from "./idx.ts";
export * from "./idx_directory.ts";
