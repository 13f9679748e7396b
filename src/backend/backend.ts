/**
 * The seam between mathematics and machines.
 *
 * A backend offers memory and the mathematical verbs this library needs, no more: it is not a tensor
 * language. Verbs run in the order in which they are called and return nothing; only reading back is
 * asynchronous. On a synchronous backend ({@linkcode Backend.sync}) everything is done when a verb
 * returns, and {@linkcode Backend.readSync} works.
 *
 * Not its business: what the numbers mean, when a basis is refreshed, what a step is.
 *
 * Rules that hold for every verb:
 * - Shapes are checked once, before any kernel runs; `ShapeError` names the verb and the argument.
 * - Outputs come first. An output never overlaps an input unless the verb says that it may.
 * - `decay` and `scale`: an accumulating verb computes `out = decay * out + scale * (new value)`; with
 *   decay 0 (the default) `out` is not read, so it may hold anything, NaN included. In float32 its
 *   denormal results become 0: averages of what has died would decay into that range and be slow.
 * - A {@linkcode Scalar} is a number or a [1, 1] matrix on the backend, so that quantities computed on
 *   a device (damping, clip factor) never have to come back to the host.
 * - Zero rows, columns or examples are legal everywhere and mean an empty sum.
 *
 * @module
 */

import type { Matrix, OwnedMatrix } from "../core/matrix.ts";
import type { Recovery } from "./recovery.ts";
import type { VerbExtension } from "./extension.ts";
import type { EighJob, Verbs } from "./verbs.ts";

export * from "./verbs.ts";

/** What a backend holds at the moment. */
export interface MemoryReport {
  /** Bytes of owned matrices and of scratch in use. */
  readonly liveBytes: number;
  /** Number of owned matrices not yet disposed. */
  readonly handles: number;
  /** Bytes the backend has taken from its host: a high-water mark where memory cannot shrink. */
  readonly reservedBytes: number;
}

/** An implementation that was considered. */
export interface Candidate {
  /** `"webgpu"`, `"wasm"` or `"reference"`. */
  readonly name: string;
  /** Why it was chosen, or was not. */
  readonly reason: string;
  /** Milliseconds that a step of the model took on it, where that was measured. */
  readonly stepMs?: number;
}

/** What was chosen, and why each other candidate was not. */
export interface BackendInfo {
  /** Name and flavour, such as `"wasm (relaxed SIMD)"`. */
  readonly description: string;
  /** Unit roundoff of its numbers: 2^-24 for float32, 2^-53 for float64. */
  readonly roundoff: number;
  /** What was chosen, and why; `undefined` for a backend that was made without a choice. */
  readonly chosen?: Candidate | undefined;
  /** Candidates that were passed over, each with its reason. */
  readonly rejected: readonly Candidate[];
}

/** Memory management of a backend. */
export interface Memory {
  /** A new matrix of zeros, owned by the caller. */
  alloc(rows: number, cols: number): OwnedMatrix;

  /**
   * A temporary matrix with unspecified content, given back by itself when the innermost
   * {@linkcode Memory.scope} ends.
   *
   * @throws {StateError} Outside a scope.
   */
  scratch(rows: number, cols: number): Matrix;

  /** Runs `body`; every scratch matrix taken inside is given back when it returns or throws. */
  scope<T>(body: () => T): T;

  /** Copies numbers, row by row, into a matrix. */
  write(m: Matrix, data: ArrayLike<number>): void;

  /** A copy of a matrix's numbers, row by row. The caller owns it. */
  read(m: Matrix): Promise<Float32Array | Float64Array>;

  /**
   * The same at once.
   *
   * @throws {StateError} On a backend that is not synchronous.
   */
  readSync(m: Matrix): Float32Array | Float64Array;

  /**
   * Runs `body`; where it throws, every matrix that it has written and that outlives it holds again, bit for
   * bit, what it held before. Costs a copy of each such matrix when it is first written, on the host, or on the
   * GPU where the matrix is there. Inside another one it is a part of that.
   *
   * @param passing Matrices that need not be put back, such as gradients.
   * @param refused [1, 1]: where it is not 0 after `body` (on a GPU, when the device comes to that, and nobody waits
   * for it), everything else is put back, too.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { createBackend } from "@tekfac/tekfac/backend";
   *
   * using backend = await createBackend();
   * using x = backend.alloc(1, 2);
   * backend.write(x, [1, 2]);
   * const halfDone = () => {
   *   backend.squares(x, x);
   *   throw new Error("no further");
   * };
   * assert.throws(() => backend.undoable(halfDone), /no further/);
   * assert.deepEqual([...backend.readSync(x)], [1, 2]);
   * ```
   */
  undoable<T>(body: () => T, passing?: readonly Matrix[], refused?: Matrix): T;

