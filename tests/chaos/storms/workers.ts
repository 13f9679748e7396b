/** Worker threads that end: at their start, idle, or with a task in their hands. */
import { type Backend, CheckedBackend, createThreadedKernels } from "@tekfac/tekfac/backend";
import { BackendError } from "@tekfac/tekfac/core";
import { saveState } from "@tekfac/tekfac/optim";
import { pick, type Storm } from "../storm.ts";
import { batchOf, begin, checkSame, randomTask, stateAfter } from "../task.ts";

/** The part of the host that is replaced. */
interface Host {
  readonly process: { getBuiltinModule(name: string): { Worker: NodeWorker } };
}

type NodeWorker = new (text: string, options: object) => object;

/** Places at which a worker ends: a call of `Atomics`, and which of its calls counts. */
const PLACES = {
  "at the start": ["load", "true"],
  "with a task": ["compareExchange", "result === x && y === x + 1"],
  "after a task": ["add", "i === 48 || i === 96"],
  idle: ["add", "i === 16"],
} as const;

/** Runs `body` where workers end in the n-th of such places. */
async function withMortals<T>(
  place: keyof typeof PLACES,
  n: number,
  body: () => Promise<T>,
): Promise<T> {
  const [name, condition] = PLACES[place];
  const text = `{
    const original = Atomics.${name};
    let count = 0;
    Atomics.${name} = (a, i, x, y) => {
      const result = original.call(Atomics, a, i, x, y);
      if ((${condition}) && ++count === ${n}) process.exit(1);
      return result;
    };
  }\n`;
  const { process } = globalThis as unknown as Host;
  const { warn } = console;
  const original = process.getBuiltinModule;
  const { Worker } = original("node:worker_threads");
  console.warn = () => {};
  process.getBuiltinModule = (module) =>
    module !== "node:worker_threads" ? original(module) : {
      Worker: class extends Worker {
        constructor(program: string, options: object) {
          super(text + program, options);
        }
      },
    };
  try {
    return await body();
  } finally {
    process.getBuiltinModule = original;
    console.warn = warn;
  }
}

/** Threads that share every verb, however small. */
const sharing = (threads: number): Backend =>
  new CheckedBackend(createThreadedKernels({ threads, grain: 0 }), []);

/** Workers take a moment to begin; a short training would be over. */
async function wake(backend: Backend): Promise<void> {
  using square = backend.alloc(9, 9);
  using product = backend.alloc(9, 9);
  backend.gemm(product, square, square);
  await new Promise((resolve) => setTimeout(resolve, 150));
}

const STEPS = 8;

export const workers: Storm = {
  name: "workers",
  weight: 2,
  async round(random) {
    const task = randomTask(random);
    const threads = 2 + random.integer(3);
    const place = pick(random, Object.keys(PLACES) as (keyof typeof PLACES)[]);
    const expected = await (async () => {
      using backend = sharing(threads);
      return await stateAfter(backend, task, STEPS);
    })();
    return await withMortals(place, 1 + random.integer(30), async () => {
      using backend = sharing(threads);
      await wake(backend);
      using training = begin(backend, task);
      let refused = 0, slowest = 0;
      for (let step = 0; step < STEPS;) {
        const start = performance.now();
        try {
          training.optimizer.stepSync(batchOf(task, step));
          step++;
        } catch (error) {
          if (!(error instanceof BackendError)) throw error;
          if (++refused >= threads) {
            throw new Error(`${refused} steps of ${threads} threads failed`);
          }
          slowest = Math.max(slowest, performance.now() - start);
        }
        // Deaths are told in turns of the event loop; some are found out without.
        if (random.integer(2) === 0) await new Promise((resolve) => setTimeout(resolve, 0));
      }
      checkSame(await saveState(training.optimizer), expected, task);
      const lost = Number(/(\d+) of them lost/.exec(backend.info.description)?.[1] ?? 0);
      return {
        "worker threads that died": lost,
        "steps refused": refused,
        "of these after more than 2 s": slowest > 2000 ? 1 : 0,
      };
    });
  },
};
