/**
 * Storage that outlives its device: matrices keep the handle, and what it stands for is made anew.
 *
 * @module
 */

import type { Matrix } from "../../core/matrix.ts";
import type { RawStorage } from "../kernels.ts";

/** Stands for storage of whatever implementation is at work. */
export class Handle implements RawStorage {
  disposed = false;

  /**
   * Makes a handle.
   *
   * @param length Number of elements.
   * @param inner What it stands for; `undefined` where there is no device to have it.
   * @param devicesLost Devices lost before it was made.
   */
  constructor(
    readonly length: number,
    public inner: RawStorage | undefined,
    readonly devicesLost: number,
  ) {}
}

/** All numbers of a storage in one row. */
export function wholeOf(storage: RawStorage): Matrix {
  const { length } = storage;
  return { storage, offset: 0, rows: 1, cols: length, stride: length };
}

/**
 * The arguments of a call with every handle replaced by what it stands for, however deep in lists and
 * options. What holds no matrix is passed on as it is.
 */
export function unwrapped<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(unwrapped) as T;
  if ("storage" in value) {
    const { storage, offset, rows, cols, stride } = value as unknown as Matrix;
    return { storage: (storage as Handle).inner, offset, rows, cols, stride } as T;
  }
  let changed = false;
  const entries = Object.entries(value).map(([key, field]) => {
    const inner = unwrapped(field);
    changed ||= inner !== field;
    return [key, inner];
  });
  return changed ? Object.fromEntries(entries) : value;
}
