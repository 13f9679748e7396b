/**
 * Operands that share a buffer. WebGPU lets a dispatch write a buffer only through one binding, and not
 * read it through another; verbs allow more. Three ways out, cheapest first:
 *
 * - the very view that is written, as input of a kernel that has an `override X_IS_OUT`: the kernel
 *   reads it through the output's binding;
 * - any other input: a copy of it is bound;
 * - a further output: a copy is bound, and copied back row by row after the dispatch.
 *
 * @module
 */

import type { Matrix } from "../../../core/matrix.ts";
import type { Scalar } from "../../backend.ts";
import type { BufferPool, PooledBuffer } from "./buffer_pool.ts";
import type { CommandStream } from "./command_stream.ts";
import { bufferOf, BYTES, GpuStorage, spanOf } from "./storage.ts";

/** Where copies are made. */
export interface Workplace {
  /** Memory for copies. */
  readonly pool: BufferPool;
  /** Enqueues the copying. */
  readonly stream: CommandStream;
}

/** What is bound under a name. */
export interface Operand {
  /** Name of the binding. */
  readonly name: string;
  /** Whether the kernel writes it. */
  readonly written: boolean;
  /** A matrix, a number, or nothing. */
  readonly value: Scalar | undefined;
}

/** Operands of which no two are in one buffer, if one of them is written. */
export interface Resolved {
  /** In the order they were given. */
  readonly operands: readonly Operand[];
  /** The `override` that tells a kernel to read its output. */
  readonly inPlace: string | undefined;
  /** Outputs that were computed elsewhere. */
  readonly moved: readonly { readonly from: Matrix; readonly to: Matrix }[];
  /** Memory of the copies. */
  readonly copies: readonly PooledBuffer[];
}

/** Finds conflicts and moves operands out of the way, until {@linkcode putBack}. */
export function apart(
  { pool, stream }: Workplace,
  operands: readonly Operand[],
  overrides: readonly string[],
): Resolved {
  const output = operands.find(({ written, value }) => written && isMatrix(value));
  const written = new Set<unknown>();
  const moved: { from: Matrix; to: Matrix }[] = [];
  const copies: PooledBuffer[] = [];
  let inPlace: string | undefined;
  /** The same view of a copy, gaps included. */
  const copyOf = (m: Matrix): Matrix => {
    const { buffer } = pool.take(spanOf(m) * BYTES);
    copies.push(buffer);
    stream.copy(bufferOf(m), m.offset * BYTES, buffer, 0, spanOf(m) * BYTES);
    return { ...m, storage: new GpuStorage(buffer, spanOf(m)), offset: 0 };
  };
  const outputsApart = operands.map((operand): Operand => {
    const { value } = operand;
    if (!operand.written || !isMatrix(value)) return operand;
    const buffer = bufferOf(value);
    if (!written.has(buffer)) {
      written.add(buffer);
      return operand;
    }
    const copy = copyOf(value);
    moved.push({ from: copy, to: value });
    return { ...operand, value: copy };
  });
  const all = outputsApart.map((operand): Operand => {
    const { name, value } = operand;
    if (operand.written || !isMatrix(value) || !written.has(bufferOf(value))) return operand;
    const override = `${name.toUpperCase()}_IS_OUT`;
    if (overrides.includes(override) && isSame(value, output!.value as Matrix)) {
      inPlace = override;
      return { ...operand, value: undefined };
    }
    return { ...operand, value: copyOf(value) };
  });
  return { operands: all, inPlace, moved, copies };
}

/** Copies outputs that were computed elsewhere to where they belong, and gives the copies' memory back. */
export function putBack({ pool, stream }: Workplace, { moved, copies }: Resolved): void {
  for (const { from, to } of moved) {
    for (let i = 0; i < to.rows; i++) {
      stream.copy(
        bufferOf(from),
        (from.offset + i * from.stride) * BYTES,
        bufferOf(to),
        (to.offset + i * to.stride) * BYTES,
        to.cols * BYTES,
      );
    }
  }
  for (const buffer of copies) pool.give(buffer);
}

function isMatrix(value: Scalar | undefined): value is Matrix {
  return typeof value === "object" && value.rows * value.cols > 0;
}

function isSame(x: Matrix, y: Matrix): boolean {
  return x.offset === y.offset && (x.stride === y.stride || x.rows <= 1);
}
