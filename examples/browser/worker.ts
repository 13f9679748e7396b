/**
 * The worker: trains, so that the page has nothing to do but to draw and to listen to its visitor.
 *
 * @module
 */

/// <reference lib="dom" />

import type { Command, Event, Progress } from "./protocol.ts";
import { restoreTraining, savedFacts, saveTraining } from "./saved_training.ts";
import { Training } from "./training.ts";

/** Steps between two evaluations. */
const EVALUATE_EVERY = 20;

/** Milliseconds between two messages about steps, and between two looks for commands. */
const MESSAGE_EVERY = 60;

/** What a worker has that a page has not. */
interface WorkerScope {
  postMessage(event: Event): void;
  onmessage: (message: MessageEvent<Command>) => void;
}

const scope = globalThis as unknown as WorkerScope;

let training: Training | undefined;
let running = false;
/** Ends when the loop of steps does. */
let loop: Promise<void> = Promise.resolve();
/** Ends when the commands given so far have been carried out. */
let commands: Promise<void> = Promise.resolve();

scope.onmessage = ({ data }) => {
  // A pause has to be seen by the running loop, not wait behind it.
  if (data.kind !== "start") running = false;
  commands = commands.then(() => obey(data)).catch(fail);
};

async function obey(command: Command): Promise<void> {
  await loop;
  switch (command.kind) {
    case "prepare":
      return await replace(() => Training.create(command.settings));
    case "restore":
      return await replace(restoreTraining);
    case "start":
      running = true;
      loop = takeSteps().catch(fail);
      return;
    case "pause":
      return;
    case "save":
      return scope.postMessage({ kind: "saved", saved: await saveTraining(prepared()) });
    case "look":
      return scope.postMessage({ kind: "found", saved: await savedFacts() });
    case "explain": {
      const explanation = await prepared().contenders[0].explain(command.pixels);
      return scope.postMessage({ kind: "explained", explanation });
    }
  }
}

/** Puts a new training in the place of the present one. */
async function replace(create: () => Promise<Training>): Promise<void> {
  training?.[Symbol.dispose]();
  training = undefined;
  training = await create();
  scope.postMessage({ kind: "prepared", training: training.facts });
  if (training.step > 0) await evaluate(training);
}

async function takeSteps(): Promise<void> {
  const training = prepared();
  const { steps } = training;
  let progress: Progress = [];
  let told = performance.now();
  while (running && training.step < steps) {
    const due = Math.min(steps, (Math.floor(training.step / EVALUATE_EVERY) + 1) * EVALUATE_EVERY);
    progress = joined(progress, await training.advance(due));
    const last = training.step === due;
    if (!last && performance.now() - told < MESSAGE_EVERY) continue;
    scope.postMessage({ kind: "progress", progress });
    progress = [];
    if (last) await evaluate(training);
    // Promises alone never let a message in.
    await new Promise((resolve) => setTimeout(resolve, 0));
    told = performance.now();
  }
  if (progress.length > 0) scope.postMessage({ kind: "progress", progress });
  if (training.step === steps) scope.postMessage({ kind: "finished" });
  running = false;
}

async function evaluate(training: Training): Promise<void> {
  const evaluations = await training.evaluate();
  scope.postMessage({ kind: "evaluated", step: training.step, evaluations });
}

function prepared(): Training {
  if (training === undefined) {
    throw new Error("There is no training to go on with: start a new one");
  }
  return training;
}

function joined(a: Progress, b: Progress): Progress {
  return b.map(({ losses, seconds }, i) => ({
    losses: [...a[i]?.losses ?? [], ...losses],
    seconds: [...a[i]?.seconds ?? [], ...seconds],
  }));
}

function fail(error: unknown): void {
  running = false;
  scope.postMessage({
    kind: "failed",
    message: error instanceof Error ? error.message : String(error),
  });
}
