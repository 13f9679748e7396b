import assert from "#assert";
import { type Backend, EighStatus } from "@tekfac/tekfac/backend";
import { type Matrix, Random } from "@tekfac/tekfac/core";
import * as linalg from "@tekfac/tekfac/linalg";
import {
  allClose,
  download,
  edgeSizes,
  randomMatrix,
  randomSymmetric,
  stressSpectra,
  upload,
  uploadStrided,
} from "@tekfac/tekfac/testing";
import { ALLOWED, checkSolution, type Solution, stressFamilies, wilkinson } from "./_eigh.ts";
import { rounded, ROUNDOFF, wasmBackend } from "./_parity.ts";

function solve(
  wasm: Backend,
  x: linalg.DenseMatrix,
  past: { previous?: linalg.DenseMatrix; staleness?: number } = {},
): Solution {
  const { owner, view: matrix } = uploadStrided(wasm, x);
  using _owner = owner;
  using vectors = wasm.alloc(x.rows, x.rows);
  using values = wasm.alloc(1, x.rows);
  using status = wasm.alloc(1, 3);
  const job = { matrix, vectors, values, status, staleness: past.staleness ?? 0 };
  if (past.previous) {
    using previous = upload(wasm, past.previous);
    wasm.eigh([{ ...job, previous: previous as Matrix }]);
  } else wasm.eigh([job]);
  return {
    vectors: download(wasm, vectors),
    values: download(wasm, values),
    status: [...wasm.readSync(status)],
  };
}

for (const simd of ["relaxed", "baseline"] as const) {
  Deno.test(`eigh() solves the stress families to 3e-6 [wasm ${simd}]`, () => {
    using wasm = wasmBackend(simd);
    const random = new Random(3);
    for (const n of [...edgeSizes(4, 8, 32), 2, 50, 64, 65, 96, 130]) {
      for (const [name, x] of stressFamilies(random, n)) {
        const solution = solve(wasm, x);
        checkSolution(x, solution, `${name} ${n}`);
        assert.equal(solution.status[1], -1);
        assert.ok(solution.values.data.every((v, i, all) => i === 0 || v >= all[i - 1]), name);
      }
    }
  });

  Deno.test(`eigh() finds the reference's eigenvalues to 1e-5 of the largest [wasm ${simd}]`, () => {
    using wasm = wasmBackend(simd);
    const random = new Random(4);
    for (const n of [1, 2, 5, 33, 70]) {
      const x = rounded(linalg.secondMoment(randomMatrix(random, 2 * n, n)));
      const expected = linalg.eigh(x).values;
      const largest = Math.max(...expected);
      allClose(solve(wasm, x).values.data, expected, { absolute: 1e-5 * largest, label: `n ${n}` });
    }
  });
}

Deno.test("eigh() keeps a basis that is not stale and solves anew when it is", () => {
  using wasm = wasmBackend("relaxed");
  const random = new Random(5);
  for (const n of [3, 24, 60]) {
    const spectrum = Float64Array.from({ length: n }, (_, i) => 0.8 ** i);
    const x = rounded(randomSymmetric(random, spectrum));
    const first = solve(wasm, x);
    const moved = rounded(linalg.mapMatrix(x, (value) => value));
    const noise = randomSymmetric(random, Float64Array.from({ length: n }, () => random.normal()));
    noise.data.forEach((value, i) => moved.data[i] = Math.fround(moved.data[i] + 3e-4 * value));

    const kept = solve(wasm, moved, { previous: first.vectors, staleness: 0.5 });
    assert.equal(kept.status[0], EighStatus.kept);
    assert.ok(kept.status[1] > 1e-5 && kept.status[1] < 0.1);
    assert.deepEqual(kept.vectors.data, first.vectors.data);

    const warm = solve(wasm, moved, { previous: first.vectors, staleness: 1e-6 });
    const expected = n <= 32 ? EighStatus.jacobi : EighStatus.divideAndConquer;
    assert.equal(warm.status[0], expected);
    checkSolution(moved, warm, `warm ${n}`);
  }
});

Deno.test("eigh() starts warm from bases that are nearly right, whatever the spectrum", () => {
  using wasm = wasmBackend("relaxed");
  const random = new Random(8);
  for (const n of [2, 7, 8, 17, 32]) {
    for (const [name, spectrum] of Object.entries(stressSpectra(n))) {
      const x = rounded(randomSymmetric(random, spectrum));
      const norm = linalg.frobeniusNorm(x);
      if (norm === 0) continue;
      const { vectors: previous } = solve(wasm, x);
      for (const share of [0, 1e-5, 1e-3]) {
        const noise = linalg.secondMoment(randomMatrix(random, n, n));
        const size = share * norm / linalg.frobeniusNorm(noise);
        const moved = linalg.denseMatrix(n, n, x.data.map((v, i) => v + size * noise.data[i]));
        const warm = solve(wasm, rounded(moved), { previous });
        const label = `${name} ${n}, moved by ${share}`;
        checkSolution(rounded(moved), warm, label);
        assert.equal(warm.status[0], EighStatus.jacobi, label);
      }
    }
  }
});

