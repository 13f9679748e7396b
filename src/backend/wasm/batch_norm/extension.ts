/**
 * The verbs of batch normalisation, for a backend that has not loaded them.
 *
 * @module
 */

import type { VerbExtension } from "../../extension.ts";
import { unpackBuild } from "../module/builds.ts";
import { withImportedMemory } from "../module/imported_memory.ts";
import { type BatchNormExports, LENGTHS, PACKED } from "./_kernels.gen.ts";
import { createBatchNorm } from "./verbs.ts";

/**
 * Moments of columns, and normalisation by them. Layers ask for them when they are built; who calls the verbs
 * without a layer asks first.
 *
 * @example Moments of a column
 * ```ts
 * import assert from "node:assert/strict";
 * import { batchNormVerbs, createBackend } from "@tekfac/tekfac/backend";
 *
 * using backend = await createBackend();
 * backend.extend(batchNormVerbs);
 * using x = backend.alloc(2, 1);
 * using moments = backend.alloc(2, 1);
 * backend.write(x, [1, 5]);
 * backend.columnMoments(moments, x);
 * assert.deepEqual([...backend.readSync(moments)], [3, 4]);
 * ```
 */
export const batchNormVerbs: VerbExtension = {
  witness: "columnMoments",
  binary: (simd, pages) => withImportedMemory(unpackBuild(PACKED, LENGTHS, simd), pages),
  verbs: (host) => createBatchNorm(host, host.exports as BatchNormExports),
};
