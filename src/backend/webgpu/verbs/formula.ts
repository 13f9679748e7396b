/**
 * Formulas on a few numbers, which stay on the device: one dispatch each.
 *
 * @module
 */

import type { Formula } from "../../../core/formula.ts";
import type { Matrix } from "../../../core/matrix.ts";
import type { Scalar, Verbs } from "../../backend.ts";
import { COLUMNS, formulaShader, inputField, outputField, type Places } from "./formula_shader.ts";
import type { Machine } from "../device/machine.ts";
import type { AnyShader } from "../device/shader.ts";
import { bufferOf, BYTES } from "../device/storage.ts";

/** Matrices by name, and plain numbers. */
type Named<T> = Readonly<Record<string, T>>;

/** What a call takes: every buffer once, however many matrices lie in it. */
interface Bindings {
  readonly places: Places;
  /** All of each buffer. */
  readonly buffers: readonly Matrix[];
}

/** The verb on one machine. */
export function createFormulas(machine: Machine): Pick<Verbs, "evaluate"> {
  const compiled = new Compiled();

  function run(formula: Formula, inputs: Named<Scalar>, outputs: Named<Matrix>): boolean {
    const { places, buffers } = bindingsOf(formula, inputs, outputs);
    const { maxStorageBuffersPerShaderStage: most } = machine.device.limits;
    if (buffers.length > most || !buffers.every((buffer) => machine.canBind(buffer))) return false;
    const numbers: Record<string, number> = { [COLUMNS]: 0 };
    Object.entries(formula.inputs).forEach(([name, rank], i) => {
      const value = inputs[name];
      numbers[inputField(i)] = typeof value === "number" ? value : value.offset;
      if (rank === "vector") numbers[COLUMNS] = (value as Matrix).cols;
    });
    Object.keys(formula.outputs).forEach((name, i) => {
      numbers[outputField(i)] = outputs[name].offset;
    });
    const operands = Object.fromEntries(buffers.map((buffer, i) => [`b${i}`, buffer]));
    machine.run(compiled.shaderOf(formula, places), operands, numbers, [1, 1, 1]);
    return true;
  }

  /** Runs on copies in one buffer: for more buffers, or larger ones, than a kernel can be given. */
  function runPacked(formula: Formula, inputs: Named<Scalar>, outputs: Named<Matrix>): void {
    const matrices = [...Object.values(inputs), ...Object.values(outputs)].filter(isMatrix);
    const all = machine.temporary(1, matrices.reduce((sum, { cols }) => sum + cols, 0));
    let offset = all.offset;
    const place = (m: Matrix): Matrix => {
      const placed = { ...m, storage: all.storage, offset };
      offset += m.cols;
      return placed;
    };
    const placedInputs = mapValues(inputs, (value) => isMatrix(value) ? place(value) : value);
    const placedOutputs = mapValues(outputs, place);
    for (const name in inputs) copy(placedInputs[name], inputs[name]);
    run(formula, placedInputs, placedOutputs);
    for (const name in outputs) copy(outputs[name], placedOutputs[name]);
  }

  function copy(to: Scalar, from: Scalar): void {
    if (!isMatrix(to) || !isMatrix(from) || to.cols === 0) return;
    const [start, end] = [from.offset * BYTES, to.offset * BYTES];
    machine.stream.copy(bufferOf(from), start, bufferOf(to), end, to.cols * BYTES);
  }

  return {
    evaluate(formula: Formula, inputs: Named<Scalar>, outputs: Named<Matrix>) {
      if (run(formula, inputs, outputs)) return;
      machine.scope(() => runPacked(formula, inputs, outputs));
    },
  };
}

/** Kernels by formula and by which of its matrices share a buffer; equal texts are one kernel. */
class Compiled {
  readonly #byFormula = new WeakMap<Formula, Map<string, AnyShader>>();
  readonly #byText = new Map<string, AnyShader>();

  shaderOf(formula: Formula, places: Places): AnyShader {
    const byPlaces = this.#byFormula.get(formula) ?? new Map<string, AnyShader>();
    this.#byFormula.set(formula, byPlaces);
    const key = [places.inputs, places.outputs]
      .flatMap((named) => Object.values<number | undefined>(named)).join();
    let shader = byPlaces.get(key);
    if (shader === undefined) {
      const written = formulaShader(`formula${this.#byText.size}`, formula, places);
      shader = this.#byText.get(written.source) ?? written;
      this.#byText.set(written.source, shader);
      byPlaces.set(key, shader);
    }
    return shader;
  }
}

function bindingsOf(formula: Formula, inputs: Named<Scalar>, outputs: Named<Matrix>): Bindings {
  const numbers = new Map<unknown, number>();
  const buffers: Matrix[] = [];
  const bindingOf = ({ storage }: Matrix): number => {
    const buffer = bufferOf({ storage } as Matrix);
    let binding = numbers.get(buffer);
    if (binding === undefined) {
      numbers.set(buffer, binding = buffers.length);
      const { length } = storage;
      buffers.push({ storage, offset: 0, rows: 1, cols: length, stride: length });
    }
    return binding;
  };
  // In the formula's order, whatever order the call names them in.
  const placesOf = <T extends Scalar, P>(names: object, given: Named<T>, place: (x: T) => P) =>
    Object.fromEntries(Object.keys(names).map((name) => [name, place(given[name])]));
  const placedOutputs = placesOf(formula.outputs, outputs, bindingOf);
  const count = buffers.length;
  const placedInputs = placesOf(formula.inputs, inputs, (value: Scalar) => {
    return isMatrix(value) ? bindingOf(value) : undefined;
  });
  const written = buffers.map((_, i) => i < count);
  return { places: { inputs: placedInputs, outputs: placedOutputs, written }, buffers };
}

function isMatrix(value: Scalar): value is Matrix {
  return typeof value !== "number";
}

function mapValues<T, R>(named: Named<T>, map: (value: T) => R): Named<R> {
  return Object.fromEntries(Object.entries(named).map(([name, value]) => [name, map(value)]));
}
