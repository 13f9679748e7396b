import assert from "#assert";
import { NumericalError } from "@tekfac/tekfac/core";
import { dueAt, resolvePlan, type TekfacBlock } from "@tekfac/tekfac/curvature";
import { type KroneckerPreconditioner, tekfac } from "@tekfac/tekfac/optim";
import { makeBatch, problemOf, referenceBackend, smallModel } from "../optim/problem.ts";

Deno.test("dueAt() follows the dense start, then the intervals", () => {
  const plan = resolvePlan("test", {});
  const steps = (what: "statistics" | "eigenvalues"): number[] =>
    Array.from({ length: 41 }, (_, step) => step).filter((step) => dueAt(plan, step, 2)[what]);
  assert.deepEqual(steps("statistics"), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 20, 30, 40]);
  assert.deepEqual(steps("eigenvalues"), steps("statistics"));
  const bases = Array.from({ length: 301 }, (_, step) => step)
    .filter((step) => dueAt(plan, step, 2).bases.length === 2);
  assert.deepEqual(bases, [0, 3, 10, 25, 50, 100, 200, 300]);
});

Deno.test("dueAt() staggered: every layer once per interval, never all at once but at step 0", () => {
  const plan = resolvePlan("test", { intervals: { basis: 6 }, denseStart: false, staggered: true });
  const layers = 3;
  assert.deepEqual(dueAt(plan, 0, layers).bases, [0, 1, 2]);
  for (let start = 1; start < 20; start++) {
    const seen: number[] = [];
    for (let step = start; step < start + 6; step++) {
      const { bases } = dueAt(plan, step, layers);
      assert(bases.length <= 1);
      seen.push(...bases);
    }
    assert.deepEqual(seen.sort(), [0, 1, 2]);
  }
});

Deno.test("dueAt() takes intervals that change with the step", () => {
  const plan = resolvePlan("test", {
    intervals: { statistics: (step) => step < 4 ? 1 : 4 },
    denseStart: false,
  });
  const due = Array.from({ length: 12 }, (_, step) => dueAt(plan, step, 1).statistics);
  assert.deepEqual(due.map(Number), [1, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0]);
});

Deno.test("staleness: a basis stands while its off-diagonal share is small, and the report says so", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  using optimizer = tekfac(problemOf(model), {
    intervals: { basis: 1, statistics: 1 },
    denseStart: false,
    staleness: 0.9,
  });
  const batch = makeBatch(16, 0);
  const first = optimizer.stepSync(batch).layers[0].refresh!;
  assert.deepEqual(first.how, ["jacobi", "jacobi"]);
  assert.equal(first.offDiagonalShare, undefined);
  const second = optimizer.stepSync(batch).layers[0].refresh!;
  assert.deepEqual(second.how, ["kept", "kept"]);
  assert(second.offDiagonalShare! > 0 && second.offDiagonalShare! < 0.9);
});

Deno.test("a failed decomposition leaves the basis in force, is reported, and throws when it persists", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  using optimizer = tekfac(problemOf(model), {
    intervals: { basis: 1, statistics: 1000, eigenvalues: 1000 },
    denseStart: false,
    toleratedFailures: 2,
  });
  const batch = makeBatch(16, 0);
  optimizer.stepSync(batch);
  const { estimator } = optimizer.preconditioner as KroneckerPreconditioner;
  const block = estimator.blocks[0] as TekfacBlock;
  const basis = backend.readSync(block.basis.input);
  const factor = backend.readSync(block.inputFactor);
  backend.write(block.inputFactor, factor.map(() => NaN));
  for (let failure = 1; failure <= 2; failure++) {
    const { refresh } = optimizer.stepSync(batch).layers[0];
    assert.deepEqual(refresh!.how, ["jacobi", "failed"]);
    assert.deepEqual(backend.readSync(block.basis.input), basis);
    assert.equal(estimator.failures[0], failure);
  }
  assert.throws(
    () => optimizer.stepSync(batch),
    (e: unknown) =>
      e instanceof NumericalError && e.layer === "dense1" && e.quantity === "basis" &&
      /3 times in a row\. Try/.test(e.message),
  );
  backend.write(block.inputFactor, factor);
  optimizer.stepSync(batch);
  assert.equal(estimator.failures[0], 0);
});

for (const deterministic of [true, false]) {
  Deno.test(`refresh in the background, ${deterministic ? "" : "not "}deterministic: the old basis serves, the new one is adopted in time`, () => {
    using backend = referenceBackend();
    using model = smallModel(backend);
    using optimizer = tekfac(problemOf(model), {
      intervals: { basis: 4, statistics: 1 },
      denseStart: false,
      refresh: { kind: "background", delay: 2, deterministic },
    });
    const { estimator } = optimizer.preconditioner as KroneckerPreconditioner;
    const block = estimator.blocks[0] as TekfacBlock;
    const adopted: number[] = [];
    let basis = backend.readSync(block.basis.input);
    for (let step = 0; step < 12; step++) {
      const { layers } = optimizer.stepSync(makeBatch(16, step));
      const now = backend.readSync(block.basis.input);
      const moved = now.some((value, i) => value !== basis[i]);
      assert.equal(layers[0].refresh !== undefined, moved);
      if (moved) adopted.push(step);
      basis = now;
    }
    // The first is immediate; without threads nothing is ready before it is waited for.
    assert.deepEqual(adopted, [0, 6, 10]);
  });
}

Deno.test("refresh in the background solves the factors as they were when it began", () => {
  using backend = referenceBackend();
  using a = smallModel(backend), b = smallModel(backend);
  const options = {
    intervals: { basis: 3, statistics: 1 },
    denseStart: false,
    learningRate: 0,
  } as const;
  using late = tekfac(problemOf(a), { ...options, refresh: { kind: "background", delay: 2 } });
  using early = tekfac(problemOf(b), options);
  const basisOf = (optimizer: typeof late): number[] => {
    const { estimator } = optimizer.preconditioner as KroneckerPreconditioner;
    return [...backend.readSync((estimator.blocks[0] as TekfacBlock).basis.input)];
  };
  for (let step = 0; step < 4; step++) {
    late.stepSync(makeBatch(16, step));
    early.stepSync(makeBatch(16, step));
  }
  const expected = basisOf(early);
  late.stepSync(makeBatch(16, 4));
  assert.notDeepEqual(basisOf(late), expected);
  late.stepSync(makeBatch(16, 5));
  assert.deepEqual(basisOf(late), expected);
});
