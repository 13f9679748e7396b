import assert from "#assert";
import { readZooArguments } from "../../bench/zoo/arguments.ts";
import { adamw, judged } from "../../bench/zoo/contenders.ts";
import { countOf, type Examples, pick, shuffled } from "../../bench/zoo/examples.ts";
import { residueClasses } from "../../bench/zoo/problems.ts";
import { ROWS } from "../../bench/zoo/rows.ts";
import type { Runs } from "../../bench/zoo/row.ts";
import { splitTable } from "../../bench/zoo/table_file.ts";
import { diverged, type Trace, train } from "../../bench/zoo/training.ts";
import {
  gentle,
  improves,
  judgeBy,
  lowEnough,
  nearBest,
  neverRises,
  short,
  staysNear,
  survives,
} from "../../bench/zoo/verdict.ts";

const good: Trace = { start: 2, end: 0.1, highest: 2, worst: 1, steps: 9, seconds: 0 };

function runsOf(trace: Partial<Trace>, ...values: number[]): Runs {
  const contender = judged("tekfac");
  const runs = values.map((value) => ({ value, traces: [{ ...good, ...trace }] }));
  return { contender, runs };
}

const rival: Runs = { ...runsOf({}, 1, 1), contender: adamw(3e-3) };

/** An optimizer whose steps report the given losses. */
function reporting(losses: readonly number[]): Parameters<typeof train>[0]["optimizer"] {
  let step = 0;
  return {
    stepSync: () => ({ loss: losses[step], step: step++ }),
    get stepCount() {
      return step;
    },
  } as unknown as Parameters<typeof train>[0]["optimizer"];
}

Deno.test("ROWS have names of their own", () => {
  assert.equal(new Set(ROWS.map(({ name }) => name)).size, ROWS.length);
});

Deno.test("train() compares each loss with those before it, and with the floor where they are lower", () => {
  const run = (losses: number[], window: number, floor: number) =>
    train({
      ...{ optimizer: reporting(losses), epochs: 1, batches: () => losses, window, floor },
      evaluate: () => 1,
    });
  assert.equal(run([1, 4, 2, 1], 1, 1e-3).worst, 4);
  assert.equal(run([1, 3, 4], 2, 1e-3).worst, 3);
  assert.equal(run([1, 1e-6, 1e-2, 1e-3], 1, 1e-3).worst, 1000); // the end, 1, counts too
  assert.equal(run([1, 1e-6, 1e-2], 2, 1).worst, 1e-2);
});

Deno.test("train() leaves out the loss of a strange batch, and ends where a loss is not finite", () => {
  const problem = { epochs: 1, window: 2, evaluate: () => 1 };
  const strange = train({
    ...{ ...problem, optimizer: reporting([1, 1e9, 1]), batches: () => [0, 0, 0], strange: 1 },
  });
  assert.deepEqual([strange.highest, strange.worst, diverged(strange)], [1, 1, false]);
  const broken = train({
    ...{ ...problem, optimizer: reporting([1, NaN, 1]), batches: () => [0, 0, 0] },
  });
  assert.deepEqual([broken.steps, broken.worst, broken.end], [2, Infinity, NaN]);
  assert(diverged(broken));
});

Deno.test("diverged() means a loss beyond ten times the start, also where the start is below zero", () => {
  assert(!diverged({ ...good, highest: 20 }));
  assert(diverged({ ...good, highest: 20.1 }));
  assert(!diverged({ ...good, start: -1, highest: 7 }));
  assert(diverged({ ...good, start: -1, highest: 9 }));
});

