import assert from "#assert";
import { NumericalError } from "@tekfac/tekfac/core";
import {
  compare,
  comparisonHead,
  comparisonRows,
  spreadOf,
  type TrainingRecord,
} from "@tekfac/tekfac/training";

function record(testAccuracy: number | null, seconds: number): TrainingRecord {
  return {
    stepLosses: [],
    stepsPerEpoch: 1,
    epochs: [],
    trainLoss: 0.5,
    testLoss: 0.25,
    testAccuracy,
    seconds,
    stepMs: 2,
  };
}

Deno.test("compare() goes through the seeds, each with every optimizer", async () => {
  const turns: string[] = [];
  const result = await compare(["a", "b"], [7, 8], ({ name, seed }) => {
    turns.push(`${name}${seed}`);
    return Promise.resolve(record(seed / 10, 1));
  });
  assert.deepEqual(turns, ["a7", "b7", "a8", "b8"]);
  assert.deepEqual(result.map(({ name }) => name), ["a", "b"]);
  assert.deepEqual(result[0].runs.map(({ testAccuracy }) => testAccuracy), [0.7, 0.8]);
});

Deno.test("compare() notes a run that diverged and goes on; other errors end it", async () => {
  const diverging = (seed: number) => {
    const error = new NumericalError("the loss is not finite", { quantity: "loss", step: 3 });
    return seed === 0 ? Promise.reject(error) : Promise.resolve(record(0.9, 1));
  };
  const [only] = await compare(["a"], [0, 1], ({ seed }) => diverging(seed));
  assert.equal(only.runs.length, 1);
  assert.deepEqual(only.failures, ["seed 0: the loss is not finite"]);
  await assert.rejects(compare(["a"], [0], () => Promise.reject(new TypeError("bug"))), TypeError);
});

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
