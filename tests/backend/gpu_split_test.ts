import assert from "#assert";
import { type Backend, createBackend, createBackendSync } from "@tekfac/tekfac/backend";
import { type Matrix, type OwnedMatrix, Random } from "@tekfac/tekfac/core";
import { allClose } from "@tekfac/tekfac/testing";
import { gpuTest, ROUNDOFF } from "../parity/_parity.ts";

/** Most bytes of a binding: 960 numbers wherever they begin, less than any of the matrices below. */
const BINDING_BYTES = 4096;

const GEOMETRY = {
  channels: 3,
  height: 12,
  width: 10,
  kernel: [3, 3],
  stride: [2, 1],
  padding: [1, 1],
  dilation: [1, 1],
  bias: true,
} as const;
const [EXAMPLES, PIXELS, LOCATIONS, PATCH, OUTPUTS] = [7, 120, 60, 28, 5];

/** Seeded matrices of a backend, disposed together. */
class Bench implements Disposable {
  readonly #random = new Random(3);
  readonly #owned: OwnedMatrix[] = [];

  constructor(readonly backend: Backend) {}

  matrix(rows: number, cols: number): OwnedMatrix {
    const m = this.backend.alloc(rows, cols);
    this.#owned.push(m);
    const uniform = () => this.#random.uniform() - 0.5;
    this.backend.write(m, Float32Array.from({ length: rows * cols }, uniform));
    return m;
  }

