import assert from "#assert";
import { madeUpCall } from "@tekfac/tekfac/testing";
import { formula, sqrt } from "@tekfac/tekfac/formula";
import {
  type Backend,
  bytesOf,
  CheckedBackend,
  createReferenceKernels,
  flopsOf,
  KERNEL_TABLE,
  type Kernels,
} from "@tekfac/tekfac/backend";
import { columnsOf, type ConvGeometry, rowsOf, ShapeError, StateError } from "@tekfac/tekfac/core";

const create = (): Backend => new CheckedBackend(createReferenceKernels(), []);

const GEOMETRY: ConvGeometry = {
  channels: 2,
  height: 4,
  width: 4,
  kernel: [3, 3],
  stride: [1, 1],
  padding: [1, 1],
  dilation: [1, 1],
  bias: true,
};

/** Runs `call`, expects it to throw `kind` with this message. */
function throwsWith(call: () => void, kind: typeof ShapeError | typeof StateError, text: string) {
  assert.throws(call, (error: Error) => {
    assert.ok(error instanceof kind, `${error}`);
    assert.equal(error.message, text);
    return true;
  });
}

Deno.test("CheckedBackend names verb, argument and both shapes", () => {
  using backend = create();
  const c = backend.alloc(2, 3);
  const a = backend.alloc(2, 4);
  const b = backend.alloc(3, 4);
  backend.gemm(c, a, b, { transposeB: true });
  throwsWith(
    () => backend.gemm(c, a, b),
    ShapeError,
    "Cannot run gemm with this 'b': expected [k, n] = [4, 3], received [3, 4]",
  );
});

Deno.test("CheckedBackend leaves letters that nothing has determined in the message", () => {
  using backend = create();
  throwsWith(
    () =>
      backend.conv2d(backend.alloc(16, 5), backend.alloc(15, 2), backend.alloc(5, 19), GEOMETRY),
    ShapeError,
    "Cannot run conv2d with this 'images': expected [N h w, C] = [16, 2], received [15, 2]",
  );
  throwsWith(
    () =>
      backend.conv2d(backend.alloc(15, 5), backend.alloc(16, 2), backend.alloc(5, 19), GEOMETRY),
    ShapeError,
    "Cannot run conv2d with this 'out': expected [N T, dOut] = [N 16, dOut], received [15, 5]",
  );
});

Deno.test("CheckedBackend counts the homogeneous 1 of a geometry", () => {
  using backend = create();
  const [out, images] = [backend.alloc(16, 5), backend.alloc(16, 2)];
  backend.conv2d(out, images, backend.alloc(5, 19), GEOMETRY);
  throwsWith(
    () => backend.conv2d(out, images, backend.alloc(5, 18), GEOMETRY),
    ShapeError,
    "Cannot run conv2d with this 'weights': expected [dOut, dIn] = [5, 19], received [5, 18]",
  );
});

Deno.test("CheckedBackend wants labels [1, N] for softmax and targets [N, K] otherwise", () => {
  using backend = create();
  const [losses, g, z] = [backend.alloc(1, 4), backend.alloc(4, 3), backend.alloc(4, 3)];
  const labels = backend.alloc(1, 4);
  backend.loss("softmaxCrossEntropy", losses, g, z, labels);
  throwsWith(
    () => backend.loss("halfSumSquaredError", losses, g, z, labels),
    ShapeError,
    "Cannot run loss with this 'targets': expected [N, K] = [4, 3], received [1, 4]",
  );
});

Deno.test("CheckedBackend wants [1, 1] for a scalar on the device", () => {
  using backend = create();
  const x = backend.alloc(2, 2);
  throwsWith(
    () => backend.axpby(backend.alloc(2, 2), x, x, 0),
    ShapeError,
    "Cannot run axpby with this 'alpha': expected [1, 1], received [2, 2]",
  );
});

Deno.test("CheckedBackend wants three numbers of status from eigh", () => {
  using backend = create();
  const [matrix, vectors] = [backend.alloc(2, 2), backend.alloc(2, 2)];
  const [values, status] = [backend.alloc(1, 2), backend.alloc(1, 2)];
  throwsWith(
    () => backend.eigh([{ matrix, vectors, values, status }]),
    ShapeError,
    "Cannot run eigh with this 'jobs.status': expected [1, 3], received [1, 2]",
  );
});

Deno.test("CheckedBackend rejects disposed matrices", () => {
  using backend = create();
  const x = backend.alloc(2, 2);
  x[Symbol.dispose]();
  x[Symbol.dispose]();
  const ended = backend.scope(() => backend.scratch(2, 2));
  for (const gone of [x, ended]) {
    const reason = "its storage has been disposed, or its scratch scope has ended";
    const run = () => backend.squares(backend.alloc(2, 2), gone);
    throwsWith(run, StateError, `Cannot run squares with this 'x': ${reason}`);
    throwsWith(() => backend.write(gone, [1]), StateError, `Cannot write a matrix: ${reason}`);
    throwsWith(() => backend.readSync(gone), StateError, `Cannot read a matrix: ${reason}`);
  }
});

