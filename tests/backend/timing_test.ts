/** Choice by time. Steps take no time but what they say, by a clock of the test's own. */
import assert from "#assert";
import {
  type Backend,
  type BackendName,
  type BackendOptions,
  createBackend,
  type StepProbe,
  TimingCache,
} from "@tekfac/tekfac/backend";
import { BackendError, Random } from "@tekfac/tekfac/core";
import { gpuTest } from "../parity/_parity.ts";

/** Milliseconds of a backend's steps, and of what is compiled in the first. */
interface Speed {
  readonly step: number;
  readonly compile?: number;
}

type Speeds = Partial<Record<BackendName, Speed>>;

/** A choice under a clock that only steps move. */
async function choose(
  speeds: Speeds,
  options: Omit<BackendOptions, "model">,
): Promise<{ backend: Backend; elapsed: number; steps: number }> {
  const { now } = performance;
  let [clock, steps] = [0, 0];
  performance.now = () => clock;
  const model: StepProbe = {
    name: "a step",
    build(backend) {
      const { step, compile = 0 } = speeds[backend.name as BackendName]!;
      let started = false;
      const matrix = backend.alloc(2, 2);
      return {
        step() {
          clock += started ? step : step + compile;
          started = true;
          steps++;
        },
        [Symbol.dispose]: () => matrix[Symbol.dispose](),
      };
    },
  };
  try {
    return { backend: await createBackend({ ...options, model }), elapsed: clock, steps };
  } finally {
    performance.now = now;
  }
}

const TWO: Pick<BackendOptions, "prefer"> = { prefer: ["reference", "wasm"] };

Deno.test("createBackend() with a model is within 1.1x of the best and 300 ms, whatever the speeds", async () => {
  const random = new Random(5);
  for (let trial = 0; trial < 40; trial++) {
    const speed = (): Speed => ({
      step: Math.exp(6 * random.uniform() - 3),
      compile: 100 * random.uniform(),
    });
    const speeds = { wasm: speed(), reference: speed() };
    const { backend, elapsed } = await choose(speeds, TWO);
    const best = Math.min(speeds.wasm.step, speeds.reference.step);
    const taken = speeds[backend.name as "wasm" | "reference"].step;
    backend[Symbol.dispose]();
    assert.ok(taken <= 1.1 * best, `${JSON.stringify(speeds)}: ${taken} for ${best}`);
    assert.ok(elapsed <= 300, `${JSON.stringify(speeds)}: ${elapsed} ms`);
  }
});

Deno.test("createBackend() says what a step took where it was chosen and where it was not", async () => {
  const { backend } = await choose({ wasm: { step: 6 }, reference: { step: 2, compile: 30 } }, TWO);
  using chosen = backend;
  assert.equal(chosen.name, "reference");
  assert.deepEqual(chosen.info.chosen, {
    name: "reference",
    reason: "fastest: 2 ms per step",
    stepMs: 2,
  });
  assert.deepEqual(chosen.info.rejected, [
    { name: "wasm", reason: "slower: 6 ms per step", stepMs: 6 },
  ]);
});

Deno.test("createBackend() judges a candidate that outlasts the budget by its first step", async () => {
  const slow = await choose({ reference: { step: 2 }, wasm: { step: 1, compile: 400 } }, TWO);
  using reference = slow.backend;
  assert.equal(reference.name, "reference");
  assert.deepEqual(reference.info.rejected, [
    { name: "wasm", reason: "too slow to begin: its first step took 401 ms", stepMs: 401 },
  ]);
  const large = await choose({ reference: { step: 900 }, wasm: { step: 5, compile: 400 } }, TWO);
  using wasm = large.backend;
  assert.equal(wasm.name, "wasm");
});

Deno.test("createBackend() does not time what the cache of the user knows, and fills it", async () => {
  const timings = new TimingCache();
  const speeds = { wasm: { step: 3 }, reference: { step: 1 } };
  const first = await choose(speeds, { ...TWO, timings });
  first.backend[Symbol.dispose]();
  assert.ok(first.steps > 4);
  assert.equal(timings.get("reference (float64 TypeScript)", "a step"), 1);
  const kept = TimingCache.parse(JSON.stringify(timings));
  const second = await choose(speeds, { ...TWO, timings: kept });
  second.backend[Symbol.dispose]();
  assert.equal(second.steps, 0);
  assert.deepEqual(second.backend.info, first.backend.info);
  for (const text of ["", "[null]", "3", "null", '{"a": "b"}', '{"a": -1}']) {
    assert.throws(() => TimingCache.parse(text), { name: "DataError" }, text);
  }
});

Deno.test("createBackend() times nothing where only one candidate runs", async () => {
  const { backend, steps } = await choose({ wasm: { step: 1 } }, { prefer: ["wasm"] });
  using wasm = backend;
  assert.equal(steps, 0);
  assert.equal(wasm.info.chosen?.reason, "the only one that runs");
});

Deno.test("createBackend() passes over a candidate on which the model cannot be built", async () => {
  const model: StepProbe = {
    name: "too large",
    build(backend) {
      if (backend.name === "wasm") throw new BackendError("wasm", "no room");
      return { step() {}, [Symbol.dispose]() {} };
    },
  };
  using backend = await createBackend({ ...TWO, model });
  assert.equal(backend.name, "reference");
  assert.deepEqual(backend.info.rejected, [{ name: "wasm", reason: "no room" }]);
});

Deno.test("createBackend() refuses a step that leaves matrices behind", async () => {
  const model: StepProbe = {
    name: "leaky",
    build: (backend) => (backend.alloc(1, 1), { step() {}, [Symbol.dispose]() {} }),
  };
  await assert.rejects(createBackend({ ...TWO, model }), {
    name: "StateError",
    message: "Cannot time 'leaky': it left 1 matrices; dispose what it builds",
  });
});

gpuTest("createBackend() takes a GPU only where it is faster, first steps aside", async () => {
  const options: Omit<BackendOptions, "model"> = {
    prefer: ["webgpu", "wasm"],
    allowSoftware: true,
  };
  const fast = await choose({ webgpu: { step: 1, compile: 150 }, wasm: { step: 2 } }, options);
  using gpu = fast.backend;
  assert.equal(gpu.name, "webgpu");
  const close = await choose({ webgpu: { step: 2 }, wasm: { step: 2.05 } }, options);
  using wasm = close.backend;
  assert.equal(wasm.name, "wasm");
  assert.match(wasm.info.rejected[0].reason, /^hardly faster, and asynchronous: 2 ms per step$/);
});
