import assert from "#assert";
import { cosine, NumericalError, OptionError } from "@tekfac/tekfac/core";
import {
  adam,
  ekfac,
  kfac,
  type KroneckerOptions,
  type Objective,
  type Optimizer,
  sgd,
  soap,
  tekfac,
  tkfac,
  type WeightDecay,
} from "@tekfac/tekfac/optim";
import { allClose } from "@tekfac/tekfac/testing";
import { batchNorm2d, flatten, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
import {
  type Batch,
  makeBatch,
  problemOf,
  referenceBackend,
  sliceOf,
  smallModel,
  weightsOf,
} from "./problem.ts";

type Create = (objective: Objective<Batch>, options?: KroneckerOptions) => Optimizer<Batch>;
const kronecker: Record<string, Create> = {
  kfac,
  "kfac with exact damping": (o, options) => kfac(o, { ...options, split: "exact" }),
  tkfac,
  "tkfac with exact damping": (o, options) => tkfac(o, { ...options, split: "exact" }),
  ekfac,
  "ekfac with running averages": (o, options) =>
    ekfac(o, { ...options, eigenvaluesFrom: "runningAverage" }),
  tekfac,
  "tekfac with diagonal blocks": (o, options) =>
    tekfac(o, { ...options, blocks: () => "diagonal" }),
};

function largestDifference(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, i) => Math.abs(value - b[i])));
}

for (const [name, create] of Object.entries(kronecker)) {
  for (const kind of ["empirical", "monteCarlo"] as const) {
    Deno.test(`stepSync() of ${name}, ${kind} Fisher: micro-batches equal one batch`, () => {
      using backend = referenceBackend();
      using whole = smallModel(backend), parts = smallModel(backend);
      using a = create(problemOf(whole), { preset: "paper", fisher: { kind } });
      using b = create(problemOf(parts), { preset: "paper", fisher: { kind } });
      for (let step = 0; step < 4; step++) {
        const batch = makeBatch(20, step);
        const one = a.stepSync(batch);
        const three = b.stepSync(
          sliceOf(batch, 0, 9),
          sliceOf(batch, 9, 10),
          sliceOf(batch, 10, 20),
        );
        assert.equal(three.examples, 20);
        assert(Math.abs(one.loss - three.loss) <= 1e-12 * one.loss);
      }
      // Sums in another order, amplified by 1/(tau mean eigenvalue) at most.
      assert(largestDifference(weightsOf(whole), weightsOf(parts)) <= 1e-10);
    });
  }

  Deno.test(`stepSync() of ${name} lowers the loss with its defaults`, () => {
    using backend = referenceBackend();
    using model = smallModel(backend);
    using optimizer = create(problemOf(model));
    const batch = makeBatch(64, 0);
    const first = optimizer.stepSync(batch).loss;
    for (let step = 0; step < 60; step++) optimizer.stepSync(batch);
    assert(optimizer.stepSync(batch).loss < 0.5 * first);
  });
}

const everyOptimizer: Record<string, Create> = {
  ...kronecker,
  sgd,
  adam: adam as Create,
  soap: soap as Create,
};

for (const [name, create] of Object.entries(everyOptimizer)) {
  Deno.test(`stepSync() of ${name} throws before anything is touched when the loss is not finite`, () => {
    using backend = referenceBackend();
    using model = smallModel(backend);
    using optimizer = create(problemOf(model));
    optimizer.stepSync(makeBatch(8, 0));
    const weights = weightsOf(model);
    const state = Object.values(optimizer.preconditioner.state).map((m) => backend.readSync(m));
    const huge = makeBatch(8, 1);
    const last = model.parameters[1];
    const good = backend.readSync(last.value);
    backend.write(last.value, good.map(() => Infinity));
    assert.throws(
      () => optimizer.stepSync(huge),
      (error: unknown) =>
        error instanceof NumericalError && error.quantity === "loss" && error.step === 1 &&
        /not finite .* parameters are unchanged\. Try/.test(error.message),
    );
    backend.write(last.value, good);
    assert.deepEqual(weightsOf(model), weights);
    assert.deepEqual(
      Object.values(optimizer.preconditioner.state).map((m) => backend.readSync(m)),
      state,
    );
    assert.equal(optimizer.stepCount, 1);
    optimizer.stepSync(makeBatch(8, 1));
  });
}