Deno.test("CheckedBackend rejects a matrix of another backend", () => {
  using backend = create();
  using other = create();
  throwsWith(
    () => backend.squares(backend.alloc(1, 1), other.alloc(1, 1)),
    StateError,
    "Cannot run squares with this 'x': it belongs to another backend",
  );
});

Deno.test("CheckedBackend rejects views that leave their storage", () => {
  using backend = create();
  const x = backend.alloc(2, 2);
  throwsWith(
    () => backend.sum(backend.alloc(1, 1), { ...x, offset: 1 }),
    ShapeError,
    "Cannot run sum with this 'x': expected a view inside a storage of 4 numbers, " +
      "received [2, 2] from 1 with stride 2",
  );
});

Deno.test("CheckedBackend rejects an output that overlaps an input", () => {
  using backend = create();
  const x = backend.alloc(4, 6);
  const [top, bottom] = [rowsOf(x, 0, 2), rowsOf(x, 2, 4)];
  backend.appendOnes(columnsOf(top, 0, 3), columnsOf(top, 3, 5));
  backend.squares(top, bottom);
  throwsWith(
    () => backend.rowSquaredNorms(columnsOf(rowsOf(x, 1, 2), 0, 2), columnsOf(top, 1, 3)),
    ShapeError,
    "Cannot run rowSquaredNorms with this 'x': expected a matrix apart from 'out', " +
      "which is written, received one that overlaps it",
  );
  throwsWith(
    () =>
      backend.adamDirection(top, bottom, bottom, top, { beta1: 0, beta2: 0, epsilon: 1, count: 1 }),
    ShapeError,
    "Cannot run adamDirection with this 'v': expected a matrix apart from 'm', " +
      "which is written, received one that overlaps it",
  );
});

Deno.test("CheckedBackend allows an elementwise output to be its input, but not to overlap it", () => {
  using backend = create();
  const x = backend.alloc(3, 2);
  backend.activation("relu", x, x);
  backend.dampedDivide(x, x, { eigenvalues: backend.alloc(3, 2), damping: 1 });
  throwsWith(
    () => backend.activation("relu", rowsOf(x, 0, 2), rowsOf(x, 1, 3)),
    ShapeError,
    "Cannot run activation with this 'x': expected 'out' itself or a matrix apart from it, " +
      "received one that overlaps it",
  );
  throwsWith(
    () => backend.squares(x, x, { decay: 0.5 }),
    ShapeError,
    "Cannot run squares with this 'x': expected a matrix apart from 'out', which is written, " +
      "received one that overlaps it",
  );
});

Deno.test("CheckedBackend writes nothing when a check fails", () => {
  using backend = create();
  const c = backend.alloc(1, 1);
  backend.write(c, [7]);
  assert.throws(() => backend.gemm(c, backend.alloc(1, 2), backend.alloc(3, 1)), ShapeError);
  assert.deepEqual([...backend.readSync(c)], [7]);
});

Deno.test("alloc() and scratch() want integers >= 0, write() the right number of numbers", () => {
  using backend = create();
  const sizes = "expected rows and cols to be integers >= 0, received";
  throwsWith(() => backend.alloc(-1, 2), ShapeError, `Cannot allocate a matrix: ${sizes} [-1, 2]`);
  throwsWith(
    () => backend.scope(() => backend.scratch(1.5, 2)),
    ShapeError,
    `Cannot take scratch memory: ${sizes} [1.5, 2]`,
  );
  throwsWith(
    () => backend.write(backend.alloc(2, 2), [1, 2, 3]),
    ShapeError,
    "Cannot write a matrix: expected 4 numbers for [2, 2], received 3",
  );
});

Deno.test("scratch() is a StateError outside a scope", () => {
  using backend = create();
  throwsWith(
    () => backend.scratch(1, 1),
    StateError,
    "Cannot take scratch memory: expected to be inside backend.scope(() => ...), " +
      "received a call outside; use alloc() for matrices that outlive a scope",
  );
});

Deno.test("memory() counts owners and scratch, and is back at zero at the end", () => {
  using backend = create();
  const x = backend.alloc(2, 3);
  backend.scope(() => {
    backend.scratch(1, 1);
    backend.scope(() => {
      backend.scratch(1, 2);
      assert.deepEqual(backend.memory(), { liveBytes: 72, handles: 1, reservedBytes: 72 });
    });
    assert.equal(backend.memory().liveBytes, 56);
  });
  assert.throws(() =>
    backend.scope(() => {
      backend.scratch(5, 5);
      throw new Error("body");
    }), /body/);
  assert.equal(backend.memory().liveBytes, 48);
  x[Symbol.dispose]();
  x[Symbol.dispose]();
  assert.deepEqual(backend.memory(), { liveBytes: 0, handles: 0, reservedBytes: 0 });
});

