/** Threads on this runtime: how many there are by themselves, and what happens when they end in mid-training. */
import {
  createBackend,
  dense,
  objective,
  sequential,
  softmaxCrossEntropy,
  tanh,
  tekfac,
} from "@tekfac/tekfac";

/** Trains with two threads; without a number of steps until one of them has ended with a task in its hands. */
async function train(steps) {
  const dies = steps === undefined;
  const threads = process.getBuiltinModule("node:worker_threads");
  const { getBuiltinModule } = process;
  const prefix = `{
    const { compareExchange } = Atomics;
    let count = 0;
    Atomics.compareExchange = (a, i, x, y) => {
      const result = compareExchange.call(Atomics, a, i, x, y);
      if (result === x && y === x + 1 && ++count === 3) process.exit(1);
      return result;
    };
  }\n`;
  if (dies) {
    process.getBuiltinModule = (name) =>
      name !== "node:worker_threads" ? getBuiltinModule.call(process, name) : {
        ...threads,
        Worker: class extends threads.Worker {
          constructor(text, options) {
            super(prefix + text, options);
          }
        },
      };
  }
  const backend = await createBackend({ prefer: ["wasm"], threads: 2 });
  const layers = [dense(200), tanh(), dense(10)];
  const model = sequential(backend, { input: [200], layers, seed: 1 });
  const optimizer = tekfac(objective(model, softmaxCrossEntropy()));
  const inputs = Float32Array.from({ length: 128 * 200 }, (_, i) => Math.sin(i * i));
  const targets = Uint8Array.from({ length: 128 }, (_, i) => i % 10);
  let refused = 0;
  const losses = [];
  const goesOn = () => dies ? !backend.info.description.includes("lost") : losses.length < steps;
  while (goesOn() && losses.length < 3000) {
    try {
      losses.push(optimizer.stepSync({ inputs, targets }).loss);
    } catch (error) {
      if (error.name !== "BackendError" || ++refused > 1) throw error;
    }
    // The host has its turn, too.
    if (losses.length % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  process.getBuiltinModule = getBuiltinModule;
  const { description } = backend.info;
  backend[Symbol.dispose]();
  return { losses, refused, description };
}

const auto = await createBackend({ threads: "auto" });
const found = await train(), expected = await train(found.losses.length);
const cores = process.getBuiltinModule("node:os").availableParallelism();
console.log(JSON.stringify({
  cores,
  auto: auto.info.description,
  same: JSON.stringify(found.losses) === JSON.stringify(expected.losses),
  refused: found.refused,
  description: found.description,
}));
process.exit();
