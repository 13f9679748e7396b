/**
 * A step that throws has never been. At some calls of a backend's verbs, drawn with a seed; at every one of them with
 * `deno test -A tests/optim/refused_step_test.ts -- --every-call`.
 */

import assert from "#assert";
import { BackendError, NumericalError, OptionError, Random } from "@tekfac/tekfac/core";
import {
  type Backend,
  CheckedBackend,
  createWasmKernels,
  EighStatus,
} from "@tekfac/tekfac/backend";
import {
  batchNorm2d,
  conv2d,
  dense,
  dropout,
  embedding,
  flatten,
  layerNorm,
  type LayerSpec,
  meanPositions,
  type ModelObjective,
  objective,
  relu,
  sequential,
  softmaxCrossEntropy,
  tanh,
} from "@tekfac/tekfac/nn";
import {
  adam,
  ekfac,
  exponentialAverage,
  kfac,
  muon,
  type Objective,
  type Optimizer,
  scheduleFree,
  sgd,
  soap,
  tekfac,
  tkfac,
} from "@tekfac/tekfac/optim";
import { wholeStateOf } from "./whole_state.ts";

interface Batch {
  readonly inputs: Float32Array;
  readonly targets: Uint8Array;
}
type Create = (objective: Objective<Batch>) => Optimizer<Batch>;

const often = { intervals: 1, dampingAdaptation: { interval: 1 } } as const;
const beside = { kind: "background", delay: 1 } as const;
const optimizers: Record<string, Create> = {
  sgd: (o) => sgd(o, { momentum: 0.9, average: exponentialAverage({ decay: 0.5 }) }),
  "sgd that takes steps back": (o) => sgd(o, { learningRate: 100, takeBack: true }),
  adam: (o) => adam(o, { average: scheduleFree() }),
  muon: (o) => muon(o),
  soap: (o) => soap(o, { preconditionFrequency: 1 }),
  "soap, kl, in the background": (o) =>
    soap(o, { preconditionFrequency: 2, factors: "kl", refresh: beside }),
  kfac: (o) => kfac(o, often),
  "kfac with exact damping": (o) => kfac(o, { ...often, split: "exact", fisher: "monteCarlo" }),
  tkfac: (o) => tkfac(o, often),
  "tkfac with exact damping, in the background": (o) =>
    tkfac(o, { ...often, split: "exact", intervals: 2, denseStart: false, refresh: beside }),
  "ekfac of low rank": (o) => ekfac(o, { ...often, rank: 2 }),
  "ekfac of full rank": (o) => ekfac(o, { ...often, rank: "full", fisher: "empirical" }),
  "tekfac with its defaults": (o) => tekfac(o),
  "tekfac of low rank": (o) => tekfac(o, { ...often, rank: 2, fisher: "perLoss" }),
  "tekfac of full rank, in the background": (o) =>
    tekfac(o, { ...often, rank: "full", intervals: 2, denseStart: false, refresh: beside }),
};

/** Layers with every kind of state: running moments, draws, blocks of curvature of their own. */
const networks: Record<string, () => readonly LayerSpec[]> = {
  pictures: () => [
    conv2d(2, { kernel: 3, bias: false }),
    batchNorm2d(),
    relu(),
    flatten(),
    dropout(0.2),
    dense(4),
    tanh(),
    dense(3),
  ],
  tokens: () => [
    embedding({ vocabulary: 5, width: 4 }),
    layerNorm(),
    dropout(0.2),
    dense(4),
    tanh(),
    meanPositions(),
    dense(3),
  ],
};

/** Steps in which failures are injected. */
const STEPS = 4;

/** Calls per step at which one is, unless at all of them. */
const SAMPLES = Deno.args.includes("--every-call") ? Infinity : 8;

/** A backend that throws at a call: those that only give something back cannot. */
class FailingBackend implements Disposable {
  readonly backend: Backend;
  calls = 0;
  failingCall = Infinity;