Deno.test("eigh() stays orthogonal over a thousand warm starts", () => {
  using wasm = wasmBackend("relaxed");
  const random = new Random(6);
  for (const n of [16, 32]) {
    const spectrum = Float64Array.from({ length: n }, (_, i) => 0.7 ** i);
    const x = rounded(randomSymmetric(random, spectrum));
    let solution = solve(wasm, x);
    for (let step = 0; step < 1000; step++) {
      for (let i = 0; i < n; i++) {
        const j = random.integer(n);
        const value = Math.fround(x.data[i * n + j] + 1e-4 * random.normal());
        x.data[i * n + j] = x.data[j * n + i] = value;
      }
      solution = solve(wasm, x, { previous: solution.vectors });
      assert.equal(solution.status[0], EighStatus.jacobi);
    }
    checkSolution(x, solution, `n ${n} after 1000 steps`);
  }
});

/** A vector of signs. */
function signs(random: Random, n: number): Float64Array {
  return Float64Array.from({ length: n }, () => random.integer(2) === 0 ? 1 : -1);
}

/** X v, or X^T v. */
function times(x: linalg.DenseMatrix, v: Float64Array, transpose = false): Float64Array {
  const out = new Float64Array(transpose ? x.cols : x.rows);
  for (let i = 0; i < x.rows; i++) {
    for (let j = 0; j < x.cols; j++) {
      if (transpose) out[j] += x.data[i * x.cols + j] * v[i];
      else out[i] += x.data[i * x.cols + j] * v[j];
    }
  }
  return out;
}

/**
 * The same shares of the allowance as {@linkcode checkSolution}, estimated from products with random
 * signs s: the mean of `|E s|^2` is `|E|_F^2`.
 */
function checkLargeSolution(
  random: Random,
  x: linalg.DenseMatrix,
  { vectors, values }: Solution,
  label: string,
): void {
  const n = x.rows;
  const norm = linalg.frobeniusNorm(x) || 1;
  const trials = 4;
  let [residual, deviation] = [0, 0];
  for (let trial = 0; trial < trials; trial++) {
    const s = signs(random, n);
    const scaled = times(vectors, s.map((sign, i) => sign * values.data[i]));
    const qs = times(vectors, s);
    times(x, qs).forEach((value, i) => residual += ((value - scaled[i]) / norm) ** 2);
    times(vectors, qs, true).forEach((value, i) => deviation += (value - s[i]) ** 2 / n);
  }
  for (const [name, sum] of [["residual", residual], ["orthogonality", deviation]] as const) {
    const size = Math.sqrt(sum / trials);
    assert.ok(size <= ALLOWED, `${label}: ${name} ${size.toExponential(2)} > ${ALLOWED}`);
  }
}

Deno.test("eigh() solves large stress families to 3e-6", () => {
  using wasm = wasmBackend("relaxed");
  const random = new Random(9);
  for (const n of [257, 512]) {
    using inputs = upload(wasm, rounded(randomMatrix(random, 2 * n, n)));
    using moment = wasm.alloc(n, n);
    wasm.secondMoment(moment, inputs);
    const secondMoment = download(wasm, moment);
    const { vectors } = solve(wasm, secondMoment);
    using q = upload(wasm, vectors);
    using scaled = wasm.alloc(n, n);
    const families: Record<string, linalg.DenseMatrix> = { wilkinson: wilkinson(n), secondMoment };
    for (const [name, spectrum] of Object.entries(stressSpectra(n))) {
      wasm.write(scaled, vectors.data.map((value, i) => value * spectrum[i % n]));
      wasm.gemm(moment, scaled, q, { transposeB: true });
      families[name] = symmetric(download(wasm, moment));
    }
    for (const [name, x] of Object.entries(families)) {
      checkLargeSolution(random, x, solve(wasm, x), `${name} ${n}`);
    }
  }
});

/** The matrix with its upper triangle below the diagonal as well. */
function symmetric(x: linalg.DenseMatrix): linalg.DenseMatrix {
  const n = x.rows;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) x.data[i * n + j] = x.data[j * n + i];
  }
  return x;
}

Deno.test("eigh() reports NaN and infinity as a status and leaves the previous basis", () => {
  using wasm = wasmBackend("relaxed");
  for (const bad of [NaN, Infinity]) {
    for (const n of [2, 20]) {
      const x = linalg.denseMatrix(n, n);
      x.data[n + 1] = bad;
      const previous = linalg.identityMatrix(n);
      const failed = solve(wasm, x, { previous, staleness: 0.5 });
      assert.equal(failed.status[0], EighStatus.failed);
      assert.deepEqual(failed.vectors.data, previous.data);
      const cold = solve(wasm, x);
      assert.equal(cold.status[0], EighStatus.failed);
      assert.ok(cold.vectors.data.every((value) => value === 0), "vectors were written");
    }
  }
});

Deno.test("eigh() of a scaled matrix has scaled eigenvalues", () => {
  using wasm = wasmBackend("relaxed");
  const x = rounded(linalg.secondMoment(randomMatrix(new Random(7), 80, 40)));
  const values = solve(wasm, x).values.data;
  for (const scale of [2 ** 40, 2 ** -40]) {
    const scaled = solve(wasm, linalg.mapMatrix(x, (value) => scale * value)).values.data;
    allClose(scaled, values.map((value) => scale * value), { relative: 4 * ROUNDOFF });
  }
});
