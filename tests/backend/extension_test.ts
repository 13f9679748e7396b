/** Verbs that are loaded when a program asks for them. */
import assert from "#assert";
import {
  type Backend,
  CheckedBackend,
  createBackend,
  createReferenceKernels,
  createThreadedKernels,
  createWasmKernels,
  kernelBinary,
  sequenceVerbs,
} from "@tekfac/tekfac/backend";
import { Random, StateError } from "@tekfac/tekfac/core";
import { denseMatrix } from "@tekfac/tekfac/linalg";
import { gelu, layerNorm, sequential } from "@tekfac/tekfac/nn";
import { allClose, randomMatrix, upload } from "@tekfac/tekfac/testing";

const [ROWS, COLS] = [200, 37];

/** Row norms and gelu of the same numbers on any backend. */
function resultsOn(backend: Backend): number[] {
  using x = upload(backend, randomMatrix(new Random(1), ROWS, COLS));
  using weights = upload(backend, randomMatrix(new Random(2), 2, COLS));
  return backend.scope(() => {
    const [normed, smooth] = [backend.scratch(ROWS, COLS), backend.scratch(ROWS, COLS)];
    backend.rowNorm("layer", normed, x, weights, 1e-5);
    backend.activation("gelu", smooth, x);
    return [...backend.readSync(normed), ...backend.readSync(smooth)];
  });
}

function unit(n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, i) => i % (n + 1) === 0 ? 1 : 0);
}

function expected(): number[] {
  using reference = new CheckedBackend(createReferenceKernels(), []);
  reference.extend(sequenceVerbs);
  return resultsOn(reference);
}

const NEAR = { absolute: 1e-5 };

Deno.test("verbs that are not loaded say how to load them, and the others work", () => {
  using backend = new CheckedBackend(createWasmKernels(), []);
  using x = backend.alloc(2, 3);
  using out = backend.alloc(2, 3);
  const message =
    /its kernels are not loaded, call backend\.extend\(\) with sequenceVerbs, batchNormVerbs, depthwiseVerbs or densityLossVerbs$/;
  const error = (what: string) => (error: unknown) =>
    error instanceof StateError && error.message.startsWith(`Cannot run ${what}:`) &&
    message.test(error.message);
  assert.throws(() => backend.rowNorm("rms", out, x, x, 1), error("rowNorm"));
  for (const kind of ["gelu", "geluTanh", "silu", "softplus"] as const) {
    assert.throws(() => backend.activation(kind, x, x), error(`activation '${kind}'`));
    assert.throws(() => backend.activationGradient(kind, out, x, x), error(`activation '${kind}'`));
  }
  backend.activation("relu", x, x);
});

for (const simd of ["relaxed", "baseline"] as const) {
  Deno.test(`extend() adds verbs to the ${simd} build, once, over the same memory`, () => {
    using backend = new CheckedBackend(createWasmKernels({ simd }), []);
    for (let i = 0; i < 2; i++) backend.extend(sequenceVerbs);
    allClose(resultsOn(backend), expected(), NEAR);
    // Both see memory that came later.
    using large = backend.alloc(3000, 2000);
    using weights = upload(backend, denseMatrix(1, 2000, new Float64Array(2000).fill(1)));
    using out = backend.alloc(3000, 2000);
    backend.write(large, new Float32Array(6e6).fill(2));
    backend.rowNorm("rms", out, large, weights, 1e-12);
    backend.activation("tanh", out, out);
    assert(Math.abs(backend.readSync(out).at(-1)! - Math.tanh(1)) < 1e-6);
  });
}

Deno.test("extend() works beside a module that the host has compiled", async () => {
  const module = await WebAssembly.compile(kernelBinary("baseline"));
  using backend = await createBackend({ module });
  backend.extend(sequenceVerbs);
  allClose(resultsOn(backend), expected(), NEAR);
});

Deno.test("layers load the verbs they need when they are built", async () => {
  using backend = await createBackend();
  using _ = sequential(backend, { input: [2, 3], layers: [layerNorm()] });
  resultsOn(backend);
  using other = await createBackend();
  using __ = sequential(other, { input: [2, 3], layers: [gelu()] });
  resultsOn(other);
});

Deno.test("extend() reaches threads that are at work, and lets what runs beside finish", () => {
  using backend = new CheckedBackend(createThreadedKernels({ threads: 3, grain: 0 }), []);
  const random = new Random(3);
  const square = randomMatrix(random, 40, 40);
  using a = upload(backend, square);
  using matrix = backend.alloc(40, 40);
  using vectors = backend.alloc(40, 40);
  using back = backend.alloc(40, 40);
  using one = upload(backend, denseMatrix(40, 40, unit(40)));
  using values = backend.alloc(1, 40);
  using status = backend.alloc(1, 3);
  const symmetric = () => backend.gemm(matrix, a, a, { transposeB: true });
  symmetric();
  const ticket = backend.beginEigh([{ matrix, vectors, values, status }]);
  backend.extend(sequenceVerbs);
  allClose(resultsOn(backend), expected(), NEAR);
  ticket.finish();
  assert(backend.readSync(status)[0] > 0);
  backend.scope(() => {
    // Q diag(values) Q^T is the matrix again.
    const scaled = backend.scratch(40, 40);
    const transposed = backend.scratch(40, 40);
    backend.gemm(transposed, vectors, one, { transposeA: true });
    backend.scaleRows(scaled, transposed, values);
    backend.gemm(back, vectors, scaled);
  });
  symmetric();
  const numbers = [...backend.readSync(matrix)];
  allClose(backend.readSync(back), numbers, { absolute: 1e-3 * Math.max(...numbers) });
});
