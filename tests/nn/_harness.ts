/**
 * What the tests of `nn` share: a float64 backend whose memory is checked, inputs without ties, and
 * derivatives by central differences.
 */

import assert from "#assert";
import { type Backend, CheckedBackend, createReferenceKernels } from "@tekfac/tekfac/backend";
import { type Matrix, type Parameter, Random } from "@tekfac/tekfac/core";
import { type ExampleShape, type LayerSpec, sequential } from "@tekfac/tekfac/nn";

/** A backend in float64, which finite differences need. */
export function createReference(): Backend {
  return new CheckedBackend(createReferenceKernels(), []);
}

/** Runs a test on the float64 backend and checks that it gives back all that it has taken. */
export async function onReference(
  body: (backend: Backend) => void | Promise<void>,
): Promise<void> {
  using backend = createReference();
  await body(backend);
  const { handles, liveBytes } = backend.memory();
  assert.deepEqual({ handles, liveBytes }, { handles: 0, liveBytes: 0 });
}

/** `count` numbers in (-1, 1) in random order, no two closer than 1/count, none within 1/(4 count) of 0. */
export function spaced(random: Random, count: number): Float64Array {
  return Float64Array.from(random.permutation(count), (i) => (2 * i - count + 0.75) / count);
}

/** `count` standard normal numbers. */
export function normal(random: Random, count: number): Float64Array {
  return Float64Array.from({ length: count }, () => random.normal());
}

/** The step that balances the error of the formula, h^2, with that of rounding, epsilon / h. */
const STEP = Math.cbrt(Number.EPSILON);

/**
 * Allowance of a central difference, relative to the scale of the function: both errors are of the
 * order h^2; 100 covers third derivatives and the accumulated rounding of the sums.
 */
const DIFFERENCE_ERROR = 100 * STEP * STEP;

/**
 * Checks a gradient against `(f(x + h e_i) - f(x - h e_i)) / 2h` for every i.
 *
 * @param what Of what it is the gradient, for the message.
 * @param gradient What the library says.
 * @param at The point.
 * @param f The function; must not keep its argument.
 */
export function checkGradient(
  what: string,
  gradient: ArrayLike<number>,
  at: ArrayLike<number>,
  f: (x: Float64Array) => number,
): void {
  assert.equal(gradient.length, at.length, what);
  const x = Float64Array.from(at);
  const scale = Math.max(1, Math.abs(f(x)), ...Array.from(gradient, Math.abs));
  for (let i = 0; i < x.length; i++) {
    const middle = x[i];
    x[i] = middle + STEP;
    const above = f(x);
    x[i] = middle - STEP;
    const below = f(x);
    x[i] = middle;
    const difference = (above - below) / (2 * STEP);
    const error = Math.abs(gradient[i] - difference);
    assert.ok(
      error <= DIFFERENCE_ERROR * scale,
      `${what}, entry ${i}: gradient ${gradient[i]}, difference ${difference}, ` +
        `error ${error}, allowed ${DIFFERENCE_ERROR * scale}`,
    );
  }
}

/** Checks the gradient that a parameter holds, for a function of the whole model. */
export function checkParameterGradient(
  backend: Backend,
  parameter: Parameter,
  f: () => number,
): void {
  const value = backend.readSync(parameter.value);
  const gradient = backend.readSync(parameter.gradient);
  checkGradient(parameter.name, gradient, value, (weights) => {
    backend.write(parameter.value, weights);
    return f();
  });
  backend.write(parameter.value, value);
}

/** A scratch matrix that holds the given numbers. */
export function scratchOf(
  backend: Backend,
  rows: number,
  cols: number,
  data: ArrayLike<number>,
): Matrix {
  const matrix = backend.scratch(rows, cols);
  backend.write(matrix, data);
  return matrix;
}

/** Layers, and the batch that they are tried on. */
export interface Case {
  readonly input: ExampleShape;
  readonly layers: readonly LayerSpec[];
  readonly examples: number;
  readonly seed: number;
}

const numbers = (shape: ExampleShape) => shape.reduce((product, size) => product * size, 1);

/**
 * Gradients of the linear functional `sum c o outputs`, with random c, with respect to the inputs and
 * all parameters.
 */
export function checkLayers(backend: Backend, { input, layers, examples, seed }: Case): void {
  using model = sequential(backend, { input, layers, seed });
  const random = new Random(seed);
  const x = spaced(random, examples * numbers(input));
  const c = normal(random, examples * numbers(model.output));
  const channels = input.at(-1)!;
  const load = (data: ArrayLike<number>) =>
    scratchOf(backend, data.length / channels, channels, data);
  const training = { kind: "training", draw: 5 } as const;
  const outputsAt = (inputs: Float64Array) =>
    backend.scope(() => backend.readSync(model.forward(load(inputs), examples, training)));
  const functional = (inputs: Float64Array) => {
    const outputs = outputsAt(inputs);
    return c.reduce((sum, factor, i) => sum + factor * outputs[i], 0);
  };

  const inputGradient = backend.scope(() => {
    const z = model.forward(load(x), examples, training);
    const g = scratchOf(backend, z.rows, z.cols, c);
    const pass = { kind: "gradient", scale: 1, decay: 0 } as const;
    return backend.readSync(model.backward(g, pass, true)!);
  });
  checkGradient("inputs", inputGradient, x, functional);
  for (const parameter of model.parameters) {
    checkParameterGradient(backend, parameter, () => functional(x));
  }
}
