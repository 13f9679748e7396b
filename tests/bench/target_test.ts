import assert from "#assert";
import { type BatchLike, dense, squaredError } from "@tekfac/tekfac";
import { readTargetArguments } from "../../bench/target/arguments.ts";
import { race } from "../../bench/target/race.ts";
import { PacedRun } from "../../bench/target/run.ts";
import { searchAdamw } from "../../bench/target/search.ts";
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
  assert(rival.mark !== undefined && rival.mark.value <= best.value);
  assert.deepEqual(own.map(({ settings }) => settings.epochs), [10, 15, 20, 30]);
  assert.equal(lab.backend.memory().handles, 0, "matrices were not disposed");
});

Deno.test("TASKS are seven, with names of their own", () => {
  assert.equal(new Set(TASKS.map(({ name }) => name)).size, 7);
});

Deno.test("readTargetArguments() refuses what is no count", () => {
  assert.equal(readTargetArguments(["--quick", "--seed", "3"]).seed, 3);
  assert.throws(() => readTargetArguments(["--seed", "0"]), /integer >= 1/);
});
