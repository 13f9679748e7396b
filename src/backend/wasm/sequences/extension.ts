/**
 * The verbs of sequences, for a backend that has not loaded them.
 *
 * @module
 */

import type { VerbExtension } from "../../extension.ts";
import { withImportedMemory } from "../module/imported_memory.ts";
import { unpackBuild } from "../module/builds.ts";
import { LENGTHS, PACKED, type SequenceExports } from "./_kernels.gen.ts";
import { createSequences } from "./verbs.ts";

/**
 * Row norms, rows of tables, attention, and the nonlinearities gelu, silu and softplus. Layers that need them
 * ask for them when they are built; who calls the verbs without a layer asks first.
 *
 * @example A nonlinearity without a layer
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, sequenceVerbs } from "@tekfac/tekfac/backend";
 *
 * using backend = await createBackend();
 * backend.extend(sequenceVerbs);
 * using x = backend.alloc(1, 1);
 * backend.activation("softplus", x, x);
 * assert(Math.abs(backend.readSync(x)[0] - Math.LN2) < 1e-6);
 * ```
 */
export const sequenceVerbs: VerbExtension = {
  witness: "rowNorm",
  binary: (simd, pages) => withImportedMemory(unpackBuild(PACKED, LENGTHS, simd), pages),
  verbs: (host) => createSequences(host, host.exports as SequenceExports),
};
