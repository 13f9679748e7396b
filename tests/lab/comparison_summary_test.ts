import assert from "#assert";
import type { SeededRun } from "../../lab/comparison.ts";
import { type ComparisonCircumstances, summarizeComparison } from "../../lab/comparison_summary.ts";
import { comparisonTables } from "../../lab/comparison_tables.ts";
import { lossAfter, secondsTo } from "../../lab/course.ts";
import type { Finding } from "../../lab/laboratory.ts";

/** A run whose training loss falls by `factor` in each of its epochs of `seconds` each. */
function run(seed: number, factor: number, seconds: number, epochs = 4): SeededRun {
  const trainLoss = (epoch: number): number => factor ** epoch;
  return {
    seed,
    epochs: Array.from({ length: epochs }, (_, i) => ({
      epoch: i + 1,
      runningLoss: trainLoss(i),
      trainLoss: trainLoss(i + 1),
      testLoss: 1,
      testAccuracy: null,
      seconds: (i + 1) * seconds,
    })),
    initialLoss: 1,
    trainLoss: trainLoss(epochs),
    testLoss: 1,
    testAccuracy: null,
    seconds: epochs * seconds,
    stepMs: seconds,
  };
}

const near = (actual: number | null | undefined, expected: number) =>
  assert.ok(Math.abs(actual! / expected - 1) < 1e-12, `${actual} instead of ${expected}`);

Deno.test("lossAfter() interpolates the logarithm of the loss and holds the last one", () => {
  const halving = run(0, 0.5, 2);
  near(lossAfter(halving, 0), 1);
  near(lossAfter(halving, 3), 0.5 ** 1.5);
  near(lossAfter(halving, 4), 0.25);
  near(lossAfter(halving, 99), 0.5 ** 4);
});

Deno.test("secondsTo() is the inverse of lossAfter(), and says when a loss was never reached", () => {
  const halving = run(0, 0.5, 2);
  for (const seconds of [0.5, 2, 3.3, 8]) {
    near(secondsTo(halving, lossAfter(halving, seconds)!), seconds);
  }
  assert.equal(secondsTo(halving, 1), 0);
  assert.equal(secondsTo(halving, 0.5 ** 4 * 0.99), undefined);
});

Deno.test("lossAfter() and secondsTo() take a loss of 0, and a run without evaluations", () => {
  const perfect = { ...run(0, 0.5, 1, 1), initialLoss: 2 };
  const exact = { ...perfect, epochs: [{ ...perfect.epochs[0], trainLoss: 0 }] };
  near(lossAfter(exact, 0.5), 1);
  near(secondsTo(exact, 0.5), 0.75);
  const { initialLoss: _, ...bare } = perfect;
  assert.equal(lossAfter(bare, 1), undefined);
  assert.equal(secondsTo(bare, 1), undefined);
});

const circumstances: ComparisonCircumstances = {
  command: "deno task compare",
  model: "mlp",
  data: "glyphs",
  trainingImages: 8,
  testImages: 2,
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
    trials: [{ point: {}, trainLoss: 2 }, { point: { tau: 3 }, trainLoss: null }],
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
  const [tekfac, adam, sgd] = summary.optimizers.map(({ lossAtEqualTime }) =>
    lossAtEqualTime!.mean
  );
  near(summary.equalSeconds, 4);
  near(tekfac, 0.25 ** (4 / 3));
  near(adam, 0.25);
  near(sgd, 0.7 ** 4);
});

Deno.test("summarizeComparison() times everyone to where the better of SGD and Adam ends", () => {
  assert.equal(summary.target?.optimizer, "adam");
  near(summary.target?.loss, 0.5 ** 4);
  const [tekfac, adam, sgd] = summary.optimizers.map(({ toTarget }) => toTarget!);
  // Two of TEKFAC's epochs of 3 s instead of four of Adam's of 2 s.
  near(tekfac.ratio?.ratio, 6 / 8);
  assert.deepEqual([tekfac.reached, tekfac.of], [2, 2]);
  near(adam.ratio?.ratio, 1);
  assert.deepEqual([sgd.reached, sgd.ratio, sgd.seconds], [0, null, null]);
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
    timed: { epochs, runs: finding.runs.map((run) => ({ ...run, trainLoss: loss, seconds: 4 })) },
  });
  const { optimizers, pairsAtEqualTime } = summarizeComparison(circumstances, {
    optimizers: [
      timed(finding("tekfac", [run(0, 0.25, 3), run(1, 0.25, 3)]), 1, 0.2),
      timed(finding("sgd", [run(0, 0.7, 1), run(1, 0.7, 1)]), 4, 0.8),
    ],
    ...{ complete: true, done: 4, total: 4 },
  });
  near(optimizers[0].lossAtEqualTime?.mean, 0.2);
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
  assert.deepEqual([empty.equalSeconds, empty.target, empty.optimizers[0].toTarget], [
    null,
    null,
    null,
  ]);
});

Deno.test("comparisonTables() shows times, ratios and the search", () => {
  const tables = comparisonTables(summary);
  assert.deepEqual(tables.map(({ title }) => title), [
    "After 4 s of training",
    "Time to the training loss of adam after 4 epochs",
    "Ratios of training losses",
    "Search",
  ]);
  for (const { head, rows } of tables) {
    for (const row of rows) assert.equal(row.length, head.length);
  }
  const [tekfac, adam, sgd] = tables[1].rows;
  assert.deepEqual(tekfac, ["tekfac", "2 of 2", "6 s", "0.75 (0.75 to 0.75)"]);
  assert.deepEqual(adam, ["adam", "2 of 2", "8 s", "1 (1 to 1)"]);
  assert.deepEqual(sgd, ["sgd", "0 of 2", "-", "-"]);
  assert.deepEqual(tables[3].rows[0], ["tekfac", "as in the recipe", "2", "2", "1"]);
});
