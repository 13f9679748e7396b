import assert from "#assert";
import { type Backend, createBackendSync, type EighJob, EighStatus } from "@tekfac/tekfac/backend";
import { type ConvGeometry, type Matrix, type OwnedMatrix, Random } from "@tekfac/tekfac/core";
import {
  conv2d,
  dense,
  flatten,
  objective,
  sequential,
  softmaxCrossEntropy,
  tanh,
} from "@tekfac/tekfac/nn";
import { tekfac } from "@tekfac/tekfac/optim";
import { allClose } from "@tekfac/tekfac/testing";
import { eighJob, normal, sharing } from "./_threads.ts";

/** Unit roundoff of float32. */
const ROUNDOFF = 2 ** -24;

/** Milliseconds after which something has come to no end, however busy the machine is. */
const HANGS = 300_000;

const one = (): Backend => createBackendSync({ prefer: ["wasm"] });

/** Runs `body` on a backend and returns the numbers of the matrix it gives. */
function resultOn(
  backend: Backend,
  body: (backend: Backend) => Matrix,
): Float32Array | Float64Array {
  try {
    return backend.readSync(body(backend));
  } finally {
    backend[Symbol.dispose]();
  }
}

/** Eigenvalues, eigenvectors and status of all jobs. */
function solutions(backend: Backend, jobs: readonly EighJob[]): number[] {
  return jobs.flatMap(({ values, vectors, status }) =>
    [values, vectors, status].flatMap((m) => [...backend.readSync(m)])
  );
}

const GEOMETRY: ConvGeometry = {
  channels: 8,
  height: 12,
  width: 10,
  kernel: [3, 3],
  stride: [1, 1],
  padding: [1, 1],
  dilation: [1, 1],
  bias: true,
};

// The least work that is shared takes 3e6 operations.
Deno.test("gemm() on two threads equals one thread bit by bit, below and above the threshold", () => {
  using two = createBackendSync({ prefer: ["wasm"], threads: 2 });
  for (const [m, n, k] of [[100, 100, 149], [100, 100, 151], [7, 700, 700], [700, 7, 700]]) {
    for (const transposed of [false, true]) {
      const product = (backend: Backend): OwnedMatrix => {
        using a = transposed ? normal(backend, k, m, 1) : normal(backend, m, k, 1);
        using b = transposed ? normal(backend, n, k, 2) : normal(backend, k, n, 2);
        const c = normal(backend, m, n, 3);
        const options = { transposeA: transposed, transposeB: transposed, alpha: -2, beta: 0.5 };
        backend.gemm(c, a, b, options);
        return c;
      };
      using c = product(two);
      assert.deepEqual(two.readSync(c), resultOn(one(), product), `${m}x${n}x${k}`);
    }
  }
});

Deno.test("secondMoment() agrees for every number of threads, and is exactly symmetric", () => {
  const moment = (backend: Backend, d: number): Float32Array | Float64Array => {
    using c = normal(backend, d, d, 1);
    using x = normal(backend, 70, d, 2);
    using weights = normal(backend, 1, 70, 3);
    backend.secondMoment(c, x);
    backend.secondMoment(c, x, { weights, decay: 0.9, scale: 0.1 });
    return backend.readSync(c);
  };
  using single = one();
  for (const threads of [2, 3, 5]) {
    using backend = sharing(threads);
    for (const d of [1, 7, 8, 9, 40, 131]) {
      const [first, second] = [0, 1].map(() => moment(backend, d));
      assert.deepEqual(second, first, "equal runs give equal bits");
      // Sums of 70 terms of about 1, perhaps in another order, and the roundings of the blend.
      const label = `d ${d}, ${threads} threads`;
      const allowance = { absolute: 4 * ROUNDOFF * 70, relative: 2 * ROUNDOFF };
      allClose(first, moment(single, d), { ...allowance, label });
      first.forEach((value, i) => {
        assert.equal(value, first[(i % d) * d + Math.floor(i / d)], label);
      });
    }
  }
});

for (const weighted of [false, true]) {
  Deno.test(`sums over examples (${weighted ? "" : "un"}weighted) agree for every number of threads`, () => {
    const examples = 9;
    const sums = (backend: Backend): Matrix => {
      const images = normal(backend, examples * 120, 8, 1);
      const g = normal(backend, examples * 120, 5, 2);
      const weights = normal(backend, 1, examples * 120, 3);
      const out = normal(backend, 73 + 5, 73, 4);
      const part = (offset: number, rows: number): Matrix => ({ ...out, offset, rows });
      backend.conv2dWeightGradient(part(0, 5), images, g, GEOMETRY, { decay: 0.5 });
      const options = { decay: 0.5, ...(weighted && { weights }) };
      backend.patchSecondMoment(part(5 * 73, 73), images, GEOMETRY, options);
      return out;
    };
    const expected = resultOn(one(), sums);
    for (const threads of [2, 3, 12]) {
      const [first, second] = [0, 1].map(() => resultOn(sharing(threads), sums));
      assert.deepEqual(second, first, "equal runs give equal bits");
      // Both sums have this many terms of about 1; their rounding errors are a random walk.
      const terms = examples * 120;
      const absolute = 2 * ROUNDOFF * Math.sqrt(terms) * terms;
      allClose(first, expected, { absolute, label: `${threads} threads` });
    }
  });
}

Deno.test("eigh() of several matrices on threads equals one thread bit by bit", () => {
  const sizes = [3, 40, 17, 64, 64, 1, 33, 90, 5];
  const solve = (backend: Backend): number[] => {
    using owner = backend;
    const jobs = sizes.map((n) => eighJob(owner, n));
    owner.eigh(jobs);
    return solutions(owner, jobs);
  };
  const expected = solve(one());
  assert.deepEqual(solve(sharing(3)), expected);
  assert.deepEqual(solve(sharing(2)), expected);
});

