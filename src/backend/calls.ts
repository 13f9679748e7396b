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

/** Whether an argument is or holds matrices, for each argument of a verb. */
export function holdersOf(verb: keyof Verbs): readonly boolean[] {
  const { call, operands } = KERNEL_TABLE[verb];
  const held = Object.keys(operands).map((name) => name.split(".")[0]);
  return call.map((name) => held.includes(name));
}

/** All verbs, each as `make` makes it. */
export function everyVerb(make: (verb: keyof Verbs) => (...call: unknown[]) => void): Verbs {
  const verbs = Object.keys(KERNEL_TABLE) as (keyof Verbs)[];
  return Object.fromEntries(verbs.map((verb) => [verb, make(verb)])) as unknown as Verbs;
}
