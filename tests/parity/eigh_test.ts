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
  upload,
  uploadStrided,
} from "@tekfac/tekfac/testing";
import { checkSolution, type Solution, stressFamilies } from "./_eigh.ts";
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

Deno.test("eigh() stays orthogonal over a thousand warm starts", () => {
  using wasm = wasmBackend("relaxed");
  const random = new Random(6);
  const n = 16;
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
  checkSolution(x, solution, "after 1000 steps");
});

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
      assert.equal(solve(wasm, x).status[0], EighStatus.failed);
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
