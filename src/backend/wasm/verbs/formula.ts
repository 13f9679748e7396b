/**
 * Formulas over a few numbers: too short for a kernel of their own, computed in memory in float64.
 *
 * @module
 */

import type { Matrix } from "../../../core/matrix.ts";
import { programOf } from "../../../linalg/formula.ts";
import type { Scalar, Verbs } from "../../backend.ts";
import { addressOf, type Machine } from "../module/machine.ts";

/** The verb of this topic. */
export type Formulas = Pick<Verbs, "evaluate">;

/** The verb of this topic on one machine. */
export function createFormulas(machine: Machine): Formulas {
  return {
    evaluate(formula, inputs, outputs) {
      const program = programOf(formula);
      const { view } = machine.memory;
      const given = inputs as Readonly<Record<string, Scalar>>;
      if (program.vector !== undefined) program.reserve((given[program.vector] as Matrix).cols);
      for (const { name, slot: { values, length } } of program.inputs) {
        const input = given[name];
        if (typeof input === "number") values[0] = input;
        else {
          const from = addressOf(input) / 4;
          for (let i = 0; i < length; i++) values[i] = view[from + i];
        }
      }
      program.run();
      for (const { name, slot: { values, length } } of program.outputs) {
        const to = addressOf((outputs as Readonly<Record<string, Matrix>>)[name]) / 4;
        for (let i = 0; i < length; i++) view[to + i] = values[i];
      }
    },
  };
}
