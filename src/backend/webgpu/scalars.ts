/**
 * Formulas on single numbers, which stay on the device.
 *
 * @module
 */

import type { Matrix } from "../../core/matrix.ts";
import type { Verbs } from "../backend.ts";
import * as kernels from "./_kernels.gen.ts";
import type { Grid, Machine } from "./machine.ts";

/** The verbs of this topic. */
export type Scalars = Pick<
  Verbs,
  "relativeDamping" | "splitDamping" | "scalarPower" | "clipFactor"
>;

/** One invocation. */
const ONE: Grid = [1, 1, 1];

/** Sources that one call of `kernels/relative_damping.wgsl` multiplies. */
const SOURCES = 4;

/** Largest power that is computed by multiplication. */
const MOST_PRODUCTS = 4;

/** The verbs of this topic on one machine. */
export function createScalars(machine: Machine): Scalars {
  return {
    relativeDamping(out, sources, numbers) {
      machine.scope(() => {
        let rest = [...sources];
        while (rest.length > SOURCES) {
          const product = machine.temporary(1, 1);
          multiplySources(product, rest.slice(0, SOURCES), numbers, false);
          rest = [product, ...rest.slice(SOURCES)];
        }
        multiplySources(out, rest, numbers, true);
      });
    },

    splitDamping(shiftA, shiftB, lambda, traceA, traceB, [dimA, dimB]) {
      const operands = { shiftA, shiftB, traceA, traceB, lambda };
      machine.run(kernels.splitDamping, operands, { dimA, dimB }, ONE);
    },

    scalarPower(out, x, power, scale = 1) {
      const twice = 2 * Math.abs(power);
      const halves = Number.isInteger(twice) && twice <= 2 * MOST_PRODUCTS ? twice : 0;
      machine.run(kernels.scalarPower, { out, x }, { power, scale, halves }, ONE);
    },

    clipFactor(out, innerProduct, { kl, learningRate, loss = 1 }) {
      const operands = { out, innerProduct, loss };
      machine.run(kernels.clipFactor, operands, { kl, learningRate }, ONE);
    },
  };

  function multiplySources(
    out: Matrix,
    [s0, s1, s2, s3]: readonly Matrix[],
    numbers: Parameters<Scalars["relativeDamping"]>[2],
    last: boolean,
  ): void {
    const { tau, factor, floor } = numbers;
    const count = [s0, s1, s2, s3].filter((source) => source !== undefined).length;
    machine.run(
      kernels.relativeDamping,
      { out, s0, s1, s2, s3 },
      { tau, factor, floor, count },
      ONE,
      { overrides: { LAST: last } },
    );
  }
}