  /**
   * Runs `body`, which builds something; where it throws, all that it has allocated is given back.
   *
   * @example Half of something is nothing
   * ```ts
   * import assert from "node:assert/strict";
   * import { createBackend } from "@tekfac/tekfac/backend";
   *
   * using backend = await createBackend();
   * const tooMuch = () => [backend.alloc(1, 2), backend.alloc(-1, 2)];
   * assert.throws(() => backend.building(tooMuch), /rows and cols/);
   * assert.equal(backend.memory().handles, 0);
   * ```
   */
  building<T>(body: () => T): T;

  /** What is held at the moment. */
  memory(): MemoryReport;
}

/** Eigenproblems that are being solved beside what the caller does. */
export interface EighTicket {
  /** Whether {@linkcode EighTicket.finish} would return at once. */
  readonly ready: boolean;
  /**
   * Returns when all results have been written, on a GPU when that is enqueued. Further calls change nothing, unless
   * results have been put back meanwhile by {@linkcode Memory.undoable}: they are written again then.
   */
  finish(): void;
  /**
   * Returns when nothing will be written any more; for whoever does not want the results.
   *
   * @default {as `finish`}
   */
  drop?(): void;
}

/** How {@linkcode Backend.beginEigh} may go about it. */
export interface EighOptions {
  /**
   * Whether the problems may be solved by another processor than the backend's verbs, in other roundings,
   * if that keeps them from waiting: results then depend on the machine and its moment.
   *
   * @default {false}
   */
  readonly elsewhere?: boolean;
}

/** Copies between matrices and buffers of other code on the same GPU: nothing passes through the host. */
export interface GpuMemory {
  /** Where both live. */
  readonly device: GPUDevice;
  /**
   * Copies the first numbers of a buffer into a matrix, row by row. Everything that either side has
   * submitted is done before; what is submitted afterwards may overwrite the buffer.
   *
   * @param source Float32, with `COPY_SRC`.
   * @throws {StateError} When the matrix is disposed or of another backend.
   */
  copyFrom(target: Matrix, source: GPUBuffer): void;
  /**
   * Copies a matrix, row by row, to the beginning of a buffer, after everything enqueued so far.
   *
   * @param target With `COPY_DST`.
   * @throws {StateError} As {@linkcode GpuMemory.copyFrom}.
   */
  copyTo(target: GPUBuffer, source: Matrix): void;
}

/** Memory, verbs, and a name. Created by `createBackend`; the caller disposes it. */
export interface Backend extends Memory, Verbs, Disposable {
  /** `"wasm"`, `"reference"`. */
  readonly name: string;
  /** Whether verbs have finished when they return. */
  readonly sync: boolean;
  /** What was chosen and why. */
  readonly info: BackendInfo;
  /**
   * Starts {@linkcode Verbs.eigh} beside what follows, where the backend has a thread to spare; else the
   * problems are solved when the ticket is finished. Until then the jobs' matrices must be neither
   * written nor given back, and their results not read.
   */
  beginEigh(jobs: readonly EighJob[], options?: EighOptions): EighTicket;
  /**
   * Loads verbs that only some programs need, such as `sequenceVerbs`; layers that need them do so when they are
   * built. Does nothing where they are there.
   *
   * @throws {BackendError} When the host refuses to compile them.
   */
  extend(extension: VerbExtension): void;
  /** Resolves when everything enqueued so far is done. */
  flush(): Promise<void>;
  /** For code that shares the device; absent without a GPU, and where its loss is recovered from. */
  readonly gpu?: GpuMemory | undefined;
  /**
   * Does something that ends in reading numbers, again if the device is lost meanwhile. On a backend that
   * does not recover it is done once.
   *
   * @param body Enqueues work and reads what came out.
   *
   * @example A sum that is read, whatever becomes of the device
   * ```ts
   * import assert from "node:assert/strict";
   * import { createBackend } from "@tekfac/tekfac/backend";
   *
   * using backend = await createBackend();
   * using x = backend.alloc(1, 3);
   * using total = backend.alloc(1, 1);
   * backend.write(x, [1, 2, 3]);
   * const [sum] = await backend.reading(() => {
   *   backend.sum(total, x);
   *   return backend.read(total);
   * });
   * assert.equal(sum, 6);
   * ```
   */
  reading<T>(body: () => Promise<T>): Promise<T>;
  /** Going on after the loss of the device, where that was asked for. */
  readonly recovery?: Recovery | undefined;
}
