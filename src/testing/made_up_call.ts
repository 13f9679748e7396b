/**
 * Calls of verbs, made up from the rows of the kernel table.
 *
 * @module
 */

import { operandsOf } from "../backend/calls.ts";
import { KERNEL_TABLE, type Operand } from "../backend/kernel_table.ts";
import { sidesOf, type Sizes } from "../backend/symbolic_shape.ts";
import type { Verbs } from "../backend/verbs.ts";

/** Makes a matrix for a call, by its place in it: `"basis.output"`. */
export type MakeOperand = (name: string, rows: number, cols: number, operand: Operand) => unknown;

/**
 * What a verb may be called with: matrices of the sizes that its row says, and the rest as given. One that may
 * be left out is, where the sizes do not say how large it is.
 *
 * @param sizes Values of the letters of its row.
 * @param parts Arguments, or fields of them, that are no matrices; numbers for scalars; and `undefined` for what
 * is left out.
 * @param make Called once for each matrix, outputs first.
 *
 * @example Any verb by its name
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { madeUpCall } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend();
 * const shapes: Record<string, string> = {};
 * backend.scope(() => {
 *   const sizes = { m: 2, n: 3, k: 4 };
 *   const call = madeUpCall("gemm", sizes, { options: { transposeA: true } }, (name, rows, cols) => {
 *     shapes[name] = `${rows} x ${cols}`;
 *     return backend.scratch(rows, cols);
 *   });
 *   backend.gemm(...call as Parameters<typeof backend.gemm>);
 * });
 * assert.deepEqual(shapes, { c: "2 x 3", a: "4 x 2", b: "4 x 3" });
 * ```
 */
export function madeUpCall(
  verb: keyof Verbs,
  sizes: Sizes,
  parts: Readonly<Record<string, unknown>>,
  make: MakeOperand,
): unknown[] {
  const call: Record<string, unknown> = { ...parts };
  const operands = operandsOf(verb, parts.formula);
  for (const [name, operand] of Object.entries(operands)) {
    if (isGiven(parts, name)) continue;
    const { otherwise } = operand;
    const instead = otherwise !== undefined && partOf(parts, otherwise[1]) === otherwise[2];
    const [rows, cols] = sidesOf(instead ? otherwise[0] : operand.shape, sizes);
    if (operand.optional && Number.isNaN(rows * cols)) continue;
    const matrix = make(name, rows, cols, operand);
    const [argument, field] = name.split(".");
    call[argument] = field === undefined
      ? matrix
      : { ...call[argument] as Record<string, unknown>, [field]: matrix };
  }
  return KERNEL_TABLE[verb].call.map((name) => name === "jobs" ? [call[name]] : call[name]);
}

/** Whether a part is given, be it `undefined`. */
function isGiven(parts: Readonly<Record<string, unknown>>, name: string): boolean {
  const [argument, field] = name.split(".");
  return field === undefined ? argument in parts : field in Object(parts[argument]);
}

function partOf(parts: Readonly<Record<string, unknown>>, name: string): unknown {
  const [argument, field] = name.split(".");
  const part = parts[argument];
  return field === undefined ? part : (part as Record<string, unknown> | undefined)?.[field];
}
