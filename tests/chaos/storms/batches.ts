/** Batches that are damaged or out of scale, between good ones. */
import { createBackend } from "@tekfac/tekfac/backend";
import * as errors from "@tekfac/tekfac/core";
import type { Random } from "@tekfac/tekfac/core";
import type { BatchLike } from "@tekfac/tekfac/nn";
import { loadState, saveState } from "@tekfac/tekfac/optim";
import { pick, type Storm } from "../storm.ts";
import { batchOf, begin, checkSame, randomTask, stateAfter } from "../task.ts";

const NUMBERS = [NaN, Infinity, -Infinity, 1e6, 1e12, 1e20, 1e30, 3e38, -1, 0.5, 1e300];

/** Something that no data set should hold. */
function spoilt(random: Random, { inputs, targets }: BatchLike): BatchLike {
  const [x, t] = [Array.from(inputs), Array.from(targets)];
  const number = pick(random, NUMBERS);
  switch (random.integer(6)) {
    case 0:
      x[random.integer(x.length)] = number;
      break;
    case 1:
      x.fill(number);
      break;
    case 2:
      return { inputs: x.map((value) => value * number), targets: t };
    case 3:
      t[random.integer(t.length)] = number;
      break;
    case 4:
      x.length = random.integer(x.length);
      break;
    default:
      t.length = random.integer(t.length);
  }
  return { inputs: x, targets: t };
}

/** What the library throws. */
export function isOwn(error: unknown): boolean {
  const { BackendError, DataError, NumericalError, OptionError, ShapeError, StateError } = errors;
  return [BackendError, DataError, NumericalError, OptionError, ShapeError, StateError]
    .some((kind) => error instanceof kind);
}

const STEPS = 10;

export const badBatches: Storm = {
  name: "batches",
  weight: 1,
  async round(random) {
    using backend = await createBackend({ prefer: ["wasm"] });
    const task = randomTask(random);
    const expected = await stateAfter(backend, task, STEPS);
    using training = begin(backend, task);
    const counts = { "bad batches refused": 0, "taken, and gone back from": 0 };
    for (let step = 0; step < STEPS; step++) {
      const before = random.integer(2) === 0 ? await saveState(training.optimizer) : undefined;
      if (before !== undefined) {
        try {
          training.optimizer.stepSync(spoilt(random, batchOf(task, step)));
          counts["taken, and gone back from"]++;
          loadState(training.optimizer, before);
        } catch (error) {
          if (!isOwn(error)) throw error;
          counts["bad batches refused"]++;
        }
      }
      training.optimizer.stepSync(batchOf(task, step));
    }
    checkSame(await saveState(training.optimizer), expected, task);
    return counts;
  },
};
