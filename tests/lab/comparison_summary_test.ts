import assert from "#assert";
import type { SeededRun } from "../../lab/comparison.ts";
import { type ComparisonCircumstances, summarizeComparison } from "../../lab/comparison_summary.ts";
import { comparisonTables, equalEpochsTable } from "../../lab/comparison_tables.ts";
import type { Finding } from "../../lab/laboratory.ts";

/** A run whose test loss falls by `factor` in each of its epochs of `seconds` each. */
function run(seed: number, factor: number, seconds: number, epochs = 4): SeededRun {
  return {
    seed,
    epochs: Array.from({ length: epochs }, (_, i) => ({
      epoch: i + 1,
      runningLoss: 1,
      testLoss: factor ** (i + 1),
      testAccuracy: null,
      seconds: (i + 1) * seconds,
    })),
    trainLoss: 1,
    testLoss: factor ** epochs,
    testAccuracy: null,
    seconds: epochs * seconds,
    stepMs: seconds,
  };
}

const near = (actual: number | null | undefined, expected: number) =>
  assert.ok(Math.abs(actual! / expected - 1) < 1e-12, `${actual} instead of ${expected}`);

const circumstances: ComparisonCircumstances = {
  command: "deno task compare",
  model: "mlp",
  data: "glyphs",
  metric: "loss",
  trainingExamples: 8,
  testExamples: 2,
  epochs: 4,
  batch: 2,
  seeds: [0, 1],
  search: { trials: 2, seed: 1000, keys: null },
  backend: "wasm",
  machine: "a machine",
  runtime: "a runtime",
  from: "2026-01-01",
  to: "2026-01-02",
  contended: null,
};

function finding(name: Finding["name"], runs: SeededRun[], failures: string[] = []): Finding {
  return {
    name,
    trials: [
      { point: {}, value: 2, seconds: 3 },
      { point: { tau: 3 }, value: null, seconds: 0 },
    ],
    point: {},
    runs,
    failures,
  };
}

const summary = summarizeComparison(circumstances, {
  // TEKFAC: twice the logarithm per epoch, at 1.5 times the time.
  optimizers: [
    finding("tekfac", [run(0, 0.25, 3), run(1, 0.25, 3)]),
    finding("adam", [run(0, 0.5, 2), run(1, 0.5, 2)]),
    finding("sgd", [run(0, 0.7, 1)], ["seed 1: the loss is not finite"]),
  ],
  complete: true,
  done: 12,
  total: 12,
});

Deno.test("summarizeComparison() compares at the time of the quickest optimizer", () => {
  const [tekfac, adam, sgd] = summary.optimizers.map(({ valueAtEqualTime }) =>
    valueAtEqualTime!.mean
  );
  near(summary.equalSeconds, 4);
  near(tekfac, 0.25 ** (4 / 3));
  near(adam, 0.25);
  near(sgd, 0.7 ** 4);
});

Deno.test("summarizeComparison() follows everyone to where the best first-order method ends", () => {
  assert.equal(summary.target?.optimizer, "adam");
  near(summary.target?.value, 0.5 ** 4);
  const [tekfac, adam, sgd] = summary.optimizers.map(({ toTarget }) => toTarget!);
  // Two of TEKFAC's epochs of 3 s instead of four of Adam's of 2 s.
  near(tekfac.epochRatio?.ratio, 2 / 4);
  near(tekfac.timeRatio?.ratio, 6 / 8);
  assert.deepEqual([tekfac.reached, tekfac.of], [2, 2]);
  near(adam.epochRatio?.ratio, 1);
  assert.deepEqual([sgd.reached, sgd.of, sgd.timeRatio, sgd.seconds], [0, 1, null, null]);
});

Deno.test("summarizeComparison() follows each seed to where the baseline ends with it", () => {
  const { target, optimizers: [tekfac] } = summarizeComparison(circumstances, {
    optimizers: [
      finding("tekfac", [run(0, 0.25, 1), run(1, 0.25, 1)]),
      finding("muon", [run(0, 0.5, 1), run(1, 0.9, 1)]),
    ],
    ...{ complete: true, done: 4, total: 4 },
  });
  near(target?.value, (0.5 ** 4 + 0.9 ** 4) / 2);
  const [first, second] = [0.5, 0.9].map((factor) =>
    Math.max(1, 4 * Math.log(factor) / Math.log(0.25))
  );
  near(tekfac.toTarget!.epochRatio!.ratio, Math.sqrt(first / 4 * second / 4));
});

