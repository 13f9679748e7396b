import assert from "#assert";
import { type Backend, type EighJob, EighStatus } from "@tekfac/tekfac/backend";
import { type OwnedMatrix, Random } from "@tekfac/tekfac/core";
import * as linalg from "@tekfac/tekfac/linalg";
import {
  allClose,
  edgeSizes,
  randomMatrix,
  randomSymmetric,
  upload,
  uploadStrided,
} from "@tekfac/tekfac/testing";
import { checkSolution, type Solution, stressFamilies } from "./_eigh.ts";
import { gpuTest, rounded, ROUNDOFF } from "./_parity.ts";

/** One problem of a batch. */
interface Problem {
  readonly x: linalg.DenseMatrix;
  readonly previous?: linalg.DenseMatrix;
  readonly staleness?: number;
}

/** Solves all problems in one call. */
async function solve(gpu: Backend, problems: readonly Problem[]): Promise<Solution[]> {
  const owners: OwnedMatrix[] = [];
  const keep = (m: OwnedMatrix): OwnedMatrix => {
    owners.push(m);
    return m;
  };
  const jobs = problems.map(({ x, previous, staleness = 0 }): EighJob => {
    const { owner, view: matrix } = uploadStrided(gpu, x);
    keep(owner);
    const n = x.rows;
    return {
      matrix,
      vectors: keep(gpu.alloc(n, n)),
      values: keep(gpu.alloc(1, n)),
      status: keep(gpu.alloc(1, 3)),
      staleness,
      ...(previous && { previous: keep(upload(gpu, previous)) }),
    };
  });
  gpu.eigh(jobs);
  const solutions = jobs.map(async ({ vectors, values, status }): Promise<Solution> => {
    const numbers = [gpu.read(vectors), gpu.read(values), gpu.read(status)];
    const [q, v, word] = await Promise.all(numbers);
    return {
      vectors: linalg.denseMatrix(vectors.rows, vectors.cols, q),
      values: linalg.denseMatrix(1, values.cols, v),
      status: [...word],
    };
  });
  for (const owner of owners) owner[Symbol.dispose]();
  return await Promise.all(solutions);
}

gpuTest("eigh() solves the stress families to 3e-6, in one batch", async (gpu) => {
  const random = new Random(3);
  const problems: (Problem & { readonly label: string })[] = [];
  for (const n of [...edgeSizes(4, 8, 32), 2, 50, 64, 65, 96, 130]) {
    for (const [name, x] of stressFamilies(random, n)) problems.push({ x, label: `${name} ${n}` });
  }
  const solutions = await solve(gpu, problems);
  problems.forEach(({ x, label }, i) => {
    const { status, values: { data } } = solutions[i];
    assert.equal(status[0], EighStatus.jacobi, `${label}: status ${status}`);
    assert.equal(status[1], -1);
    checkSolution(x, solutions[i], label);
    assert.ok(data.every((v, i) => i === 0 || v >= data[i - 1]), `${label}: not ascending`);
  });
});

gpuTest("eigh() finds the reference's eigenvalues to 1e-5 of the largest", async (gpu) => {
  const random = new Random(4);
  const problems = [1, 2, 5, 33, 70].map((n) => {
    return { x: rounded(linalg.secondMoment(randomMatrix(random, 2 * n, n))) };
  });
  const solutions = await solve(gpu, problems);
  problems.forEach(({ x }, i) => {
    const expected = linalg.eigh(x).values;
    const absolute = 1e-5 * Math.max(...expected);
    allClose(solutions[i].values.data, expected, { absolute, label: `n ${x.rows}` });
  });
});

gpuTest("eigh() keeps a basis that is not stale and solves anew when it is", async (gpu) => {
  const random = new Random(5);
  for (const n of [3, 24, 80]) {
    const spectrum = Float64Array.from({ length: n }, (_, i) => 0.8 ** i);
    const x = rounded(randomSymmetric(random, spectrum));
    const [first] = await solve(gpu, [{ x }]);
    const noise = randomSymmetric(random, Float64Array.from({ length: n }, () => random.normal()));
    const moved = rounded(linalg.mapMatrix(x, (value, e) => value + 3e-4 * e, noise));
    const previous = first.vectors;
    const [kept, warm] = await solve(gpu, [
      { x: moved, previous, staleness: 0.5 },
      { x: moved, previous, staleness: 1e-6 },
    ]);
    assert.equal(kept.status[0], EighStatus.kept);
    assert.ok(kept.status[1] > 1e-5 && kept.status[1] < 0.1);
    assert.deepEqual(kept.vectors.data, previous.data);
    const diagonal = linalg.rotateInto(moved, { output: previous, input: previous }).data
      .filter((_, i) => i % (n + 1) === 0);
    allClose(kept.values.data, diagonal, { absolute: 4 * n * ROUNDOFF });
    assert.equal(warm.status[0], EighStatus.jacobi);
    checkSolution(moved, warm, `warm ${n}`);
  }
});

gpuTest("eigh() stays orthogonal over a hundred warm starts", async (gpu) => {
  const random = new Random(6);
  const n = 16;
  const spectrum = Float64Array.from({ length: n }, (_, i) => 0.7 ** i);
  const x = rounded(randomSymmetric(random, spectrum));
  let [solution] = await solve(gpu, [{ x }]);
  for (let step = 0; step < 100; step++) {
    for (let i = 0; i < n; i++) {
      const j = random.integer(n);
      const value = Math.fround(x.data[i * n + j] + 1e-4 * random.normal());
      x.data[i * n + j] = x.data[j * n + i] = value;
    }
    [solution] = await solve(gpu, [{ x, previous: solution.vectors }]);
    assert.equal(solution.status[0], EighStatus.jacobi);
  }
  checkSolution(x, solution, "after 100 steps");
});

gpuTest("eigh() reports NaN and infinity as a status, leaves the previous basis", async (gpu) => {
  for (const bad of [NaN, Infinity]) {
    for (const n of [2, 20, 100]) {
      const x = linalg.denseMatrix(n, n);
      x.data[n + 1] = bad;
      const previous = linalg.identityMatrix(n);
      const [failed, cold] = await solve(gpu, [{ x, previous, staleness: 0.5 }, { x }]);
      assert.equal(failed.status[0], EighStatus.failed);
      assert.deepEqual(failed.vectors.data, previous.data);
      assert.equal(cold.status[0], EighStatus.failed);
      assert.ok(cold.vectors.data.every((value) => value === 0), "vectors were written");
    }
  }
});

gpuTest("eigh() of a scaled matrix has scaled eigenvalues", async (gpu) => {
  const x = rounded(linalg.secondMoment(randomMatrix(new Random(7), 80, 40)));
  const scales = [1, 2 ** 40, 2 ** -40];
  const problems = scales.map((scale) => ({ x: linalg.mapMatrix(x, (v) => scale * v) }));
  const [{ values }, ...scaled] = await solve(gpu, problems);
  scaled.forEach(({ values: { data } }, i) => {
    const expected = values.data.map((value) => scales[i + 1] * value);
    allClose(data, expected, { relative: 4 * ROUNDOFF });
  });
});
