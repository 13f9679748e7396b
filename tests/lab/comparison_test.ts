import assert from "#assert";
import { comparisonHead, comparisonRows } from "../../lab/compare_report.ts";
import { type SeededRun, spreadOf } from "../../lab/comparison.ts";

function record(testAccuracy: number | null, seconds: number): SeededRun {
  return {
    seed: 0,
    epochs: [],
    trainLoss: 0.5,
    testLoss: 0.25,
    testAccuracy,
    seconds,
    stepMs: 2,
  };
}

Deno.test("spreadOf() gives mean and range", () => {
  assert.deepEqual(spreadOf([3, 1, 2]), { mean: 2, low: 1, high: 3 });
  assert.equal(spreadOf([]), undefined);
});

Deno.test("comparisonRows() shows mean and half the range, and what diverged", () => {
  const rows = comparisonRows([
    { name: "a", runs: [record(0.96, 1), record(0.98, 3)], failures: [] },
    { name: "b", runs: [record(null, 1)], failures: ["seed 1: diverged"] },
    { name: "c", runs: [], failures: ["seed 0: diverged"] },
  ]);
  assert.deepEqual(rows, [
    ["a", "0.5 ± 0", "0.25 ± 0", "97.00 ± 1.00 %", "2.0 ± 1.0 s", "2.0 ± 0.0 ms", "2"],
    ["b", "0.5", "0.25", "-", "1.0 s", "2.0 ms", "1, 1 diverged"],
    ["c", "-", "-", "-", "-", "-", "0, 1 diverged"],
  ]);
  assert.ok(rows.every((row) => row.length === comparisonHead.length));
});
