/** Workers that die: at their start, idle, or with a task in their hands; of an error, or without a word. */
import assert from "#assert";
import {
  type Backend,
  CheckedBackend,
  createBackendSync,
  createThreadedKernels,
  type EighJob,
  EighStatus,
} from "@tekfac/tekfac/backend";
import { BackendError, Random } from "@tekfac/tekfac/core";
import { denseMatrix, secondMoment } from "@tekfac/tekfac/linalg";
import { dense, objective, sequential, softmaxCrossEntropy, tanh } from "@tekfac/tekfac/nn";
import { tekfac } from "@tekfac/tekfac/optim";

/** Threads that share every verb, however small, from the first on. */
const sharing = (threads: number): Backend =>
  new CheckedBackend(createThreadedKernels({ threads, grain: 0 }), []);

/** The part of `node:worker_threads` that is replaced here. */
type NodeWorker = new (text: string, options: object) => object;

/**
 * Runs `body` where every worker begins with a text of its own; warnings are kept from the terminal.
 *
 * @param stubborn Whether workers cannot be ended from outside.
 */
function withWorkers<T>(
  prefix: string,
  body: (warnings: readonly string[]) => T,
  stubborn = false,
): T {
  const { process } = globalThis as unknown as {
    process: { getBuiltinModule(name: string): { Worker: NodeWorker } };
  };
  const { warn } = console;
  const original = process.getBuiltinModule;
  const { Worker } = original("node:worker_threads");
  const warnings: string[] = [];
  console.warn = (text: string) => void warnings.push(text);
  process.getBuiltinModule = (name) =>
    name !== "node:worker_threads" ? original(name) : {
      Worker: class extends Worker {
        constructor(text: string, options: object) {
          super(prefix + text, options);
          if (stubborn) Object.assign(this, { terminate: () => Promise.resolve(0) });
        }
      },
    };
  try {
    return body(warnings);
  } finally {
    process.getBuiltinModule = original;
    console.warn = warn;
  }
}

/** A worker that is told to die when the call of a function of `Atomics` fulfils a condition for the n-th time. */
const dying = (name: string, condition: string, n: number, how: string): string =>
  `{
  const original = Atomics.${name};
  let count = 0;
  Atomics.${name} = (a, i, x, y) => {
    const result = original.call(Atomics, a, i, x, y);
    if ((${condition}) && ++count === ${n}) { ${how} }
    return result;
  };
}\n`;

/** Claims raise a word by one from what it was; `done` is raised by one; sleep comes after `sleepers`. */
const CLAIMED = ["compareExchange", "result === x && y === x + 1"] as const;
const DONE = ["add", "i === 48 || i === 96"] as const;
const IDLE = ["add", "i === 16"] as const;

const THROW = "throw new Error('died');";
/** Ends without unwinding anything, like a worker that is out of memory: nobody is told but by a clock. */
const SILENT = "process.exit(1);";

/** Trains; a step that is refused is taken again. Numbers of the weights, and how many were refused. */
function training(threads: number): { weights: number[]; refused: number; description: string } {
  using backend = sharing(threads);
  using model = sequential(backend, { input: [6], layers: [dense(9), tanh(), dense(3)], seed: 1 });
  using optimizer = tekfac(objective(model, softmaxCrossEntropy()), {
    intervals: { statistics: 1, basis: 3, eigenvalues: 1 },
    refresh: { kind: "background", delay: 2 },
  });
  const random = new Random(3);
  let refused = 0;
  for (let step = 0; step < 12; step++) {
    const inputs = Float32Array.from({ length: 8 * 6 }, () => random.normal());
    const batch = { inputs, targets: Array.from({ length: 8 }, (_, i) => i % 3) };
    for (;;) {
      try {
        optimizer.stepSync(batch);
        break;
      } catch (error) {
        assert.ok(error instanceof BackendError, `${error}`);
        assert(++refused < threads, "at most one step per worker is refused");
      }
    }
  }
  const weights = model.parameters.flatMap(({ value }) => [...backend.readSync(value)]);
  return { weights, refused, description: backend.info.description };
}

for (
  const { what, prefix } of [
    { what: "at their start, of an error", prefix: THROW },
    { what: "with their first task, of an error", prefix: dying(...CLAIMED, 1, THROW) },
    { what: "after a task, without a word", prefix: dying(...DONE, 5, SILENT) },
    { what: "idle, without a word", prefix: dying(...IDLE, 1, SILENT) },
    { what: "with their third task, without a word", prefix: dying(...CLAIMED, 3, SILENT) },
  ]
) {
  Deno.test(`training is what it would have been where workers die ${what}`, () => {
    const expected = training(3).weights;
    const found = withWorkers(prefix, () => training(3));
    assert.deepEqual(found.weights, expected);
  });
}

