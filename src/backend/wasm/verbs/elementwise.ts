/**
 * Elementwise updates, activations and sums.
 *
 * @module
 */

import type { Activation, Verbs } from "../../backend.ts";
import { StateError } from "../../../core/errors.ts";
import { isContiguous, type Matrix } from "../../../core/matrix.ts";
import type { Aside } from "../../kernels.ts";
import { addressOf, type Machine } from "../module/machine.ts";

/** Numbers of the nonlinearities in `asm/activation.ts` are their places. */
const ACTIVATIONS: readonly Activation[] = ["relu", "tanh", "sigmoid"];

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
  | "dot"
  | "rowDots"
  | "stepProducts"
  | "sum"
  | "trace"
  | "allFinite"
  | "zeroUnless"
>;

/** The verbs of this topic that can leave their results beside what they change. */
export function createAside(machine: Machine): Omit<Aside, "exchange"> {
  const kernels = machine.exports;
  return {
    axpby([to], y, alpha, x, beta) {
      const [rows, cols] = extent(y, x);
      let [a, b, source] = [machine.value(alpha), machine.value(beta), x];
      // The kernel does not read y where its factor is 0; by exchange it does not read x either.
      if (a === 0) {
        if (b === 0) return eachRow(machine, to, (row) => row.fill(0));
        [a, b, source] = [b, 0, y];
      }
      // deno-fmt-ignore
      kernels.weightedSum(
        rows, cols, a, b, addressOf(to), to.stride, addressOf(source), source.stride,
        addressOf(y), y.stride,
      );
    },

    takeStep([to], w, rate, u, decay, columns) {
      // deno-fmt-ignore
      kernels.takeStep(
        w.rows, w.cols, machine.value(rate), machine.value(decay), columns,
        addressOf(to), to.stride, addressOf(w), w.stride, addressOf(u), u.stride,
      );
    },

    adamDirection([out, toM, toV], _, m, v, g, { beta1, beta2, epsilon, count }) {
      const [rows, cols] = extent(out, m, v, g);
      // deno-fmt-ignore
      kernels.adamDirection(
        rows, cols, beta1, beta2, 1 - beta1, 1 - beta2,
        1 / (1 - beta1 ** count), 1 / (1 - beta2 ** count), epsilon,
        addressOf(out), out.stride, addressOf(m), m.stride, addressOf(v), v.stride,
        addressOf(g), g.stride, addressOf(toM), toM.stride, addressOf(toV), toV.stride,
      );
    },
  };
}

/** The verbs of this topic on one machine. */
export function createElementwise(
  machine: Machine,
  aside: Omit<Aside, "exchange">,
): Elementwise {
  const kernels = machine.exports;
  return {
    appendOnes(out, x) {
      const { rows, cols } = x;
      kernels.appendOnes(rows, cols, addressOf(out), out.stride, addressOf(x), x.stride);
    },

    activation(kind, out, x) {
      const [rows, cols] = extent(out, x);
      // deno-fmt-ignore
      kernels.activation(
        numberOf(kind), rows, cols, addressOf(out), out.stride, addressOf(x), x.stride,
      );
    },

    activationGradient(kind, out, y, g) {
      const [rows, cols] = extent(out, y, g);
      // deno-fmt-ignore
      kernels.activationGradient(
        numberOf(kind), rows, cols, addressOf(out), out.stride,
        addressOf(y), y.stride, addressOf(g), g.stride,
      );
    },

    axpby: (y, alpha, x, beta) => aside.axpby([y], y, alpha, x, beta),

    takeStep: (w, rate, u, decay, columns) => aside.takeStep([w], w, rate, u, decay, columns),

    squares(out, x, { decay = 0, scale = 1 } = {}) {
      const [rows, cols] = extent(out, x);
      // deno-fmt-ignore
      kernels.squares(
        rows, cols, decay, scale, addressOf(out), out.stride, addressOf(x), x.stride,
      );
    },

    scaleRows(out, x, weights) {
      // deno-fmt-ignore
      kernels.scaleRows(
        x.rows, x.cols, addressOf(out), out.stride, addressOf(x), x.stride, addressOf(weights),
      );
    },

    adamDirection: (out, m, v, g, numbers) =>
      aside.adamDirection([out, m, v], out, m, v, g, numbers),

    dot(out, x, y, { decay = 0, scale = 1 } = {}) {
      const [rows, cols] = extent(x, y);
      // deno-fmt-ignore
      kernels.dot(
        rows, cols, decay, scale, addressOf(out), addressOf(x), x.stride, addressOf(y), y.stride,
      );
    },

    rowDots(out, x, y, { decay = 0, scale = 1 } = {}) {
      // deno-fmt-ignore
      kernels.rowDots(
        x.rows, x.cols, decay, scale, addressOf(out), addressOf(x), x.stride,
        addressOf(y), y.stride,
      );
    },

    stepProducts(out, u, s, w) {
      const [rows, cols] = extent(u, s, w);
      // deno-fmt-ignore
      kernels.stepProducts(
        rows, cols, addressOf(out), addressOf(u), u.stride, addressOf(s), s.stride,
        addressOf(w), w.stride,
      );
    },

    sum(out, x, { decay = 0, scale = 1 } = {}) {
      const [rows, cols] = extent(x);
      kernels.sum(rows, cols, decay, scale, addressOf(out), addressOf(x), x.stride);
    },

    trace(out, x, { decay = 0, scale = 1 } = {}) {
      kernels.trace(x.rows, decay, scale, addressOf(out), addressOf(x), x.stride);
    },

    allFinite(out, x) {
      // Squares of float32 cannot overflow the float64 sum; times 0 it is 0 unless a term was not finite.
      const [rows, cols] = extent(x);
      // deno-fmt-ignore
      kernels.dot(
        rows, cols, 0, 0, addressOf(out), addressOf(x), x.stride, addressOf(x), x.stride,
      );
      machine.setValue(out, machine.value(out) === 0 ? 1 : 0);
    },

    zeroUnless(x, flag) {
      if (machine.value(flag) === 0) eachRow(machine, x, (row) => row.fill(0));
    },
  };
}

/** What is said where a verb is called that has not been loaded. */
export function notLoaded(subject: string): StateError {
  return new StateError(
    `${subject}: its kernels are not loaded, call backend.extend() with sequenceVerbs, batchNormVerbs, ` +
      "depthwiseVerbs or densityLossVerbs",
  );
}

function numberOf(kind: Activation): number {
  const number = ACTIVATIONS.indexOf(kind);
  if (number < 0) throw notLoaded(`Cannot run activation '${kind}'`);
  return number;
}

/** Calls `visit` for the numbers of every row, in place; of the whole where there are no gaps. */
function eachRow(machine: Machine, x: Matrix, visit: (row: Float32Array) => void): void {
  const [rows, cols] = extent(x);
  const start = addressOf(x) / Float32Array.BYTES_PER_ELEMENT;
  for (let i = 0; i < rows; i++) {
    const from = start + i * x.stride;
    visit(machine.memory.view.subarray(from, from + cols));
  }
}

/** Rows and columns of matrices of one shape; one long row when none of them has gaps. */
export function extent(...matrices: readonly Matrix[]): [rows: number, cols: number] {
  const { rows, cols } = matrices[0];
  return matrices.every(isContiguous) ? [1, rows * cols] : [rows, cols];
}
