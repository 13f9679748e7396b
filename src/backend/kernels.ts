/**
 * What an implementation of a backend provides. `CheckedBackend` wraps it into the public
 * {@linkcode Backend}: it checks shapes and liveness and keeps the books of owners and scopes, so that
 * kernels stay free of checks.
 *
 * @module
 */

import type { BackendInfo, EighJob, EighOptions, EighTicket, GpuMemory, Verbs } from "./backend.ts";
import type { VerbExtension } from "./extension.ts";
import type { Matrix, MatrixStorage } from "../core/matrix.ts";
import type { Recovery } from "./recovery.ts";

/** Storage as an implementation sees it: it marks what it has taken back. */
export interface RawStorage extends MatrixStorage {
  /** Set when the storage is given back. */
  disposed: boolean;
  /** The backend that handed it out, which sets it: asked for in every call, and cheaper than a set. */
  owner?: unknown;
}

/** Verbs whose results go to matrices that are named first, so that what they would overwrite can come back. */
export interface Aside {
  /** See {@linkcode Verbs.axpby}; `to` holds y or a matrix of its shape. */
  axpby(to: readonly Matrix[], ...call: Parameters<Verbs["axpby"]>): void;
  /** See {@linkcode Verbs.takeStep}; `to` holds w or a matrix of its shape. */
  takeStep(to: readonly Matrix[], ...call: Parameters<Verbs["takeStep"]>): void;
  /** See {@linkcode Verbs.adamDirection}; `to` holds out, m and v or matrices of their shapes. */
  adamDirection(to: readonly Matrix[], ...call: Parameters<Verbs["adamDirection"]>): void;
  /** Exchanges the memory behind two storages of one length. */
  exchange(x: RawStorage, y: RawStorage): void;
}

/** Copies of storage on a device that answers later: what a step overwrites, until it is known to have been taken. */
export interface Keeping {
  /** Storage for copies: what it holds between two steps is of no concern. */
  allocate(length: number): RawStorage;
  /**
   * Copies all of a storage to another one of its length, bit for bit.
   *
   * @param flag [1, 1]: only where it is not 0 when the device comes to it. @default {always}
   */
  copy(to: RawStorage, from: RawStorage, flag?: Matrix): void;
}

/** An implementation of the verbs and of raw memory. Called with checked arguments only. */
export interface Kernels extends Verbs {
  /** See {@linkcode Backend.name}. */
  readonly name: string;
  /** See {@linkcode Backend.sync}. */
  readonly sync: boolean;
  /** Without the candidates, which only the selection knows. */
  readonly info: Omit<BackendInfo, "chosen" | "rejected">;
  /** Bytes per number. */
  readonly bytesPerElement: number;
  /** Bytes taken from the host so far. */
  readonly reservedBytes: number;

  /** See {@linkcode Backend.extend}; left out by implementations that have all verbs. Verbs that are not
   * loaded throw `StateError`. */
  extend?(extension: VerbExtension): void;

  /** Storage of zeros that lives until {@linkcode Kernels.free}. */
  allocate(length: number): RawStorage;
  /** Takes storage back and marks it disposed. */
  free(storage: RawStorage): void;

  /**
   * See {@linkcode Backend.beginEigh}; left out by implementations without a thread to spare, and
   * without a ticket where there is none for these. */
  beginEigh?(jobs: readonly EighJob[], options: EighOptions): EighTicket | undefined;

  /** Opens a scope of the scratch arena. Scopes nest. */
  pushScope(): void;
  /** Storage with unspecified content that lives until the innermost scope is closed. */
  scratch(length: number): RawStorage;
  /** Closes the innermost scope and marks its storage disposed. */
  popScope(): void;

  /** See {@linkcode Backend.write}. */
  write(m: Matrix, data: ArrayLike<number>): void;
  /** See {@linkcode Backend.read}. */
  read(m: Matrix): Promise<Float32Array | Float64Array>;
  /**
   * See {@linkcode Backend.readSync}; called on synchronous implementations only.
   *
   * @param into An array that it gave for a matrix of this size before, to be filled again.
   */
  readSync(m: Matrix, into?: Float32Array | Float64Array): Float32Array | Float64Array;
  /** Left out by implementations that are not synchronous. */
  readonly aside?: Aside;
  /** Left out by implementations that are synchronous: what they keep is on the host. */
  readonly keeping?: Keeping;
  /** See {@linkcode Backend.flush}. */
  flush(): Promise<void>;
  /** Gives everything back to the host. */
  dispose(): void;

  /** Whether its device is lost; left out by implementations that have none to lose. */
  readonly deviceLoss?: {
    /** The device's own words; `undefined` while it works. */
    readonly reason: string | undefined;
    /** Resolves when it is lost. */
    readonly announced: Promise<unknown>;
  };
  /** See {@linkcode Backend.gpu}; not checked. */
  readonly gpu?: GpuMemory;
  /** See {@linkcode Backend.recovery}. */
  readonly recovery?: Recovery;
}