Deno.test("dispose() frees what is left, may be called twice, and ends every use", async () => {
  const backend = create();
  const x = backend.alloc(1, 1);
  backend[Symbol.dispose]();
  backend[Symbol.dispose]();
  x[Symbol.dispose]();
  assert.equal(x.storage.disposed, true);
  assert.equal(backend.memory().handles, 0);
  const text = "Cannot use backend 'reference': it has been disposed";
  throwsWith(() => backend.alloc(1, 1), StateError, text);
  throwsWith(() => backend.sum(x, x), StateError, text);
  throwsWith(() => backend.scope(() => {}), StateError, text);
  await assert.rejects(backend.read(x), StateError);
  await assert.rejects(backend.flush(), StateError);
});

Deno.test("readSync() is a StateError on a backend that is not synchronous", async () => {
  const kernels: Kernels = Object.assign(createReferenceKernels(), { sync: false });
  using backend = new CheckedBackend(kernels, []);
  using x = backend.alloc(1, 2);
  assert.deepEqual([...await backend.read(x)], [0, 0]);
  throwsWith(
    () => backend.readSync(x),
    StateError,
    "Cannot read at once: backend 'reference' is not synchronous, use await read()",
  );
});

Deno.test("info carries the rejected candidates", () => {
  const rejected = [{ name: "wasm", reason: "no SIMD" }];
  using backend = new CheckedBackend(createReferenceKernels(), rejected);
  assert.deepEqual(backend.info.rejected, rejected);
  assert.equal(backend.info.roundoff, 2 ** -53);
});

const ROOT = formula({ x: "number" }, ({ x }) => ({ y: sqrt(x) }));

const PIXEL: ConvGeometry = {
  channels: 1,
  height: 1,
  width: 1,
  kernel: [1, 1],
  stride: [1, 1],
  padding: [0, 0],
  dilation: [1, 1],
  bias: false,
};

/** What verbs are called with besides matrices, which all have one row and one column, or one more. */
const PARTS = {
  geometry: PIXEL,
  window: PIXEL,
  epsilon: 1,
  numbers: { beta1: 0.9, beta2: 0.9, epsilon: 1, count: 1 },
  formula: ROOT,
  capture: { kind: "dense", examples: 1, geometry: PIXEL } as Readonly<Record<string, unknown>>,
  shape: { positions: 1, heads: 1, causal: false },
  positions: 1,
  parts: 1,
};

const KINDS: Readonly<Record<string, string>> = {
  pool: "max",
  poolGradient: "average",
  activation: "tanh",
  activationGradient: "tanh",
};

const ONES = Object.fromEntries(
  "m n k d N T C K l dIn dOut kOut kIn h w P V W".split(" ").map((x) => [x, 1]),
);

for (const verb of Object.keys(KERNEL_TABLE) as (keyof typeof KERNEL_TABLE)[]) {
  Deno.test(`${verb}() runs with its smallest arguments, and rejects each one once disposed`, () => {
    using backend = create();
    const parts = { ...PARTS, kind: KINDS[verb] ?? "meanSquaredError" };
    if (verb === "depthwiseSquaredProjection") {
      parts.capture = { kind: "conv2d", examples: 1, geometry: PIXEL };
    }
    const names: string[] = [];
    const run = (bad?: string) => {
      const call = madeUpCall(verb, ONES, parts, (name, rows, cols) => {
        if (bad === undefined) names.push(name);
        const matrix = backend.alloc(rows, cols);
        if (name === bad) matrix[Symbol.dispose]();
        return matrix;
      });
      (backend[verb] as (...call: unknown[]) => void)(...call);
    };
    run();
    assert.ok(names.length >= 2);
    for (const bad of names) {
      const reason = "its storage has been disposed, or its scratch scope has ended";
      throwsWith(() => run(bad), StateError, `Cannot run ${verb} with this '${bad}': ${reason}`);
    }
  });
}

Deno.test("flopsOf() and bytesOf() are finite and >= 0 for every verb", () => {
  const letters = "m n k d N T h w C K l dIn dOut taps d+1 kOut kIn kOut+1 kIn+1 P V W".split(" ");
  const sizes = Object.fromEntries(letters.map((letter) => [letter, 4]));
  for (const verb of Object.keys(KERNEL_TABLE) as (keyof typeof KERNEL_TABLE)[]) {
    assert.ok(flopsOf(verb, sizes) >= 0, verb);
    assert.ok(bytesOf(verb, sizes) > 0 || verb === "evaluate", verb);
  }
  assert.equal(flopsOf("gemm", { m: 2, n: 3, k: 4 }), 48);
  assert.equal(bytesOf("gemm", { m: 2, n: 3, k: 4 }), 4 * (6 + 8 + 12));
});