Deno.test("summarizeComparison() pairs equal seeds of every two optimizers", () => {
  const names = summary.pairs.map(({ optimizer, against }) => `${optimizer}/${against}`);
  assert.deepEqual(names, ["tekfac/adam", "tekfac/sgd", "adam/sgd"]);
  near(summary.pairs[0].ratio, 0.5 ** 4);
  assert.deepEqual(summary.pairs.map(({ pairs }) => pairs), [2, 1, 1]);
  assert.equal(summary.pairs[2].low, null);
});

Deno.test("summarizeComparison() takes runs of equal time where there are any", () => {
  const timed = (finding: Finding, epochs: number, loss: number): Finding => ({
    ...finding,
    timed: { epochs, runs: finding.runs.map((run) => ({ ...run, testLoss: loss, seconds: 4 })) },
  });
  const { optimizers, pairsAtEqualTime } = summarizeComparison(circumstances, {
    optimizers: [
      timed(finding("tekfac", [run(0, 0.25, 3), run(1, 0.25, 3)]), 1, 0.2),
      timed(finding("sgd", [run(0, 0.7, 1), run(1, 0.7, 1)]), 4, 0.8),
    ],
    ...{ complete: true, done: 4, total: 4 },
  });
  near(optimizers[0].valueAtEqualTime?.mean, 0.2);
  near(pairsAtEqualTime[0].ratio, 0.25);
  const [table] = comparisonTables({ ...summary, optimizers, pairsAtEqualTime });
  assert.deepEqual(table.rows, [["tekfac", "1", "0.2", "4 s"], ["sgd", "4", "0.8", "4 s"]]);
});

Deno.test("summarizeComparison() is plain JSON, with nulls where nothing can be said", () => {
  assert.deepEqual(JSON.parse(JSON.stringify(summary)), summary);
  const empty = summarizeComparison({ ...circumstances, search: null }, {
    optimizers: [finding("ekfac", [])],
    complete: false,
    done: 0,
    total: 1,
  });
  assert.deepEqual(JSON.parse(JSON.stringify(empty)), empty);
  const { equalSeconds, target, optimizers: [{ toTarget }] } = empty;
  assert.deepEqual([equalSeconds, target, toTarget], [null, null, null]);
});

Deno.test("comparisonTables() shows the way to the target, ratios and the search", () => {
  const tables = [equalEpochsTable(summary), ...comparisonTables(summary)];
  assert.deepEqual(tables.map(({ title }) => title), [
    "After 4 epochs",
    "After 4 s of training",
    "To the test loss of adam after 4 epochs",
    "Ratios of test loss",
    "Search",
  ]);
  for (const { head, rows } of tables) {
    for (const row of rows) assert.equal(row.length, head.length);
  }
  const [tekfac, , sgd] = tables[2].rows;
  assert.deepEqual(tekfac, [
    ...["tekfac", "2 of 2", "2", "0.5 (0.5 to 0.5)", "6 s", "0.75 (0.75 to 0.75)"],
  ]);
  assert.deepEqual(sgd, ["sgd", "0 of 1", "-", "-", "-", "-"]);
  assert.deepEqual(tables[4].rows[0], ["tekfac", "as in the recipe", "2", "2", "1", "3 s"]);
});

Deno.test("summarizeComparison() concludes nothing from an optimizer with a run that did not learn", () => {
  const idle = { ...run(1, 0.99, 1), didNotLearn: true } as const;
  const summary = summarizeComparison(circumstances, {
    optimizers: [
      finding("tekfac", [run(0, 0.5, 2), run(1, 0.5, 2)]),
      finding("adam", [run(0, 0.9, 1), idle]),
      finding("sgd", [run(0, 0.7, 2), run(1, 0.7, 2)]),
    ],
    ...{ complete: true, done: 6, total: 6 },
  });
  assert.deepEqual(summary.optimizers.map(({ notLearned }) => notLearned), [0, 1, 0]);
  assert.equal(summary.target!.optimizer, "sgd");
  assert.equal(summary.optimizers[1].toTarget, null);
  assert.deepEqual(
    summary.pairs.map(({ optimizer, against }) => `${optimizer} / ${against}`),
    ["tekfac / sgd"],
  );
  assert.equal(summary.equalSeconds, 8); // not that of adam
  assert.equal(equalEpochsTable(summary).rows[1].at(-1), "2, 1 did not learn");
});
