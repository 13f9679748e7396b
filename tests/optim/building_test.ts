/** Models and optimizers for which there is no room leave nothing behind. */
import assert from "#assert";
import { type Backend, CheckedBackend, createWasmKernels } from "@tekfac/tekfac/backend";
import { BackendError } from "@tekfac/tekfac/core";
import {
  addAdapters,
  batchNorm2d,
  concatenate,
  conv1d,
  conv2d,
  conv2dTranspose,
  dense,
  dropout,
  type ExampleShape,
  flatten,
  globalAveragePool2d,
  gpt,
  groupNorm,
  type LayerSpec,
  objective,
  relu,
  residual,
  sequential,
  softmaxCrossEntropy,
  tanh,
} from "@tekfac/tekfac/nn";
import {
  adam,
  ekfac,
  exponentialAverage,
  externalModel,
  kfac,
  muon,
  type Objective,
  type Optimizer,
  scheduleFree,
  scheduleFreeAdam,
  sgd,
  soap,
  tekfac,
  tkfac,
} from "@tekfac/tekfac/optim";

/** A backend that has no room for what it is asked for at some call, to allocate, to write or to copy. */
class FailingBackend implements Disposable {
  readonly backend: Backend;
  calls = 0;
  failingCall = Infinity;

  constructor() {
    const counted = ["allocate", "scratch", "write", "axpby", "extend"];
    const kernels = new Proxy(createWasmKernels(), {
      get: (target, key) => {
        const value = Reflect.get(target, key);
        if (typeof value !== "function" || !counted.includes(String(key))) return value;
        return (...call: unknown[]) => {
          if (++this.calls === this.failingCall) throw new BackendError("wasm", "no room");
          return value.apply(target, call);
        };
      },
    });
    this.backend = new CheckedBackend(kernels, []);
  }

  [Symbol.dispose](): void {
    this.backend[Symbol.dispose]();
  }
}

const networks: Record<string, readonly [ExampleShape, () => LayerSpec[]]> = {
  pictures: [[8, 8, 2], () => [
    conv2d(4, { kernel: 3, padding: 1, bias: false }),
    batchNorm2d(),
    relu(),
    residual([conv2d(6, { kernel: 3, padding: 1, stride: 2, bias: false }), batchNorm2d()]),
    conv2d(6, { kernel: 3, groups: 6 }),
    conv2d(6, { kernel: 1, groups: 2 }),
    groupNorm({ groups: 2 }),
    dropout(0.1),
    conv2dTranspose(2, { kernel: 2 }),
    globalAveragePool2d(),
    dense(40),
    tanh(),
    dense(3),
  ]],
  text: [[8], () => gpt({ vocabulary: 7, context: 8, layers: 1, heads: 2, width: 8 })],
  series: [[12, 2], () => [conv1d(4, { kernel: 3 }), relu(), flatten(), dense(3)]],
  branches: [[6], () => [concatenate([[dense(3)], [dense(2), tanh()]]), dense(3)]],
};

type Create = (objective: Objective<never>) => Optimizer<never>;

const optimizers: Record<string, Create> = {
  tekfac: (o) => tekfac(o, { takeBack: true }),
  "tekfac of full rank": (o) => tekfac(o, { rank: "full", dampingAdaptation: { interval: 2 } }),
  ekfac: (o) => ekfac(o, { average: exponentialAverage({ decay: 0.9 }) }),
  tkfac: (o) => tkfac(o),
  "kfac with exact damping": (o) => kfac(o, { split: "exact" }),
  soap: (o) => soap(o),
  "soap, kl": (o) => soap(o, { factors: "kl" }),
  muon: (o) => muon(o),
  adam: (o) => adam(o, { average: scheduleFree() }),
  scheduleFreeAdam: (o) => scheduleFreeAdam(o),
  sgd: (o) => sgd(o, { momentum: 0.9 }),
};

/** Builds something with a failure at every call in turn. */
function checkNothingLeft(failing: FailingBackend, build: () => Disposable): void {
  const { backend } = failing;
  const before = backend.memory();
  failing.calls = 0;
  build()[Symbol.dispose]();
  const { calls } = failing;
  assert(calls > 0);
  for (let call = 1; call <= calls; call++) {
    [failing.calls, failing.failingCall] = [0, call];
    assert.throws(build, { name: "BackendError", message: /no room/ });
    const { handles, liveBytes } = backend.memory();
    assert.deepEqual([handles, liveBytes], [before.handles, before.liveBytes], `call ${call}`);
  }
  failing.failingCall = Infinity;
}

for (const [name, [input, layers]] of Object.entries(networks)) {
  Deno.test(`sequential(): there is no room at any call, and nothing is left: ${name}`, () => {
    using failing = new FailingBackend();
    const { backend } = failing;
    checkNothingLeft(failing, () => sequential(backend, { input, layers: layers(), seed: 1 }));
  });

  Deno.test(`optimizers: there is no room at any call, and nothing is left: ${name}`, () => {
    using failing = new FailingBackend();
    using model = sequential(failing.backend, { input, layers: layers(), seed: 1 });
    const goal = objective(model, softmaxCrossEntropy()) as unknown as Objective<never>;
    for (const create of Object.values(optimizers)) checkNothingLeft(failing, () => create(goal));
  });
}

Deno.test("addAdapters() and externalModel(): there is no room at any call, and nothing is left", () => {
  using failing = new FailingBackend();
  const { backend } = failing;
  using model = sequential(backend, { input: [6], layers: [dense(8), tanh(), dense(3)], seed: 1 });
  checkNothingLeft(failing, () => addAdapters(model, { rank: 2, seed: 1 }));
  const layer = { kind: "dense", bias: true } as const;
  const parameters = ["a", "b"].map((name) => ({ name, layer, shape: [3, 4] as const }));
  using external = new FailingBackend();
  checkNothingLeft(external, () => externalModel(external.backend, parameters));
});

Deno.test("building(): inside another one that fails, what was built goes, too; else it stays", () => {
  using failing = new FailingBackend();
  const { backend } = failing;
  const inner = () => backend.building(() => backend.alloc(1, 1));
  using kept = backend.building(inner);
  assert.equal(backend.memory().handles, 1);
  assert.throws(() =>
    backend.building(() => {
      inner();
      throw new RangeError("mine");
    }), RangeError);
  assert.equal(backend.memory().handles, 1);
  assert.deepEqual([...backend.readSync(kept)], [0]);
});