Deno.test("judgeBy() gives the first fault, and no verdict where a check has nobody to compare with", () => {
  const judge = judgeBy("mean", survives, improves, lowEnough(0.05, 2));
  assert.equal(judge(runsOf({}, 1, 2), [rival]).ok, true);
  assert.equal(judge(runsOf({}, 0.01, 0.04), []).ok, true);
  assert.equal(judge(runsOf({}, 1, 2), []).ok, undefined);
  assert.equal(judge(runsOf({}, 1, 2.1), [rival]).ok, false);
  assert.match(judge(runsOf({ end: NaN }, NaN, 1), [rival]).reason, /not finite after 9 steps/);
  assert.match(judge(runsOf({ end: 3 }, 3, 3), []).reason, /began at 2/);
  assert.deepEqual(judge(runsOf({}, 1, 2), [rival]).rival, { name: "adam 3e-3", value: 1 });
});

Deno.test("checks fail just beyond their limits", () => {
  const fails = (finding: unknown) => typeof finding === "object";
  assert(!fails(gentle(3)(runsOf({ worst: 3 }, 1), [])));
  assert(fails(gentle(3)(runsOf({ worst: 3.1 }, 1), [])));
  assert(!fails(nearBest(0.03)(runsOf({}, 1.02, 1.03), [rival])));
  assert(fails(nearBest(0.03)(runsOf({}, 1.03, 1.05), [rival])));
  assert(!fails(nearBest(0.03)(runsOf({}, -1), [{ ...rival, runs: runsOf({}, -1.02).runs }])));
  assert(fails(nearBest(0.03)(runsOf({}, NaN), [rival])));
  assert(!fails(neverRises(runsOf({ highest: 2.001 }, 1))));
  assert(fails(neverRises(runsOf({ highest: 2.1 }, 1))));
  assert(fails(staysNear(runsOf({ highest: 21 }, 1))));
});

Deno.test("shuffled() yields every example once, in an order of each epoch", () => {
  const examples = residueClasses(10);
  const epoch = (number: number): number[] =>
    [...shuffled(examples, 4, 1, number)].flatMap((batch: Examples) => [...batch.inputs]);
  assert.equal([...shuffled(examples, 4, 1, 0)].map(countOf).join(), "4,4,2");
  assert.deepEqual(epoch(0).toSorted(), [...examples.inputs].toSorted());
  assert.notDeepEqual(epoch(0), epoch(1));
  assert.deepEqual(epoch(1), epoch(1));
  assert.deepEqual(pick(examples, [3]).inputs, examples.inputs.slice(18, 24));
});

Deno.test("splitTable() standardizes by the part to learn from and keeps the test rows apart", () => {
  const numbers = Float64Array.from({ length: 60 }, (_, i) => i % 3 === 1 ? 7 : i);
  const table = { numbers, columns: 3, testRows: [[0, 19], [5]] };
  const { train, validation, test, deviation } = splitTable(table, 2);
  assert.deepEqual([train, validation, test].map(countOf), [17, 1, 2]);
  const mean = [...train.targets].reduce((sum, y) => sum + y, 0) / 17;
  assert(Math.abs(mean) < 1e-6, `${mean}`);
  assert(train.inputs.every((x, i) => i % 2 === 0 || x === 0), "a constant column stays zero");
  const spread = (test.targets[1] - test.targets[0]) * deviation;
  assert(Math.abs(spread - 57) < 1e-4, `${spread}`);
});

Deno.test("readZooArguments() reads options as JSON and says what is wrong", () => {
  const read = readZooArguments(["--set", "momentum=false", "--set", 'klClip={"kind":"fixed"}']);
  assert.deepEqual(read.options, { momentum: false, klClip: { kind: "fixed" } });
  assert.deepEqual(readZooArguments(["--optimizer", "kfac,soap"]).optimizers, ["kfac", "soap"]);
  assert.throws(() => readZooArguments(["--set", "momentum"]), /KEY=JSON/);
  assert.throws(() => readZooArguments(["--optimizer", "adam"]), /must name some of/);
  assert.throws(() => readZooArguments(["--seeds", "0"]), /integer >= 1/);
});

Deno.test("short() keeps three digits", () => {
  assert.deepEqual([0, 12.345, 1.2e-7, NaN].map(short), ["0", "12.3", "1.2e-7", "NaN"]);
});
