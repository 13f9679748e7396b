import assert from "#assert";
import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import { DampingAdapter, resolveAdaptation } from "@tekfac/tekfac/curvature";

const options = { interval: 2, decay: 0.5, min: 1e-2, max: 10 };

/** The factors after trials with the given reduction ratios, from 1 on. */
function factorsAfter(
  backend: Backend,
  trials: readonly { readonly after: number; readonly predicted: number }[],
): number[] {
  using adapter = new DampingAdapter(backend, options);
  const row = backend.alloc(1, 3);
  const [before, after, predicted] = [0, 1, 2].map((col) => ({
    ...row,
    offset: row.offset + col,
    cols: 1,
  }));
  try {
    return trials.map((trial) =>
      backend.scope(() => {
        backend.write(row, [1, trial.after, trial.predicted]);
        adapter.judge({ before, after, predicted });
        return backend.readSync(adapter.factor)[0];
      })
    );
  } finally {
    row[Symbol.dispose]();
  }
}

/** Float32 backends hold numbers near 1 to an epsilon of 2^-23; a factor is a few operations. */
const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual / expected - 1) < 8 * 2 ** -23, `${actual} instead of ${expected}`);

for (const name of ["reference", "wasm"] as const) {
  const test = (title: string, body: (backend: Backend) => void) =>
    Deno.test(`DampingAdapter on ${name} ${title}`, async () => {
      using backend = await createBackend({ prefer: [name] });
      body(backend);
      assert.equal(backend.memory().handles, 0);
    });

  test("falls above 3/4, rises below 1/4 and stands in between", (backend) => {
    const trial = (rho: number) => ({ after: 1 - 0.5 * rho, predicted: -0.5 });
    const factors = factorsAfter(backend, [0.76, 0.74, 0.26, 0.24, -3, 1].map(trial));
    [0.25, 0.25, 0.25, 1, 4, 1].forEach((expected, i) => near(factors[i], expected));
  });

  test("takes a loss that is not finite as a failure", (backend) => {
    const trials = [NaN, Infinity].map((after) => ({ after, predicted: -0.5 }));
    const factors = factorsAfter(backend, trials);
    [4, 10].forEach((expected, i) => near(factors[i], expected));
  });

  test("stands where the model predicts no reduction", (backend) => {
    const trials = [{ after: 2, predicted: 0 }, { after: 0.5, predicted: 0.1 }];
    for (const factor of factorsAfter(backend, trials)) assert.equal(factor, 1);
  });

  test("stays within its bounds", (backend) => {
    const good = { after: 0.5, predicted: -0.5 }, bad = { after: 2, predicted: -0.5 };
    near(Math.min(...factorsAfter(backend, Array(10).fill(good))), 1e-2);
    near(Math.max(...factorsAfter(backend, Array(10).fill(bad))), 10);
  });
}

Deno.test("DampingAdapter tries every interval, but not the first step", async () => {
  using backend = await createBackend({ prefer: ["reference"] });
  using adapter = new DampingAdapter(backend, { ...options, interval: 3 });
  const due = Array.from({ length: 8 }, (_, step) => step).filter((step) => adapter.dueAt(step));
  assert.deepEqual(due, [3, 6]);
});

Deno.test("resolveAdaptation() completes options and rejects impossible ones", () => {
  const resolved = resolveAdaptation("Cannot test", {});
  assert.deepEqual(resolved, { interval: 10, decay: 0.95, min: 1e-3, max: 1e3 });
  assert.equal(resolveAdaptation("Cannot test", false), false);
  const wrong = [{ interval: 0 }, { decay: 1 }, { min: 0 }, { min: 2, max: 1 }, { intervall: 5 }];
  for (const options of wrong) {
    assert.throws(() => resolveAdaptation("Cannot test", options), { name: "OptionError" });
  }
});