  constructor() {
    const kernels = createWasmKernels();
    this.backend = new CheckedBackend(this.#counting(kernels), []);
  }

  #counting<T extends object>(functions: T, path = ""): T {
    const passive = ["free", "popScope", "dispose", "exchange"];
    return new Proxy(functions, {
      get: (target, key) => {
        const value = Reflect.get(target, key);
        if (key === "aside") return this.#counting(value as object, "aside.");
        if (typeof value !== "function" || passive.includes(String(key))) return value;
        return (...call: unknown[]) => {
          if (++this.calls === this.failingCall) {
            throw new BackendError("wasm", `injected: ${path}${String(key)}`);
          }
          return value.apply(target, call);
        };
      },
    });
  }

  [Symbol.dispose](): void {
    this.backend[Symbol.dispose]();
  }
}

function batchesOf(network: string, step: number): Batch[] {
  const random = new Random(step);
  const number = (): number => network === "tokens" ? random.integer(5) : random.normal();
  // Every other step is made of two batches.
  return Array.from({ length: 1 + step % 2 }, () => ({
    inputs: Float32Array.from({ length: 6 * 36 }, number),
    targets: Uint8Array.from({ length: 6 }, () => random.integer(3)),
  }));
}

/** A model with its optimizer. The caller disposes it. */
class Training implements Disposable {
  readonly goal: ModelObjective;
  readonly optimizer: Optimizer<Batch>;

  readonly #network: string;

  constructor(backend: Backend, create: Create, network = "pictures") {
    this.#network = network;
    const input = network === "tokens" ? [36] as const : [6, 6, 1] as const;
    const model = sequential(backend, { input, layers: networks[network](), seed: 1 });
    this.goal = objective(model, softmaxCrossEntropy());
    this.optimizer = create(this.goal);
  }

