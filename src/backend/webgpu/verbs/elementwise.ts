/**
 * Elementwise updates, activations and reductions.
 *
 * @module
 */

import { columnsOf, type Matrix, rowsOf } from "../../../core/matrix.ts";
import type { Activation, Verbs } from "../../backend.ts";
import * as kernels from "../device/_kernels.gen.ts";
import { elementGrid, type Machine } from "../device/machine.ts";

/** Numbers of the nonlinearities in `kernels/activation.wgsl`. */
const ACTIVATIONS: Readonly<Record<Activation, number>> = {
  relu: 0,
  tanh: 1,
  sigmoid: 2,
  gelu: 3,
  geluTanh: 4,
  silu: 5,
  softplus: 6,
};

/** Numbers of the reductions in `kernels/reductions.wgsl`. */
const REDUCTIONS = { dot: 0, sum: 1, trace: 2, allFinite: 3 } as const;

/** Workgroups of a reduction's first half: as many results as the second half can add. */
const MOST_PARTIALS = 256;

/** Elements per invocation of a reduction before more workgroups are taken. */
const ELEMENTS_EACH = 8;

/** The verbs of this topic. */
export type Elementwise = Pick<
  Verbs,
  | "appendOnes"
  | "activation"
  | "activationGradient"
  | "axpby"
  | "takeStep"
  | "squares"
  | "scaleRows"
  | "adamDirection"
  | "zeroUnless"
  | "dot"
  | "stepProducts"
  | "sum"
  | "trace"
  | "allFinite"
>;

/** The verbs of this topic on one machine. */
export function createElementwise(machine: Machine): Elementwise {
  const reduce = (
    kind: keyof typeof REDUCTIONS,
    out: Matrix,
    x: Matrix,
    y: Matrix | undefined,
    { decay = 0, scale = 1 } = {},
  ): void => {
    const [rows, cols] = kind === "trace" ? [1, x.rows] : [x.rows, x.cols];
    const count = partialsOf(rows * cols);
    machine.scope(() => {
      const partials = machine.temporary(1, MOST_PARTIALS);
      machine.run(
        kernels.reductions,
        { partials, x, y },
        { rows, cols },
        [count, 1, 1],
        { overrides: { KIND: REDUCTIONS[kind] } },
      );
      finish(out, partials, count, { decay, scale }, kind === "allFinite");
    });
  };

  const finish = (
    out: Matrix,
    partials: Matrix,
    count: number,
    { decay = 0, scale = 1 } = {},
    none = false,
  ): void => {
    machine.run(
      kernels.reductionsFinish,
      { out, partials },
      { count, decay, scale },
      [1, 1, 1],
      { overrides: { NONE: none } },
    );
  };

  return {
    appendOnes(out, x) {
      const { rows, cols } = out;
      machine.run(kernels.appendOnes, { out, x }, { rows, cols }, elementGrid(rows * cols));
    },

    activation(kind, out, x) {
      const { rows, cols } = x;
      machine.run(
        kernels.activation,
        { out, x },
        { rows, cols },
        elementGrid(rows * cols),
        { overrides: { KIND: ACTIVATIONS[kind] } },
      );
    },

    activationGradient(kind, out, y, g) {
      const { rows, cols } = g;
      machine.run(
        kernels.activationGradient,
        { out, y, g },
        { rows, cols },
        elementGrid(rows * cols),
        { overrides: { KIND: ACTIVATIONS[kind] } },
      );
    },

    axpby(y, alpha, x, beta) {
      const { rows, cols } = y;
      machine.run(kernels.axpby, { y, x, alpha, beta }, { rows, cols }, elementGrid(rows * cols));
    },

    takeStep(w, rate, u, decay, columns) {
      const { rows, cols } = w;
      machine.run(
        kernels.takeStep,
        { w, u, rate, decay },
        { rows, cols, columns },
        elementGrid(rows * cols),
      );
    },

    squares(out, x, { decay = 0, scale = 1 } = {}) {
      const { rows, cols } = x;
      const numbers = { rows, cols, decay, scale };
      machine.run(kernels.squares, { out, x }, numbers, elementGrid(rows * cols));
    },

    scaleRows(out, x, weights) {
      const { rows, cols } = x;
      machine.run(
        kernels.scaleRows,
        { out, x, weights },
        { rows, cols },
        elementGrid(rows * cols),
      );
    },

    adamDirection(out, m, v, g, { beta1, beta2, epsilon, count }) {
      const { rows, cols } = g;
      machine.run(
        kernels.adamDirection,
        { out, m, v, g },
        {
          rows,
          cols,
          beta1,
          beta2,
          rest1: 1 - beta1,
          rest2: 1 - beta2,
          correction1: 1 / (1 - beta1 ** count),
          correction2: 1 / (1 - beta2 ** count),
          epsilon,
        },
        elementGrid(rows * cols),
      );
    },

    zeroUnless(x, flag) {
      const { rows, cols } = x;
      machine.run(kernels.zeroUnless, { x, flag }, { rows, cols }, elementGrid(rows * cols));
    },

    dot: (out, x, y, blend) => reduce("dot", out, x, y, blend),
    stepProducts(out, u, s, w) {
      const { rows, cols } = u;
      const count = partialsOf(rows * cols);
      machine.scope(() => {
        const partials = machine.temporary(3, MOST_PARTIALS);
        const operands = { partials, u, s, w };
        machine.run(kernels.stepProducts, operands, { rows, cols }, [count, 1, 1]);
        for (let i = 0; i < 3; i++) {
          finish(columnsOf(out, i, i + 1), rowsOf(partials, i, i + 1), count);
        }
      });
    },
    sum: (out, x, blend) => reduce("sum", out, x, undefined, blend),
    trace: (out, x, blend) => reduce("trace", out, x, undefined, blend),
    allFinite: (out, x) => reduce("allFinite", out, x, undefined),
  };
}

/** Workgroups of a reduction's first half. */
function partialsOf(elements: number): number {
  return Math.min(Math.ceil(elements / (256 * ELEMENTS_EACH)), MOST_PARTIALS);
}
