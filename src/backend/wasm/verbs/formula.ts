/**
 * Formulas over a few numbers: too short for a kernel of their own, computed in memory in float64.
 *
 * @module
 */

import type { Matrix } from "../../../core/matrix.ts";
import { evaluate } from "../../../linalg/formula.ts";
import type { Scalar, Verbs } from "../../backend.ts";
import type { Machine } from "../module/machine.ts";

/** The verb of this topic. */
export type Formulas = Pick<Verbs, "evaluate">;

/** The verb of this topic on one machine. */
export function createFormulas(machine: Machine): Formulas {
  return {
    evaluate(formula, inputs, outputs) {
      const values = Object.entries<Scalar>(inputs).map(([name, input]) => [
        name,
        typeof input === "number" ? input : machine.row(input),
      ]);
      const results = evaluate(formula, Object.fromEntries(values));
      for (const [name, out] of Object.entries<Matrix>(outputs)) {
        machine.row(out).set((results as Record<string, Float64Array>)[name]);
      }
    },
  };
}