Deno.test("beginEigh() solves on a worker while the main thread does other verbs", async () => {
  using backend = createBackendSync({ prefer: ["wasm"], threads: 2 });
  const sizes = [120, 200, 64];
  const jobs = sizes.map((n) => eighJob(backend, n));
  const ticket = backend.beginEigh(jobs);
  using a = normal(backend, 200, 200, 7);
  using c = backend.alloc(200, 200);
  backend.gemm(c, a, a);
  const product = backend.readSync(c);
  // Nobody else solves them: the main thread only multiplies, and sleeps where workers need its turns.
  const end = performance.now() + HANGS;
  while (!ticket.ready && performance.now() < end) {
    for (let i = 0; i < 10; i++) backend.gemm(c, a, a);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.ok(ticket.ready, "the worker has solved all problems");
  assert.deepEqual(backend.readSync(c), product);
  ticket.finish();
  ticket.finish();
  const expected = (() => {
    using single = one();
    const same = sizes.map((n) => eighJob(single, n));
    single.eigh(same);
    return solutions(single, same);
  })();
  assert.deepEqual(solutions(backend, jobs), expected);
});

Deno.test("beginEigh() may be finished at once, twice at a time, and with nothing to do", () => {
  using backend = sharing(2);
  const batches = [[50, 20, 80], [30], []].map((sizes) => sizes.map((n) => eighJob(backend, n)));
  const { liveBytes } = backend.memory();
  const tickets = batches.map((jobs) => backend.beginEigh(jobs));
  for (const ticket of tickets) {
    ticket.finish();
    assert.ok(ticket.ready);
  }
  for (const { status } of batches.flat()) {
    assert.equal(backend.readSync(status)[0], EighStatus.divideAndConquer);
  }
  assert.equal(backend.memory().liveBytes, liveBytes);
});

Deno.test("beginEigh() on one thread solves when it is finished", () => {
  using backend = one();
  const jobs = [eighJob(backend, 10)];
  const ticket = backend.beginEigh(jobs);
  assert.ok(!ticket.ready);
  ticket.finish();
  assert.ok(ticket.ready);
  assert.equal(backend.readSync(jobs[0].status)[0], EighStatus.divideAndConquer);
});

Deno.test("training with bases renewed in the background repeats bit by bit on threads", () => {
  const weightsAfterTraining = (backend: Backend): number[] => {
    using owner = backend;
    const random = new Random(5);
    using model = sequential(owner, {
      input: [6, 6, 1],
      layers: [conv2d(4, { kernel: 3, padding: 1 }), tanh(), flatten(), dense(3)],
      seed: 1,
    });
    using optimizer = tekfac(objective(model, softmaxCrossEntropy()), {
      intervals: { statistics: 1, basis: 4, eigenvalues: 1 },
      refresh: { kind: "background", delay: 2 },
    });
    for (let step = 0; step < 14; step++) {
      const inputs = Float32Array.from({ length: 8 * 36 }, () => random.normal());
      optimizer.stepSync({ inputs, targets: Array.from({ length: 8 }, (_, i) => i % 3) });
    }
    return model.parameters.flatMap(({ value }) => [...owner.readSync(value)]);
  };
  const [first, second] = [0, 1].map(() => weightsAfterTraining(sharing(3)));
  assert.ok(first.every(Number.isFinite));
  assert.deepEqual(second, first);
});

Deno.test("a backend with threads takes no more memory after the first round", () => {
  using backend = sharing(3);
  using images = normal(backend, 6 * 120, 8, 1);
  using weights = normal(backend, 5, 73, 2);
  using out = backend.alloc(6 * 120, 5);
  using c = backend.alloc(73, 73);
  const jobs = [eighJob(backend, 30), eighJob(backend, 31)];
  const round = (): number => {
    backend.conv2d(out, images, weights, GEOMETRY);
    backend.conv2dDataGradient(images, out, weights, GEOMETRY);
    backend.conv2dWeightGradient(weights, images, out, GEOMETRY);
    backend.patchSecondMoment(c, images, GEOMETRY);
    backend.eigh(jobs);
    backend.beginEigh(jobs).finish();
    backend.write(images, new Float32Array(images.rows * images.cols));
    return backend.memory().reservedBytes;
  };
  const reserved = round();
  for (let i = 0; i < 20; i++) assert.equal(round(), reserved);
});

Deno.test("memory taken after workers have started is theirs as well", () => {
  using backend = sharing(2);
  using small = normal(backend, 10, 10, 1);
  using c = backend.alloc(10, 10);
  backend.gemm(c, small, small);
  using _room = backend.alloc(5000, 1000);
  using large = normal(backend, 300, 300, 2);
  using product = backend.alloc(300, 300);
  for (let i = 0; i < 20; i++) backend.gemm(product, large, large);
  const numbers = backend.readSync(product);
  const again = resultOn(one(), (single) => {
    const [x, y] = [normal(single, 300, 300, 2), single.alloc(300, 300)];
    single.gemm(y, x, x);
    return y;
  });
  assert.deepEqual(numbers, again);
});

Deno.test("dispose() ends workers that are starting, idle, or solving what nobody waits for", () => {
  for (const rounds of [0, 1, 50]) {
    const backend = sharing(4);
    using a = normal(backend, 60, 60, 1);
    using c = backend.alloc(60, 60);
    for (let i = 0; i < rounds; i++) backend.gemm(c, a, a);
    if (rounds > 0) {
      const ticket = backend.beginEigh([eighJob(backend, 100), eighJob(backend, 101)]);
      backend[Symbol.dispose]();
      ticket.finish();
    } else backend[Symbol.dispose]();
  }
});
