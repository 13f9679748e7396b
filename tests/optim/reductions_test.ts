import assert from "#assert";
import { adam, ekfac, sgd, tekfac } from "@tekfac/tekfac/optim";
import {
  gradientsOf,
  makeBatch,
  problemOf,
  referenceBackend,
  smallModel,
  weightsOf,
} from "./problem.ts";

const STEPS = 8;

/** Largest difference, relative to the largest entry. */
function distance(actual: readonly number[], expected: readonly number[]): number {
  const scale = Math.max(...expected.map(Math.abs));
  return Math.max(...actual.map((value, i) => Math.abs(value - expected[i]))) / scale;
}

/** Rounding of a few dozen operations per step in float64. */
const TOLERANCE = STEPS * 64 * Number.EPSILON;

for (const nesterov of [false, true]) {
  Deno.test(`sgd() with ${nesterov ? "Nesterov" : "heavy-ball"} momentum equals its textbook recursion`, () => {
    using backend = referenceBackend();
    using model = smallModel(backend);
    using optimizer = sgd(problemOf(model), {
      learningRate: 0.2,
      momentum: { on: "update", value: 0.8, nesterov },
    });
    const expected = weightsOf(model);
    const velocity = expected.map(() => 0);
    for (let step = 0; step < STEPS; step++) {
      optimizer.stepSync(makeBatch(16, step));
      gradientsOf(model).forEach((g, i) => {
        velocity[i] = 0.8 * velocity[i] + g;
        expected[i] -= 0.2 * (nesterov ? g + 0.8 * velocity[i] : velocity[i]);
      });
      assert(distance(weightsOf(model), expected) <= TOLERANCE);
    }
  });
}

Deno.test("adam() equals Kingma & Ba's algorithm 1", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  using optimizer = adam(problemOf(model), { learningRate: 0.05, beta1: 0.8, beta2: 0.9 });
  const expected = weightsOf(model);
  const m = expected.map(() => 0), v = expected.map(() => 0);
  for (let step = 1; step <= STEPS; step++) {
    optimizer.stepSync(makeBatch(16, step));
    gradientsOf(model).forEach((g, i) => {
      m[i] = 0.8 * m[i] + 0.2 * g;
      v[i] = 0.9 * v[i] + 0.1 * g * g;
      expected[i] -= 0.05 * (m[i] / (1 - 0.8 ** step)) /
        (Math.sqrt(v[i] / (1 - 0.9 ** step)) + 1e-8);
    });
    assert(distance(weightsOf(model), expected) <= TOLERANCE);
  }
});

Deno.test("adam() with decoupled decay equals AdamW", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  using optimizer = adam(problemOf(model), {
    learningRate: 0.05,
    weightDecay: { kind: "decoupled", value: 0.1, include: () => true },
  });
  const expected = weightsOf(model);
  const m = expected.map(() => 0), v = expected.map(() => 0);
  for (let step = 1; step <= STEPS; step++) {
    optimizer.stepSync(makeBatch(16, step));
    gradientsOf(model).forEach((g, i) => {
      expected[i] *= 1 - 0.05 * 0.1;
      m[i] = 0.9 * m[i] + 0.1 * g;
      v[i] = 0.999 * v[i] + 0.001 * g * g;
      expected[i] -= 0.05 * (m[i] / (1 - 0.9 ** step)) /
        (Math.sqrt(v[i] / (1 - 0.999 ** step)) + 1e-8);
    });
    assert(distance(weightsOf(model), expected) <= TOLERANCE);
  }
});

for (const create of [tekfac, ekfac]) {
  Deno.test(`${create.name}() with overwhelming damping is SGD with a learning rate over lambda`, () => {
    const lambda = 1e9;
    using backend = referenceBackend();
    using curved = smallModel(backend);
    using plain = smallModel(backend);
    const momentum = { on: "update", value: 0.9 } as const;
    using optimizer = create(problemOf(curved), {
      damping: { kind: "absolute", lambda },
      learningRate: 0.1 * lambda,
      klClip: false,
      weightDecay: false,
      momentum,
    });
    using descent = sgd(problemOf(plain), { learningRate: 0.1, momentum });
    for (let step = 0; step < STEPS; step++) {
      optimizer.stepSync(makeBatch(16, step));
      descent.stepSync(makeBatch(16, step));
    }
    // Theta / lambda is what the division neglects; Theta is of order 1 to 10 here.
    assert(distance(weightsOf(curved), weightsOf(plain)) <= 100 / lambda + TOLERANCE);
  });
}

Deno.test("tekfac() on diagonal blocks with exponent 1 divides by E[G_n^2] + lambda", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  using optimizer = tekfac(problemOf(model), {
    preset: "paper",
    damping: { kind: "absolute", lambda: 0.1 },
    learningRate: 0.3,
    blocks: () => "diagonal",
  });
  const before = weightsOf(model);
  const batch = makeBatch(1, 3);
  optimizer.stepSync(batch);
  // With one example the mean of the squares is the square of the mean.
  const expected = gradientsOf(model).map((g, i) => before[i] - 0.3 * g / (g * g + 0.1));
  assert(distance(weightsOf(model), expected) <= TOLERANCE);
});