Deno.test("a backend whose workers died says so, once each, and goes on with those that are left", () => {
  withWorkers(dying(...CLAIMED, 3, THROW), (warnings) => {
    using backend = sharing(2);
    using a = backend.alloc(50, 50);
    using c = backend.alloc(50, 50);
    let refused = 0;
    // The worker may be late, so that it takes rounds until it has a third task.
    while (!backend.info.description.includes("lost")) {
      try {
        backend.gemm(c, a, a);
      } catch (error) {
        assert.ok(error instanceof BackendError);
        assert.match(String(error), /a worker thread died in the middle of kernel 'gemm'/);
        refused++;
      }
    }
    for (let i = 0; i < 100; i++) backend.gemm(c, a, a);
    assert.equal(refused, 1);
    assert.match(backend.info.description, /2 threads, 1 of them lost/);
    assert.deepEqual(warnings, [
      "The backend lost 1 of its worker threads and goes on with 1 of 2 threads",
    ]);
  });
});

Deno.test("a worker that was given up and finishes its task after all is an error that says so, once", () => {
  // It is held up until nobody waits for it any more: word 1 tells workers to leave.
  const late = dying(...CLAIMED, 3, "while (Atomics.load(a, 1) === 0);");
  withWorkers(late, () => {
    using backend = sharing(2);
    using a = backend.alloc(50, 50);
    using c = backend.alloc(50, 50);
    const said: string[] = [];
    while (said.length < 2) {
      try {
        backend.gemm(c, a, a);
      } catch (error) {
        said.push(String(error));
      }
    }
    assert.match(said[0], /a worker thread died in the middle of kernel 'gemm'/);
    assert.match(said[1], /has finished its task after all; numbers may be wrong: go on from the/);
    for (let i = 0; i < 100; i++) backend.gemm(c, a, a);
  }, true);
});

Deno.test("eigenproblems of a worker that died are solved again, so that nothing is thrown", () => {
  const solve = (): number[] => {
    using backend = sharing(2);
    const jobs = [40, 30, 20, 10].map((n): EighJob => {
      const random = new Random(n);
      const [matrix, vectors] = [0, 1].map(() => backend.alloc(n, n));
      const x = Float64Array.from({ length: n * n }, () => random.normal());
      // On the host, for a worker must not die of anything but an eigenproblem.
      backend.write(matrix, secondMoment(denseMatrix(n, n, x)).data);
      return { matrix, vectors, values: backend.alloc(1, n), status: backend.alloc(1, 3) };
    });
    const ticket = backend.beginEigh(jobs);
    while (!ticket.ready);
    ticket.finish();
    for (const { status } of jobs) {
      assert.equal(backend.readSync(status)[0], EighStatus.divideAndConquer);
    }
    return jobs.flatMap(({ values, vectors }) =>
      [values, vectors].flatMap((m) => [...backend.readSync(m)])
    );
  };
  const expected = solve();
  assert.deepEqual(withWorkers(dying(...CLAIMED, 2, THROW), solve), expected);
});

Deno.test("workers that are ended from outside while idle leave the rest to the others", async () => {
  const ended: Promise<unknown>[] = [];
  const { process } = globalThis as unknown as {
    process: { getBuiltinModule(name: string): { Worker: new (...args: unknown[]) => object } };
  };
  const threads = process.getBuiltinModule("node:worker_threads");
  const { Worker } = threads;
  threads.Worker = class extends Worker {
    constructor(...args: unknown[]) {
      super(...args);
      const worker = this as unknown as { terminate(): Promise<unknown> };
      ended.push(new Promise((resolve) => setTimeout(() => resolve(worker.terminate()), 20)));
    }
  };
  const { warn } = console;
  console.warn = () => {};
  try {
    using backend = createBackendSync({ prefer: ["wasm"], threads: 2 });
    using a = backend.alloc(300, 300);
    using c = backend.alloc(300, 300);
    for (let i = 0; i < 50; i++) backend.gemm(c, a, a);
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (let i = 0; i < 50; i++) backend.gemm(c, a, a);
    assert(ended.length > 0, "a worker was started");
    await Promise.race([Promise.all(ended), new Promise((resolve) => setTimeout(resolve, 100))]);
    for (let i = 0; i < 50; i++) backend.gemm(c, a, a);
    assert(backend.readSync(c).every((x) => x === 0));
  } finally {
    threads.Worker = Worker;
    console.warn = warn;
  }
});