  [Symbol.dispose](): void {
    for (const m of this.#owned) m[Symbol.dispose]();
  }
}

/** Calls of verbs, each with the matrices it has written. */
const CALLS: Readonly<Record<string, (b: Backend, make: Bench["matrix"]) => readonly Matrix[]>> = {
  ...Object.fromEntries(
    [[false, false], [false, true], [true, false], [true, true]].map(([transposeA, transposeB]) => [
      `gemm ${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`,
      (b: Backend, make: Bench["matrix"]) => {
        const [m, n, k] = [52, 36, 60];
        const a = transposeA ? make(k, m) : make(m, k);
        const right = transposeB ? make(n, k) : make(k, n);
        const c = make(m, n);
        b.gemm(c, a, right, { transposeA, transposeB, alpha: -1.5, beta: 0.5 });
        return [c];
      },
    ]),
  ),
  secondMoment(b, make) {
    const [c, x, weights] = [make(9, 9), make(400, 9), make(1, 400)];
    for (let i = 0; i < 2; i++) b.secondMoment(c, x, { weights, decay: i, scale: 0.5 });
    return [c];
  },
  squaredProjection(b, make) {
    const theta = make(OUTPUTS, PATCH);
    const [outputGradients, images] = [
      make(EXAMPLES * LOCATIONS, OUTPUTS),
      make(EXAMPLES * PIXELS, 3),
    ];
    const capture = { examples: EXAMPLES, geometry: GEOMETRY, outputGradients, images };
    b.squaredProjection(theta, { kind: "conv2d", ...capture }, undefined, { decay: 0.5 });
    const dense = make(6, 8);
    const layer = { examples: 300, outputGradients: make(300, 6), inputs: make(300, 8) };
    b.squaredProjection(dense, { kind: "dense", ...layer }, undefined, { decay: 0.5 });
    return [theta, dense];
  },
  projectedMoments(b, make) {
    const [outputGradients, images] = [
      make(EXAMPLES * LOCATIONS, OUTPUTS),
      make(EXAMPLES * PIXELS, 3),
    ];
    const [moments, basis] = [make(3, 5), { output: make(2, OUTPUTS), input: make(4, PATCH) }];
    const capture = { examples: EXAMPLES, geometry: GEOMETRY, outputGradients, images };
    b.projectedMoments(moments, { kind: "conv2d", ...capture }, basis, { decay: 0.5, scale: 0.01 });
    const [dense, few] = [make(3, 4), { output: make(2, 6), input: make(3, 8) }];
    const layer = { examples: 300, outputGradients: make(300, 6), inputs: make(300, 8) };
    b.projectedMoments(dense, { kind: "dense", ...layer }, few, { decay: 0.5 });
    return [moments, dense];
  },
  convolution(b, make) {
    const [images, weights] = [make(EXAMPLES * PIXELS, 3), make(OUTPUTS, PATCH)];
    const [out, g] = [make(EXAMPLES * LOCATIONS, OUTPUTS), make(EXAMPLES * LOCATIONS, OUTPUTS)];
    const [data, gradient] = [make(EXAMPLES * PIXELS, 3), make(OUTPUTS, PATCH)];
    b.conv2d(out, images, weights, GEOMETRY);
    b.conv2dDataGradient(data, g, weights, GEOMETRY);
    b.conv2dWeightGradient(gradient, images, g, GEOMETRY, { decay: 0.5, scale: 2 });
    const moment = make(PATCH, PATCH);
    const location = make(1, EXAMPLES * LOCATIONS);
    // What is decayed has to be symmetric.
    for (const decay of [0, 0.5]) {
      b.patchSecondMoment(moment, images, GEOMETRY, { weights: location, decay });
    }
    const norms = make(1, EXAMPLES * LOCATIONS);
    b.patchSquaredNorms(norms, images, GEOMETRY);
    return [out, data, gradient, moment, norms];
  },
  pooling(b, make) {
    const [images, out] = [make(EXAMPLES * PIXELS, 3), make(EXAMPLES * LOCATIONS, 3)];
    const [g, gradient] = [make(EXAMPLES * LOCATIONS, 3), make(EXAMPLES * PIXELS, 3)];
    b.pool("max", out, images, GEOMETRY);
    b.poolGradient("max", gradient, images, out, g, GEOMETRY);
    return [out, gradient];
  },
  elementwise(b, make) {
    const [rows, cols] = [90, 21];
    const [x, y, out, m, v] = Array.from({ length: 5 }, () => make(rows, cols));
    b.squares(v, x);
    b.axpby(y, 2, x, -1);
    b.activation("tanh", out, y);
    b.activationGradient("tanh", y, out, x);
    b.dampedDivide(x, out, { eigenvalues: v, damping: 0.1 });
    b.adamDirection(out, m, v, x, { beta1: 0.9, beta2: 0.99, epsilon: 1e-3, count: 3 });
    const ones = make(rows, cols + 1);
    b.appendOnes(ones, x);
    const norms = make(1, rows);
    b.rowSquaredNorms(norms, y);
    const scaled = make(rows, cols);
    b.scaleRows(scaled, y, norms);
    const dots = make(1, rows);
    b.rowDots(dots, out, y, { decay: 0.5 });
    return [x, y, out, m, v, ones, norms, scaled, dots];
  },
  reductions(b, make) {
    const [x, y] = [make(90, 21), make(90, 21)];
    const [dot, sum, finite] = [make(1, 1), make(1, 1), make(1, 1)];
    b.dot(dot, x, y, { decay: 0.5, scale: 2 });
    b.sum(sum, x);
    const products = make(1, 3);
    b.stepProducts(products, x, y, x);
    b.allFinite(finite, x);
    b.zeroUnless(y, finite);
    return [dot, sum, products, finite, y];
  },
};

/** The numbers that every call leaves. */
async function results(backend: Backend): Promise<Map<string, Float64Array[]>> {
  const all = new Map<string, Float64Array[]>();
  for (const [name, call] of Object.entries(CALLS)) {
    using bench = new Bench(backend);
    const written = call(backend, (rows, cols) => bench.matrix(rows, cols));
    const numbers = await Promise.all(written.map((m) => backend.read(m)));
    all.set(name, numbers.map((part) => Float64Array.from(part)));
  }
  return all;
}

gpuTest("verbs with matrices larger than a binding run by rows", async () => {
  using reference = createBackendSync({ prefer: ["reference"] });
  using gpu = await createBackend({
    prefer: ["webgpu"],
    allowSoftware: true,
    gpu: { bindingBytes: BINDING_BYTES },
  });
  const expected = await results(reference);
  for (const [label, numbers] of await results(gpu)) {
    numbers.forEach((actual, i) => {
      // Sums of at most 420 terms below 1, and their functions.
      const absolute = 420 * ROUNDOFF;
      allClose(actual, expected.get(label)![i], { absolute, relative: 420 * ROUNDOFF, label });
    });
  }
});

gpuTest("allFinite() sees what is wrong in any part", async () => {
  using gpu = await createBackend({
    prefer: ["webgpu"],
    allowSoftware: true,
    gpu: { bindingBytes: BINDING_BYTES },
  });
  for (const where of [0, 1234, 1889]) {
    using x = gpu.alloc(90, 21);
    using finite = gpu.alloc(1, 1);
    const numbers = new Float32Array(90 * 21);
    numbers[where] = where === 1234 ? Infinity : NaN;
    gpu.write(x, numbers);
    gpu.allFinite(finite, x);
    assert.deepEqual([...await gpu.read(finite)], [0]);
  }
});

gpuTest("what cannot be divided is an error that names verb, bytes and limit", async () => {
  using gpu = await createBackend({
    prefer: ["webgpu"],
    allowSoftware: true,
    gpu: { bindingBytes: BINDING_BYTES },
  });
  using a = gpu.alloc(1, 8);
  using b = gpu.alloc(8, 2000);
  using c = gpu.alloc(1, 2000);
  assert.throws(
    () => gpu.gemm(c, a, b),
    /cannot run gemm: 'c' of its kernel 'gemm' spans 8000 bytes, and the device binds at most 4096/,
  );
});
