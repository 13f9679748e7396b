/** Steps that a GPU refuses, with others in flight behind them, found out in one way or another. */
import assert from "node:assert/strict";
import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import { NumericalError, type Random } from "@tekfac/tekfac/core";
import type { BatchLike } from "@tekfac/tekfac/nn";
import { loadState, saveState, type StepHandle } from "@tekfac/tekfac/optim";
import { pick, type Storm } from "../storm.ts";
import { batchOf, begin, checkSame, randomTask, type Task, type Training } from "../task.ts";
import { devices } from "./devices.ts";

const STEPS = 8;

/** How it is found out: by the reports of all steps, of one of them, or of none. */
const WAYS = ["all", "one", "none"] as const;

export const refusals: Storm = {
  name: "refusals",
  weight: 2,
  missing: devices.missing!,
  async round(random) {
    using backend = await createBackend({ prefer: ["webgpu"], allowSoftware: true });
    const task = randomTask(random);
    const expected = await trained(backend, task, () => Promise.resolve());
    const counts = {
      "steps refused": 0,
      "in flight behind them": 0,
      "taken, and gone back from": 0,
    };
    const found = await trained(backend, task, async (training) => {
      if (random.integer(3) > 0) return;
      const before = await saveState(training.optimizer);
      const { behind, refused } = await disturbed(training, task, random);
      counts["in flight behind them"] += behind;
      counts[refused ? "steps refused" : "taken, and gone back from"]++;
      if (refused) checkSame(await saveState(training.optimizer), before, task);
      else loadState(training.optimizer, before);
    });
    checkSame(found, expected, task);
    return counts;
  },
};

/** Trains by batches of the step's number; the state at the end. */
async function trained(
  backend: Backend,
  task: Task,
  disturb: (training: Training) => Promise<void>,
): Promise<Uint8Array> {
  using training = begin(backend, task);
  const { optimizer } = training;
  while (optimizer.stepCount < STEPS) {
    await disturb(training);
    optimizer.step(batchOf(task, optimizer.stepCount));
  }
  return await saveState(optimizer);
}

/** A step with a bad batch, some good ones behind it, and what comes of asking. */
async function disturbed(
  { optimizer }: Training,
  task: Task,
  random: Random,
): Promise<{ behind: number; refused: boolean }> {
  const step = optimizer.stepCount;
  const scale = pick(random, [1e6, 1e17, 1e25, 1e38, 1e38]);
  const handles: StepHandle[] = [optimizer.step(outOfScale(batchOf(task, step), task, scale))];
  const behind = random.integer(4);
  for (let i = 1; i <= behind; i++) handles.push(optimizer.step(batchOf(task, step + i)));
  const way = pick(random, WAYS);
  const asked = way === "all" ? handles : way === "one" ? [pick(random, handles)] : [];
  const outcomes = await Promise.allSettled(asked.map((handle) => handle.report()));
  const reasons = outcomes.flatMap((outcome) =>
    outcome.status === "rejected" ? [outcome.reason] : []
  );
  for (const reason of reasons) assert(reason instanceof NumericalError, `${reason}`);
  assert([0, asked.length].includes(reasons.length), "one is refused, and one behind it is not");
  if (way !== "none") return { behind, refused: reasons.length > 0 };
  await saveState(optimizer);
  const refused = optimizer.stepCount === step;
  // It is told once, by the next step, which is not taken.
  if (refused) assert.throws(() => optimizer.step(batchOf(task, step)), NumericalError);
  return { behind, refused };
}

/** Tokens cannot be out of scale: text is trained with what it has. */
function outOfScale({ inputs, targets }: BatchLike, { net }: Task, scale: number): BatchLike {
  return { inputs: net === "text" ? inputs : Array.from(inputs, (x) => x * scale), targets };
}