Deno.test("klClip: sum of lr^2 nu^2 <U, G> is kl where it binds, nu is 1 where it does not", () => {
  using backend = referenceBackend();
  for (const [kl, binds] of [[1e-6, true], [1e6, false]] as const) {
    using model = smallModel(backend);
    using optimizer = tekfac(problemOf(model), {
      preset: "paper",
      klClip: { kind: "fixed", kl },
      learningRate: 0.5,
    });
    const { clipFactor, innerProduct } = optimizer.stepSync(makeBatch(16, 0));
    assert.equal(clipFactor < 1, binds);
    if (binds) assert(Math.abs(0.25 * clipFactor ** 2 * innerProduct / kl - 1) < 1e-12);
  }
});

Deno.test("klClip: relative to the loss, the bound is kappa times the mean loss", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  using optimizer = tekfac(problemOf(model), { klClip: { kind: "lossRelative", kappa: 1e-5 } });
  const { clipFactor, innerProduct, loss } = optimizer.stepSync(makeBatch(16, 0));
  assert(Math.abs(clipFactor ** 2 * innerProduct / (1e-5 * loss) - 1) < 1e-12);
});

Deno.test("annealing scales the step where the clip binds, the learning rate does not", () => {
  using backend = referenceBackend();
  const moved = (options: KroneckerOptions): number => {
    using model = smallModel(backend);
    using optimizer = tekfac(problemOf(model), {
      ...options,
      klClip: { kind: "fixed", kl: 1e-6 },
      weightDecay: false,
    });
    const before = weightsOf(model);
    optimizer.stepSync(makeBatch(16, 0));
    return largestDifference(weightsOf(model), before);
  };
  const base = moved({});
  assert(Math.abs(moved({ learningRate: 0.5 }) / base - 1) < 1e-12);
  assert(Math.abs(moved({ annealing: cosine(100, 0.5) }) / base - 1) < 1e-12);
  assert(Math.abs(moved({ annealing: () => 0.25 }) / base - 0.25) < 1e-9);
});

Deno.test("weightDecay leaves biases alone unless they are included", () => {
  using backend = referenceBackend();
  for (const kind of ["l2", "decoupled"] as const) {
    for (const biases of [false, true]) {
      using model = smallModel(backend), plain = smallModel(backend);
      for (const { parameters } of [model, plain]) {
        for (const { value } of parameters) {
          backend.write(value, new Float64Array(value.rows * value.cols).fill(0.5));
        }
      }
      using optimizer = sgd(problemOf(model), {
        learningRate: 0.1,
        weightDecay: { kind, value: 0.2, ...(biases ? { include: () => true } : {}) },
      });
      using without = sgd(problemOf(plain), { learningRate: 0.1 });
      optimizer.stepSync(makeBatch(8, 0));
      without.stepSync(makeBatch(8, 0));
      const difference = weightsOf(plain).map((w, i) => w - weightsOf(model)[i]);
      const bias = (i: number): boolean => i < 25 ? i % 5 === 4 : (i - 25) % 6 === 5;
      difference.forEach((d, i) => {
        const expected = bias(i) && !biases ? 0 : 0.1 * 0.2 * 0.5;
        assert(Math.abs(d - expected) < 1e-14, `entry ${i}: ${d}, expected ${expected}`);
      });
    }
  }
});

Deno.test("weightDecay with a batch takes as much in an epoch of larger steps, up to four times it", () => {
  using backend = referenceBackend();
  for (const kind of ["l2", "decoupled"] as const) {
    for (const [examples, times] of [[4, 1], [8, 1], [12, 1.5], [32, 4], [40, 4]]) {
      using model = smallModel(backend), plain = smallModel(backend);
      const before = weightsOf(model);
      const weightDecay = { kind, value: 0.2, batch: 8, include: () => true };
      using optimizer = sgd(problemOf(model), { learningRate: 0.1, weightDecay });
      using without = sgd(problemOf(plain), { learningRate: 0.1 });
      optimizer.stepSync(makeBatch(examples, 0));
      without.stepSync(makeBatch(examples, 0));
      const taken = weightsOf(plain).map((w, i) => w - weightsOf(model)[i]);
      const expected = before.map((w) => times * 0.1 * 0.2 * w);
      allClose(taken, expected, { absolute: 1e-14, label: `${kind}, ${examples}` });
    }
  }
});

