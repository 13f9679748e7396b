/**
 * What `programs/exercise.js` answers, judged.
 *
 * @module
 */

import assert from "#assert";
import type { Cells } from "./_table.ts";

/** The answer of {@linkcode exercise}, as it comes out of a program. */
export interface Answer {
  readonly description: string;
  readonly kernels: string;
  readonly accuracy: number;
  readonly resumes: boolean;
  readonly memory: { readonly liveBytes: number };
  readonly threads: { readonly threads: number; readonly accuracy?: number };
  readonly gpu: { readonly works: boolean; readonly reason?: string };
}

/** Share of unseen digits that has to be read: by chance it were 0.1. */
const ENOUGH = 0.95;

/** The cells that an answer fills, once it has been found good. */
export function judge(answer: Answer): Omit<Cells, "reached"> {
  assert.equal(answer.kernels, "right");
  assert(answer.accuracy > ENOUGH, `read ${answer.accuracy} of unseen digits`);
  assert.equal(answer.resumes, true);
  assert.equal(answer.memory.liveBytes, 0);
  const { threads, gpu } = answer;
  if (threads.threads > 1) assert(threads.accuracy! > ENOUGH, `${threads.accuracy} on two threads`);
  return {
    kernels: /(relaxed|baseline) SIMD|module of the host/.exec(answer.description)![0],
    trains: "yes",
    resumes: "yes",
    threads: threads.threads > 1 ? "yes" : "no",
    // Where there is WebGPU but no adapter, nothing can be said.
    ...(gpu.works || /no WebGPU/.test(gpu.reason!) ? { gpu: gpu.works ? "yes" : "no" } : {}),
  };
}
