/**
 * Data sets: built-in digits that need no download, the files of MNIST, CIFAR-10, CIFAR-100 and SVHN,
 * tables of numbers, windows of time series, and batches of any of them.
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

export { type NumberArray } from "./arrays.ts";
export { type Augmentation } from "./augmentation.ts";
export * from "./batches.ts";
export * from "./cifar.ts";
export {
  type CategoryKind,
  type Cell,
  type ColumnEncoding,
  type Columns,
  encodeColumns,
} from "./columns.ts";
export {
  createDataset,
  type Dataset,
  type DatasetSplit,
  type DataShape,
  examplesIn,
  type ImageDataset,
  type ImageFields,
  inputSize,
  targetSize,
} from "./dataset.ts";
export * from "./directory.ts";
export { type NamedFile } from "./files.ts";
export * from "./glyphs.ts";
export * from "./grammar_text.ts";
export * from "./idx.ts";
export { readIdxDirectory } from "./idx_directory.ts";
export { type Labels } from "./labels.ts";
export { denormalizeNumbers, type Normalization, normalizeNumbers } from "./normalization.ts";
export * from "./normalized.ts";
export * from "./split.ts";
export * from "./stream_batches.ts";
export * from "./svhn.ts";
export * from "./table.ts";
export * from "./text.ts";
export * from "./weighted.ts";
export * from "./windows.ts";