  step(step: number): void {
    this.optimizer.stepSync(...batchesOf(this.#network, step));
  }

  /** All that a step may change, by name. */
  state(): Record<string, unknown> {
    const { matrices, words } = wholeStateOf(this.optimizer);
    const { backend } = this.goal;
    const numbers = Object.entries(matrices).map(([name, m]) => [name, backend.readSync(m)]);
    return { ...Object.fromEntries(numbers), ...words };
  }

  [Symbol.dispose](): void {
    this.optimizer[Symbol.dispose]();
    this.goal.model[Symbol.dispose]();
  }
}

/** Numbers in growing order from 1 to `all`: every one, or some that are drawn. */
function sampled(all: number, random: Random): readonly number[] {
  const numbers = Array.from({ length: all }, (_, i) => i + 1);
  if (SAMPLES >= all) return numbers;
  return Array.from({ length: SAMPLES }, () => numbers[random.integer(all)]);
}

const cases = [
  ...Object.entries(optimizers).map((optimizer) => ["pictures", ...optimizer] as const),
  ...Object.entries(optimizers).flatMap((optimizer) =>
    /^(soap|.*fac of|tkfac$)/.test(optimizer[0]) ? [["tokens", ...optimizer] as const] : []
  ),
];

cases.forEach(([network, name, create], seed) => {
  Deno.test(`stepSync() of ${name}, ${network}: a step that throws at any call has never been`, () => {
    using failing = new FailingBackend();
    const { backend } = failing;
    using twin = new Training(backend, create, network);
    const calls: number[] = [];
    const states = [twin.state()];
    for (let step = 0; step <= STEPS; step++) {
      failing.calls = 0;
      twin.step(step);
      calls.push(failing.calls);
      states.push(twin.state());
    }
    const random = new Random(seed);
    for (let step = 0; step < STEPS; step++) {
      for (const call of sampled(calls[step], random)) {
        using training = new Training(backend, create, network);
        for (let before = 0; before < step; before++) training.step(before);
        [failing.calls, failing.failingCall] = [0, call];
        assert.throws(() => training.step(step), { name: "BackendError", message: /injected/ });
        failing.failingCall = Infinity;
        const where = `step ${step}, call ${call} of ${calls[step]}`;
        assert.deepEqual(training.state(), states[step], `state after ${where}`);
        for (const next of [step, step + 1]) {
          training.step(next);
          assert.deepEqual(training.state(), states[next + 1], `step ${next} after ${where}`);
        }
      }
    }
  });
});

Deno.test("stepSync(): what the caller's own functions throw leaves everything as it was, too", () => {
  using failing = new FailingBackend();
  let broken = false;
  const annealing = (step: number): number => {
    if (broken && step === 1) throw new RangeError("mine");
    return 1;
  };
  using training = new Training(failing.backend, (o) => tekfac(o, { annealing }));
  training.step(0);
  const before = training.state();
  broken = true;
  assert.throws(() => training.step(1), { name: "RangeError", message: "mine" });
  assert.deepEqual(training.state(), before);
  broken = false;

  // In the second of two batches.
  const { goal } = training;
  const differentiate = goal.differentiate.bind(goal);
  let passes = 0;
  goal.differentiate = (batch, blend) => {
    if (++passes === 2) throw new RangeError("mine");
    return differentiate(batch, blend);
  };
  assert.throws(() => training.step(1), { name: "RangeError", message: "mine" });
  assert.deepEqual(training.state(), before);
});

Deno.test("stepSync(): a rate too large for the backend's numbers moves no weight", () => {
  using failing = new FailingBackend();
  using training = new Training(failing.backend, (o) => sgd(o, { learningRate: 1e39 }));
  const before = training.state();
  assert.throws(() => training.step(0), { name: "NumericalError", message: /weights' not finite/ });
  assert.deepEqual(training.state(), before);
});

Deno.test("undoable(): inside another one it is a part of that; scratch and passing matrices stay", () => {
  using failing = new FailingBackend();
  const { backend } = failing;
  using x = backend.alloc(1, 1);
  using y = backend.alloc(1, 1);
  using passing = backend.alloc(1, 1);
  const stop = () => {
    throw new OptionError("Cannot go on", "x", "must be less", 1);
  };
  const inner = () => {
    backend.undoable(() => backend.write(x, [1]));
    assert.throws(() => backend.undoable(() => (backend.write(y, [2]), stop())), OptionError);
    assert.deepEqual([...backend.readSync(y)], [2]);
    backend.write(passing, [3]);
    stop();
  };
  assert.throws(() => backend.undoable(inner, [passing]), OptionError);
  assert.deepEqual([x, y, passing].map((m) => backend.readSync(m)[0]), [0, 0, 3]);
});

for (const method of ["tekfac", "soap"] as const) {
  Deno.test(`${method}(): a background refresh that failed too often is not come back to`, () => {
    let broken = false;
    const inner = createWasmKernels();
    const eigh: typeof inner.eigh = (jobs) => {
      inner.eigh(jobs);
      if (!broken) return;
      for (const { status } of jobs) inner.write(status, [EighStatus.failed, -1, 0]);
    };
    const kernels = new Proxy(inner, {
      get: (target, key) => key === "eigh" ? eigh : Reflect.get(target, key),
    });
    using backend = new CheckedBackend(kernels, []);
    const create: Create = (o) =>
      method === "soap"
        ? soap(o, { preconditionFrequency: 2, refresh: beside, toleratedFailures: 0 })
        : tekfac(o, {
          ...{ intervals: 2, denseStart: false, rank: "full", refresh: beside },
          toleratedFailures: 0,
        });
    using training = new Training(backend, create);
    training.step(0);
    broken = true;
    const refused: number[] = [];
    for (let step = 1; step < 20; step++) {
      if (step === 12) broken = false;
      try {
        training.step(step);
      } catch (error) {
        assert(error instanceof NumericalError && error.quantity === "basis");
        refused.push(step);
      }
    }
    // A step is refused, the ones behind it are taken with the basis that stands, and then the next refresh fails.
    assert(refused.length >= 2 && refused.every((step) => step <= 13), `${refused}`);
  });
}
