import assert from "#assert";
import { type BatchLike, dense, squaredError } from "@tekfac/tekfac";
import { readTargetArguments } from "../../bench/target/arguments.ts";
import { Journal } from "../../bench/target/journal.ts";
import { race } from "../../bench/target/race.ts";
import { PacedRun } from "../../bench/target/run.ts";
import { searchAdamw } from "../../bench/target/search.ts";
import { targetTable } from "../../bench/target/table.ts";
import type { Problem, TargetTask } from "../../bench/target/task.ts";
import { TASKS } from "../../bench/target/tasks.ts";
import { adamw } from "../../bench/zoo/contenders.ts";
import { Lab } from "../../bench/zoo/lab.ts";

/** A line through four points, which takes Adam a while. */
const batch: BatchLike = { inputs: [-1, -0.5, 0.5, 1], targets: [0, 0.5, 1.5, 2] };

const problem: Problem = {
  input: [1],
  loss: squaredError(),
  examples: 8,
  batches: (size) => Array(8 / size).fill(batch),
  validation: (goal) => goal.evaluateSync(batch).loss,
  heldOut: (goal) => goal.evaluateSync(batch).loss,
};

const task: TargetTask = {
  name: "line",
  needs: "uci",
  metric: "loss",
  epochs: 30,
  batch: 4,
  layers: () => [dense(1)],
  open: () => Promise.resolve(problem),
};

Deno.test("PacedRun marks the end of every epoch, also when it is interrupted after each step", async () => {
  using lab = await Lab.open();
  const settings = { contender: adamw(1e-2), batch: 4, epochs: 3, seed: 1 };
  using whole = new PacedRun(lab, task, problem, settings);
  using pieces = new PacedRun(lab, task, problem, settings);
  const last = whole.finish();
  for (let turns = 0; !pieces.finished && turns < 100; turns++) pieces.advance(1e-6);
  const seen = ({ marks }: PacedRun) =>
    marks.map(({ epoch, steps, value }) => [epoch, steps, value]);
  assert.deepEqual(seen(whole).map(([epoch, steps]) => [epoch, steps]), [[1, 2], [2, 4], [3, 6]]);
  assert.deepEqual(seen(pieces), seen(whole));
  assert.equal(last, whole.marks[2].value);
});

Deno.test("PacedRun that breaks off has no last value", async () => {
  using lab = await Lab.open();
  const broken: Problem = { ...problem, batches: () => [{ inputs: [NaN], targets: [1] }] };
  const settings = { contender: adamw(1e-2), batch: 4, epochs: 3, seed: 1 };
  using run = new PacedRun(lab, task, broken, settings);
  assert.equal(run.finish(), NaN);
});

Deno.test("race() of the best AdamW run against itself arrives where the search ended", async () => {
  using lab = await Lab.open();
  const tried: number[] = [];
  const space = { rates: [1e-4, 1e-1], batches: [4] };
  const best = searchAdamw(lab, task, problem, space, { epochs: 30, seed: 1 }, ({ value }) => {
    tried.push(value);
  });
  assert.equal(best.value, Math.min(...tried));
  assert.equal(best.settings.contender.name, "adam 1e-1");
  const { rival, own } = race(lab, task, problem, best);
  assert(rival.best.mark !== undefined && rival.best.mark.value <= best.value);
  for (const { runs, best } of [rival, own]) {
    assert.deepEqual(runs.map(({ settings }) => settings.epochs), [10, 15, 20, 30]);
    const seconds = runs.flatMap(({ mark }) => mark === undefined ? [] : [mark.seconds]);
    if (seconds.length > 0) assert.equal(best.mark?.seconds, Math.min(...seconds));
  }
  assert.equal(lab.backend.memory().handles, 0, "matrices were not disposed");
});

Deno.test("searchAdamw() chooses by validation data and aims at the others", async () => {
  using lab = await Lab.open();
  // Where the slope is best for one, it is worst for the other.
  const opposed: Problem = {
    ...problem,
    validation: (goal) => -goal.evaluateSync(batch).loss,
  };
  const space = { rates: [1e-4, 1e-1], batches: [4] };
  const tried: number[] = [];
  const best = searchAdamw(lab, task, opposed, space, { epochs: 30, seed: 1 }, ({ value }) => {
    tried.push(value);
  });
  assert.equal(best.value, Math.max(...tried));
  assert.equal(best.validation, -best.value);
});

Deno.test("Journal remembers what was measured, without a line that was cut off", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/runs/target.jsonl`;
    const entry = { task: "line", seed: 1, quick: false, date: "2026-01-31", contended: null };
    const first = await Journal.open(path);
    assert.equal(first.find(entry), undefined);
    await first.add({ ...entry, row: { task: "line", target: 1 } });
    await Deno.writeTextFile(path, await Deno.readTextFile(path) + '{"task":"li');
    const second = await Journal.open(path);
    assert.deepEqual(second.find(entry)?.row, { task: "line", target: 1 });
    assert.equal(second.find({ ...entry, seed: 2 }), undefined);
    assert.equal(second.find({ ...entry, quick: true }), undefined);
    await second.add({ ...entry, seed: 2, row: { task: "line", target: 2 } });
    const third = await Journal.open(path);
    assert.deepEqual(third.entries.map(({ seed }) => seed), [1, 2]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("targetTable() has medians over seeds, and none where most did not arrive", () => {
  const row = (task: string, steps: number | null) => ({
    ...{ task, metric: "loss", target: 0.5, adam: "adam 1e-3, batch 32" },
    ...{ adamSteps: 100, adamSeconds: 10, tekfacLowest: 0.6 },
    tekfacSteps: steps,
    tekfacSeconds: steps,
    stepsRatio: steps && 100 / steps,
    secondsRatio: steps && 10 / steps,
  });
  const [, , some, none] = targetTable([
    ...[row("some", 25), row("some", null), row("some", 50)],
    ...[row("none", null)],
  ]).split("\n").map((line) => line.split("|").map((cell) => cell.trim()).slice(1, -1));
  assert.deepEqual(some.slice(0, 2), ["some", "3"]);
  assert.deepEqual(some.slice(4), ["100", "10.0", "2 of 3", "50", "50.0", "2.00", "0.200"]);
  assert.deepEqual(none.slice(6), ["only 0.6", "-", "-", "-", "-"]);
});

Deno.test("TASKS are seven, with names of their own", () => {
  assert.equal(new Set(TASKS.map(({ name }) => name)).size, 7);
});

Deno.test("readTargetArguments() refuses what is no count", () => {
  assert.deepEqual(readTargetArguments(["--quick", "--seeds", "3,1"]).seeds, [3, 1]);
  assert.throws(() => readTargetArguments(["--seeds", "1,0"]), /integer >= 1/);
});
