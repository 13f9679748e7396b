/**
 * What the tests of `analysis` share: small models with every kind of layer, in float64, and gradients of single
 * examples that the analysis has no part in.
 */
import { type Backend, CheckedBackend, createReferenceKernels } from "@tekfac/tekfac/backend";
import { Random } from "@tekfac/tekfac/core";
import {
  type BatchLike,
  batchNorm2d,
  conv2d,
  dense,
  dropout,
  embedding,
  flatten,
  gelu,
  layerNorm,
  type LayerSpec,
  meanPositions,
  type ModelObjective,
  objective,
  sequential,
  softmaxCrossEntropy,
  squaredError,
  tanh,
} from "@tekfac/tekfac/nn";

/** A model and examples that fit it. */
export interface Problem extends Disposable {
  readonly goal: ModelObjective;
  /** Numbers of an example's inputs, and of its targets. */
  readonly sizes: readonly [inputs: number, targets: number];
  /** `count` examples, the same for equal seeds. */
  examples(count: number, seed: number): BatchLike;
}

interface Kind {
  readonly input: readonly [number] | readonly [number, number, number];
  readonly layers: () => LayerSpec[];
  readonly loss: () => Parameters<typeof objective>[1];
  /** Draws one example's inputs and targets. */
  readonly draw: (random: Random) => readonly [inputs: number[], targets: number[]];
}

const normals = (random: Random, n: number) => Array.from({ length: n }, () => random.normal());

const KINDS = {
  dense: {
    input: [4],
    layers: () => [dense(5), tanh(), dropout(0.4), dense(3)],
    loss: softmaxCrossEntropy,
    draw: (random) => [normals(random, 4), [random.integer(3)]],
  },
  conv2d: {
    input: [4, 3, 2],
    layers: () => [conv2d(3, { kernel: 2 }), gelu(), flatten(), dense(3)],
    loss: softmaxCrossEntropy,
    draw: (random) => [normals(random, 24), [random.integer(3)]],
  },
  // More channels than locations.
  wide: {
    input: [3, 2, 1],
    layers: () => [conv2d(5, { kernel: 2 }), gelu(), flatten(), dense(2)],
    loss: softmaxCrossEntropy,
    draw: (random) => [normals(random, 6), [random.integer(2)]],
  },
  grouped: {
    input: [4, 3, 2],
    layers: () => [conv2d(4, { kernel: 2, groups: 2 }), gelu(), flatten(), dense(2)],
    loss: softmaxCrossEntropy,
    draw: (random) => [normals(random, 24), [random.integer(2)]],
  },
  batchNorm: {
    input: [4, 3, 2],
    layers: () => [conv2d(3, { kernel: 2 }), batchNorm2d(), gelu(), flatten(), dense(2)],
    loss: squaredError,
    draw: (random) => [normals(random, 24), normals(random, 2)],
  },
  tokens: {
    input: [4],
    layers: () => [
      embedding({ vocabulary: 5, width: 4, positions: 4 }),
      layerNorm(),
      dense(3),
      gelu(),
      meanPositions(),
      dense(2),
    ],
    loss: softmaxCrossEntropy,
    draw: (random) => [Array.from({ length: 4 }, () => random.integer(5)), [random.integer(2)]],
  },
} satisfies Record<string, Kind>;

/** Names of the problems. */
export const PROBLEMS = Object.keys(KINDS) as (keyof typeof KINDS)[];

/** A backend in float64. */
export function createReference(): Backend {
  return new CheckedBackend(createReferenceKernels(), []);
}

/** A model of a kind; the caller disposes it. */
export function problemOf(backend: Backend, name: keyof typeof KINDS): Problem {
  const { input, layers, loss, draw }: Kind = KINDS[name];
  const model = sequential(backend, {
    input: input as readonly [number],
    layers: layers(),
    seed: 3,
  });
  for (const { layer, value } of model.parameters) {
    // Normalised behind the table, numbers near 0 would have derivatives too steep for differences.
    if (layer.kind === "embedding") backend.axpby(value, 30, value, 0);
  }
  const [inputs, targets] = draw(new Random(1));
  return {
    goal: objective(model, loss()),
    sizes: [inputs.length, targets.length],
    examples(count, seed) {
      const random = new Random(seed);
      const drawn = Array.from({ length: count }, () => draw(random));
      return {
        inputs: drawn.flatMap(([inputs]) => inputs),
        targets: drawn.flatMap(([, targets]) => targets),
      };
    },
    [Symbol.dispose]: () => model[Symbol.dispose](),
  };
}

/** Example `n` of a batch. */
export function exampleOf(
  { inputs, targets }: BatchLike,
  n: number,
  [i, t]: readonly [number, number],
): BatchLike {
  return {
    inputs: Array.prototype.slice.call(inputs, n * i, (n + 1) * i),
    targets: Array.prototype.slice.call(targets, n * t, (n + 1) * t),
  };
}

/**
 * The gradient of one example's loss with respect to each parameter, by differences of the loss of the model that
 * predicts, of fourth order: both the formula's error and that of rounding are of the order of the step's fourth power.
 */
export function gradientsOf({ goal }: Problem, example: BatchLike): Float64Array[] {
  const { backend, parameters } = goal;
  const step = Number.EPSILON ** (1 / 5);
  return parameters.map(({ value }) => {
    const weights = Float64Array.from(backend.readSync(value));
    const at = (index: number, change: number): number => {
      const moved = weights.slice();
      moved[index] += change;
      backend.write(value, moved);
      return goal.evaluateSync(example).loss;
    };
    const gradient = weights.map((_, i) => {
      const [near, far] = [1, 2].map((k) => at(i, k * step) - at(i, -k * step));
      return (8 * near - far) / (12 * step);
    });
    backend.write(value, weights);
    return gradient;
  });
}
