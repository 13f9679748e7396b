/**
 * The verbs of Huber's and the Gaussian loss, for a backend that has not loaded them.
 *
 * @module
 */

import type { VerbExtension } from "../../extension.ts";
import { unpackBuild } from "../module/builds.ts";
import { withImportedMemory } from "../module/imported_memory.ts";
import { type DensityLossExports, LENGTHS, PACKED } from "./_kernels.gen.ts";
import { createDensityLosses } from "./verbs.ts";

/**
 * Losses of the kinds `huber` and `gaussian`. Objectives ask for them when they are made of such a loss; who calls the
 * verbs without one asks first.
 *
 * @example Half the square of an error, or what is linear beyond delta
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, densityLossVerbs } from "@tekfac/tekfac/backend";
 *
 * using backend = await createBackend();
 * backend.extend(densityLossVerbs);
 * using z = backend.alloc(1, 2);
 * using targets = backend.alloc(1, 2);
 * using losses = backend.alloc(1, 1);
 * using gradients = backend.alloc(1, 2);
 * backend.write(z, [0.5, 3]);
 * backend.loss("huber", losses, gradients, z, targets, 1);
 * assert.equal(backend.readSync(losses)[0], 0.125 + 2.5);
 * assert.deepEqual([...backend.readSync(gradients)], [0.5, 1]);
 * ```
 */
export const densityLossVerbs: VerbExtension = {
  witness: "huberLoss",
  binary: (simd, pages) => withImportedMemory(unpackBuild(PACKED, LENGTHS, simd), pages),
  verbs: (host) => createDensityLosses(host, host.exports as DensityLossExports),
};
