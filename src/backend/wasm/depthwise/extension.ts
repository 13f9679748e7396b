/**
 * The verbs of depthwise convolutions, for a backend that has not loaded them.
 *
 * @module
 */

import type { VerbExtension } from "../../extension.ts";
import { unpackBuild } from "../module/builds.ts";
import { withImportedMemory } from "../module/imported_memory.ts";
import { type DepthwiseExports, LENGTHS, PACKED } from "./_kernels.gen.ts";
import { createDepthwise } from "./verbs.ts";

/**
 * Depthwise convolutions all channels at once, which without it are taken channel by channel, and what their
 * curvature takes. Layers ask for them when they are built; who calls the verbs without a layer asks first.
 *
 * @example Many small products
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, depthwiseVerbs } from "@tekfac/tekfac/backend";
 *
 * using backend = await createBackend();
 * backend.extend(depthwiseVerbs);
 * using x = backend.alloc(2, 1);
 * using squares = backend.alloc(2, 1);
 * backend.write(x, [2, 3]);
 * backend.stackedGemm(squares, x, x, 2);
 * assert.deepEqual([...backend.readSync(squares)], [4, 9]);
 * ```
 */
export const depthwiseVerbs: VerbExtension = {
  witness: "depthwise",
  binary: (simd, pages) => withImportedMemory(unpackBuild(PACKED, LENGTHS, simd), pages),
  verbs: (host) => createDepthwise(host, host.exports as DepthwiseExports),
};
