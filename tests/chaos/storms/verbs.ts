/** Verbs that throw in the middle of a step, and the step taken again. */
import { type Backend, CheckedBackend, createWasmKernels } from "@tekfac/tekfac/backend";
import { BackendError } from "@tekfac/tekfac/core";
import { saveState } from "@tekfac/tekfac/optim";
import type { Storm } from "../storm.ts";
import { batchOf, begin, checkSame, randomTask, stateAfter } from "../task.ts";

/** What gives back or only looks, and may not fail. */
const PASSIVE: readonly string[] = ["free", "popScope", "dispose", "readSync", "read", "flush"];

const WORDS = "this call was made to fail";

/** A backend whose calls are counted; the one for which `countdown` becomes 0 throws. */
class Failing {
  readonly backend: Backend;
  calls = 0;
  countdown = Infinity;

  constructor() {
    const kernels = createWasmKernels();
    const watched = new Proxy(kernels, {
      get: (target, name) => {
        const value = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        if (PASSIVE.includes(String(name))) return value.bind(target);
        return (...call: unknown[]) => {
          this.calls++;
          if (--this.countdown === 0) throw new BackendError("wasm", WORDS);
          return value.apply(target, call);
        };
      },
    });
    this.backend = new CheckedBackend(watched, []);
  }
}

const STEPS = 10;

export const verbs: Storm = {
  name: "verbs",
  weight: 2,
  async round(random) {
    const task = randomTask(random);
    const failing = new Failing();
    using backend = failing.backend;
    const expected = await stateAfter(backend, task, STEPS);
    const perStep = Math.ceil(failing.calls / STEPS);
    let faults = 0;
    {
      using training = begin(backend, task);
      for (let step = 0; step < STEPS;) {
        // Some steps make many more calls than others, and every one has to come to its end at last.
        failing.countdown = random.integer(3) === 0 ? Infinity : 1 + random.integer(2 * perStep);
        try {
          training.optimizer.stepSync(batchOf(task, step));
          step++;
        } catch (error) {
          if (!(error instanceof BackendError) || error.reason !== WORDS) throw error;
          faults++;
        } finally {
          failing.countdown = Infinity;
        }
      }
      checkSame(await saveState(training.optimizer), expected, task);
    }
    const { handles } = backend.memory();
    if (handles > 0) throw new Error(`${handles} matrices are left over`);
    return { "verbs that threw": faults };
  },
};
