/**
 * Calls of any verb, by its row of the kernel table.
 *
 * @module
 */

import type { Formula, Rank } from "../core/formula.ts";
import { KERNEL_TABLE, type Operand } from "./kernel_table.ts";
import type { Verbs } from "./verbs.ts";

/**
 * The operands of a call by name.
 *
 * @param formula What `evaluate` is called with, which has names of its own.
 */
export function operandsOf(
  verb: keyof Verbs,
  formula: unknown,
): Readonly<Record<string, Operand>> {
  const { operands } = KERNEL_TABLE[verb];
  if (verb !== "evaluate") return operands;
  const { inputs, outputs } = formula as Formula;
  const named = (group: string, name: string, rank: Rank) =>
    [`${group}.${name}`, { ...operands[`${group}.${rank}`], optional: false }] as const;
  return Object.fromEntries([
    ...Object.entries(outputs).map(([name, { rank }]) => named("outputs", name, rank)),
    ...Object.entries(inputs).map(([name, rank]) => named("inputs", name, rank)),
  ]);
}

/** Verbs that all go through one function, which is told the name and what the call takes. */
export function verbsThrough(
  call: (verb: keyof Verbs, args: readonly unknown[]) => void,
): Verbs {
  const verbs = Object.keys(KERNEL_TABLE) as (keyof Verbs)[];
  return Object.fromEntries(
    verbs.map((verb) => [verb, (...args: unknown[]) => call(verb, args)]),
  ) as unknown as Verbs;
}