Deno.test("weightDecay leaves normalisations alone unless they are included", () => {
  using backend = referenceBackend();
  const shrunk = (include?: WeightDecay["include"]): number[] => {
    using model = sequential(backend, { input: [2, 2, 2], layers: [batchNorm2d(), flatten()] });
    backend.write(model.parameters[0].value, [3, 3, /**/ 5, 5]);
    const decay = { kind: "decoupled", value: 0.5, ...(include ? { include } : {}) } as const;
    using optimizer = sgd(objective(model, squaredError()), {
      learningRate: 1,
      weightDecay: decay,
    });
    // Equal inputs have no xhat, and targets at the shifts no gradient.
    optimizer.stepSync({ inputs: new Float64Array(16), targets: new Float64Array(16).fill(5) });
    return [...backend.readSync(model.parameters[0].value)];
  };
  assert.deepEqual(shrunk(), [3, 3, 5, 5]);
  assert.deepEqual(shrunk((_, part) => part === "weights"), [1.5, 1.5, 5, 5]);
  assert.deepEqual(shrunk((_, part) => part === "bias"), [3, 3, 2.5, 2.5]);
  assert.deepEqual(shrunk(() => true), [1.5, 1.5, 2.5, 2.5]);
});

Deno.test("momentum on the gradient: the first step's corrected average is the gradient", () => {
  using backend = referenceBackend();
  using a = smallModel(backend), b = smallModel(backend);
  using averaged = tekfac(problemOf(a), { momentum: { on: "gradient", value: 0.9 } });
  using plain = tekfac(problemOf(b), { momentum: false });
  averaged.stepSync(makeBatch(16, 0));
  plain.stepSync(makeBatch(16, 0));
  assert(largestDifference(weightsOf(a), weightsOf(b)) < 1e-14);
});

Deno.test("step() returns a handle whose report is that of stepSync()", async () => {
  using backend = referenceBackend();
  using a = smallModel(backend), b = smallModel(backend);
  using one = tekfac(problemOf(a)), other = tekfac(problemOf(b));
  const { milliseconds: _, ...report } = await one.step(makeBatch(8, 0)).report();
  const { milliseconds: __, ...expected } = other.stepSync(makeBatch(8, 0));
  assert.deepEqual(report, expected);
});

Deno.test("every optimizer gives all its memory back", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  const { handles } = backend.memory();
  for (const create of Object.values(everyOptimizer)) {
    const optimizer = create(problemOf(model));
    optimizer.stepSync(makeBatch(8, 0));
    optimizer[Symbol.dispose]();
    optimizer[Symbol.dispose]();
    assert.equal(backend.memory().handles, handles);
    assert.throws(() => optimizer.stepSync(makeBatch(8, 0)), /disposed/);
  }
});

Deno.test("optimizers reject unknown options and impossible values, naming them", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  const problem = problemOf(model);
  // deno-lint-ignore no-explicit-any
  const bad = (options: any, message: RegExp, create: any = tekfac): void => {
    const { handles } = backend.memory();
    assert.throws(
      () => create(problem, options),
      (error: unknown) => error instanceof OptionError && message.test(error.message),
    );
    assert.equal(backend.memory().handles, handles, "a rejected option must not leak");
  };
  bad({ dampng: 1 }, /'dampng' is not an option, did you mean 'damping'\?/);
  bad(
    { damping: { kind: "absolute", lambda: -1 } },
    /'damping.lambda' must be a finite number > 0: received -1/,
  );
  bad({ damping: { kind: "absolut", lambda: 1 } }, /did you mean 'absolute'/);
  bad({ damping: { kind: "relative", lambda: 1 } }, /'damping.lambda' is not an option/);
  bad(
    { momentum: { on: "gradient", value: 1 } },
    /'momentum.value' must be a finite number >= 0 and < 1/,
  );
  bad(
    { momentum: { on: "gradient", value: 0.9, nesterov: true } },
    /'momentum.nesterov' is not an option/,
  );
  bad({ intervals: { basis: 2.5 } }, /'intervals.basis' must be an integer >= 1/);
  bad({ factorDecay: 1 }, /'factorDecay'/);
  bad({ fisher: { kind: "exact" } }, /'fisher.kind' must be one of/);
  bad({ exponent: 0 }, /'exponent'/);
  bad({ blocks: () => "none" }, /every parameter is claimed/);
  bad({ beta1: 2 }, /'beta1'/, adam);
  bad({ momentum: false }, /'momentum' is not an option/, adam);
  bad({ learningRate: NaN }, /'learningRate' must be a finite number >= 0: received NaN/, sgd);
  bad({ split: "exactly" }, /did you mean 'exact'/, kfac);
});

Deno.test("describe() is an aligned table of every layer with its bytes and the plan", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  using optimizer = tekfac(problemOf(model));
  const lines = optimizer.describe().split("\n");
  assert.equal(lines.length, 6);
  assert.match(lines[2], /dense1 .*\[5, 5\] .*tekfac .*5 x 5, 5 x 5/);
  assert.match(
    lines[5],
    /statistics every 2 steps, bases every 10 steps.*dense start/,
  );
});
