/**
 * Formulas on single numbers: too short for a kernel of their own, computed in memory in float64.
 *
 * @module
 */

import type { Scalar, Verbs } from "../backend.ts";
import type { Matrix } from "../../core/matrix.ts";
import { evaluate } from "../../linalg/formula.ts";
import * as linalg from "../../linalg/scalars.ts";
import type { Machine } from "./machine.ts";

/** The verbs of this topic. */
export type Scalars = Pick<
  Verbs,
  "relativeDamping" | "splitDamping" | "scalarPower" | "clipFactor" | "evaluate"
>;

/** The verbs of this topic on one machine. */
export function createScalars(machine: Machine): Scalars {
  return {
    relativeDamping(out, sources, numbers) {
      const source = sources.reduce((product, x) => product * machine.value(x), 1);
      machine.setValue(out, linalg.relativeDamping(source, numbers));
    },

    splitDamping(shiftA, shiftB, lambda, traceA, traceB, dims) {
      const traces = [machine.value(traceA), machine.value(traceB)] as const;
      const [a, b] = linalg.splitDamping(machine.value(lambda), ...traces, dims);
      machine.setValue(shiftA, a);
      machine.setValue(shiftB, b);
    },

    scalarPower(out, x, power, scale = 1) {
      machine.setValue(out, linalg.scalarPower(machine.value(x), power, scale));
    },

    clipFactor(out, innerProduct, { kl, learningRate, loss }) {
      const numbers = { kl, learningRate, loss: loss ? machine.value(loss) : 1 };
      machine.setValue(out, linalg.clipFactor(machine.value(innerProduct), numbers));
    },

    evaluate(formula, inputs, outputs) {
      const values = Object.entries<Scalar>(inputs).map(([name, input]) => [
        name,
        typeof input === "number" ? [input] : machine.row(input),
      ]);
      const results = evaluate(formula, Object.fromEntries(values));
      for (const [name, out] of Object.entries<Matrix>(outputs)) {
        machine.row(out).set((results as Record<string, Float64Array>)[name]);
      }
    },
  };
}
