import assert from "#assert";
import { Random } from "@tekfac/tekfac/core";
import { createBackend } from "@tekfac/tekfac/backend";
import {
  dense,
  type ModelObjective,
  objective,
  readWeightsSync,
  type Sequential,
  sequential,
  softmaxCrossEntropy,
  tanh,
  writeWeights,
} from "@tekfac/tekfac/nn";
import {
  ekfac,
  type KroneckerOptions,
  loadState,
  type Optimizer,
  saveState,
  tekfac,
} from "@tekfac/tekfac/optim";
import type { Backend } from "@tekfac/tekfac/backend";
import { referenceBackend } from "./problem.ts";

const FEATURES = 63, HIDDEN = 70, CLASSES = 5;

function model(backend: Backend): Sequential {
  const layers = [dense(HIDDEN), tanh(), dense(CLASSES)];
  return sequential(backend, { input: [FEATURES], layers, seed: 3 });
}

function batch(
  examples: number,
  seed: number,
): { inputs: Float64Array; targets: number[]; examples: number } {
  const random = new Random(seed);
  return {
    inputs: Float64Array.from({ length: examples * FEATURES }, () => random.normal()),
    targets: Array.from({ length: examples }, () => random.integer(CLASSES)),
    examples,
  };
}

const create = {
  tekfac,
  ekfac,
  "ekfac with running averages": <B>(
    o: Parameters<typeof ekfac<B>>[0],
    options: KroneckerOptions,
  ) => ekfac(o, { ...options, eigenvaluesFrom: "runningAverage" }),
};
const variants: Record<string, KroneckerOptions> = {
  "the defaults": {},
  "momentum on the update, L2 decay": {
    momentum: { on: "update", value: 0.9, nesterov: true },
    weightDecay: { kind: "l2", value: 0.1 },
    learningRate: 0.1,
  },
  "decoupled decay of biases, Monte-Carlo Fisher": {
    weightDecay: { kind: "decoupled", value: 0.1, include: (_, part) => part === "bias" },
    fisher: { kind: "monteCarlo" },
  },
  "decoupled decay of everything": {
    weightDecay: { kind: "decoupled", value: 0.1, include: () => true },
  },
};

function weights({ backend, parameters }: Sequential): number[] {
  return parameters.flatMap((parameter) => [...readWeightsSync(backend, parameter)]);
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, i) => Math.abs(value - b[i])));
}

for (const [method, make] of Object.entries(create)) {
  for (const [name, options] of Object.entries(variants)) {
    Deno.test(`${method}() with weights in the eigenbasis takes the same steps: ${name}`, () => {
      using backend = referenceBackend();
      using inBasis = model(backend), usual = model(backend);
      using a = make(objective(inBasis, softmaxCrossEntropy()), options) as Optimizer<
        ReturnType<typeof batch>
      >;
      using b = make(objective(usual, softmaxCrossEntropy()), {
        ...options,
        eigenbasisWeights: "never",
      } as KroneckerOptions) as Optimizer<ReturnType<typeof batch>>;
      let framed = 0;
      for (let step = 0; step < 12; step++) {
        const data = batch(step === 5 ? 200 : 20, step);
        const one = a.stepSync(data), other = b.stepSync(data);
        framed += inBasis.parameters[0].frame === undefined ? 0 : 1;
        assert(Math.abs(one.loss - other.loss) <= 1e-9 * other.loss);
        assert(Math.abs(one.clipFactor - other.clipFactor) <= 1e-8);
        assert(Math.abs(one.gradientNorm - other.gradientNorm) <= 1e-8 * other.gradientNorm);
      }
      assert.equal(framed, 11, "all steps but the one with the large batch must leave a frame");
      assert.equal(usual.parameters[0].frame, undefined);
      assert(largestDifference(weights(inBasis), weights(usual)) <= 1e-8);
    });
  }
}

function problem(m: Sequential): ModelObjective {
  return objective(m, softmaxCrossEntropy());
}

Deno.test("dispose() of an optimizer moves the weights back to their usual coordinates", () => {
  using backend = referenceBackend();
  using m = model(backend);
  const optimizer = tekfac(problem(m));
  optimizer.stepSync(batch(10, 0));
  assert(m.parameters[0].frame !== undefined);
  const before = weights(m);
  optimizer[Symbol.dispose]();
  assert.equal(m.parameters[0].frame, undefined);
  assert(largestDifference(weights(m), before) <= 64 * HIDDEN * Number.EPSILON);
});

Deno.test("saveState() inside a frame: the resumed run equals the one that was saved, bit for bit", async () => {
  using backend = await createBackend();
  using straight = model(backend), resumed = model(backend);
  using a = tekfac(problem(straight));
  for (let step = 0; step < 6; step++) a.stepSync(batch(10, step));
  assert(straight.parameters[0].frame !== undefined);
  const bytes = await saveState(a);
  using b = tekfac(problem(resumed));
  b.stepSync(batch(10, 77));
  loadState(b, bytes);
  for (let step = 6; step < 15; step++) {
    a.stepSync(batch(10, step));
    b.stepSync(batch(10, step));
  }
  assert.deepEqual(weights(resumed), weights(straight));
});

Deno.test("writeWeights() and readWeights() do not depend on the frame", () => {
  using backend = referenceBackend();
  using m = model(backend);
  using optimizer = tekfac(problem(m));
  optimizer.stepSync(batch(10, 0));
  const [parameter] = m.parameters;
  assert(parameter.frame !== undefined);
  const numbers = Float64Array.from({ length: HIDDEN * (FEATURES + 1) }, (_, i) => Math.sin(i));
  writeWeights(backend, parameter, numbers);
  const read = readWeightsSync(backend, parameter);
  assert(largestDifference([...read], [...numbers]) <= 64 * HIDDEN * Number.EPSILON);
});

Deno.test("a second optimizer on framed weights is refused", () => {
  using backend = referenceBackend();
  using m = model(backend);
  using first = tekfac(problem(m));
  first.stepSync(batch(10, 0));
  using second = tekfac(problem(m));
  assert.throws(() => second.stepSync(batch(10, 0)), /another optimizer keeps its weights/);
});
