/**
 * What every runtime is put through, in plain JavaScript: no syntax that Node 20 lacks, nothing that
 * only one of them has. Answers with what was found, as JSON.
 */
import {
  averagePool2d,
  batches,
  cosine,
  createBackend,
  dense,
  flatten,
  glyphs,
  loadState,
  objective,
  relu,
  saveState,
  sequential,
  softmaxCrossEntropy,
  tekfac,
} from "@tekfac/tekfac";
import { loadModel, saveModel } from "@tekfac/tekfac/model";
import { selfCheck } from "@tekfac/tekfac/testing";

const SIZE = 200, EPOCHS = 5;

/** A small classifier of drawn digits and its optimizer. */
function setUp(backend, { train }, seed) {
  const model = sequential(backend, {
    input: train.shape,
    layers: [averagePool2d({ kernel: 2 }), flatten(), dense(64), relu(), dense(10)],
    seed,
  });
  const goal = objective(model, softmaxCrossEntropy());
  const optimizer = tekfac(goal, { annealing: cosine(EPOCHS * train.labels.length / SIZE) });
  return {
    goal,
    optimizer,
    async epoch(number) {
      let last;
      for (const batch of batches(train, { size: SIZE, shuffle: { seed: 1, epoch: number } })) {
        last = await optimizer.step(batch);
      }
      return (await last.report()).loss;
    },
    dispose() {
      optimizer[Symbol.dispose]();
      model[Symbol.dispose]();
    },
  };
}

/**
 * Bytes as a program gets them back from a file: where there is Node's `Buffer`, as one that begins in the middle of
 * another, as those of small files do.
 */
function reread(bytes) {
  const { Buffer } = globalThis.process?.getBuiltinModule?.("node:buffer") ?? {};
  if (Buffer === undefined) return bytes;
  return Buffer.concat([Buffer.from("in front"), bytes, Buffer.from("behind")])
    .subarray(8, 8 + bytes.length);
}

/** Trains, saves in the middle, and trains on from there a second time: share of digits read, and whether the two agree,
 * and a kept model with its own. */
async function learn(backend, data) {
  const first = setUp(backend, data, 1), second = setUp(backend, data, 2);
  for (let number = 0; number < EPOCHS - 1; number++) await first.epoch(number);
  const file = await saveState(first.optimizer);
  const loss = await first.epoch(EPOCHS - 1);
  const { accuracy } = await first.goal.evaluate(batches(data.test, { size: SIZE }));
  loadState(second.optimizer, reread(file));
  const resumed = await second.epoch(EPOCHS - 1);
  const kept = await loadModel(backend, reread(await saveModel(first.goal)));
  const [{ inputs }] = batches(data.test, { size: SIZE });
  const [expected, actual] = [await first.goal.predict(inputs), await kept.predict(inputs)];
  const keeps = actual.every(({ outputs }, n) =>
    outputs.every((z, k) => z === expected[10 * n + k])
  );
  kept[Symbol.dispose]();
  first.dispose();
  second.dispose();
  return { accuracy, resumes: loss > 0 && resumed === loss && keeps };
}

/** What is computed on two threads, if there are two. */
async function shareOut(options, data) {
  const backend = await createBackend({ ...options, prefer: ["wasm"], threads: 2 });
  try {
    if (!backend.info.description.includes("2 threads")) {
      return { threads: 1, reason: backend.info.description };
    }
    const { passed, text } = await selfCheck(backend);
    if (!passed) throw new Error(text);
    const { accuracy } = await learn(backend, data);
    return { threads: 2, accuracy };
  } finally {
    backend[Symbol.dispose]();
  }
}

/** Whether the GPU's kernels are right, where there is a GPU or what passes for one. */
async function onGpu() {
  let backend;
  try {
    backend = await createBackend({ prefer: ["webgpu"], allowSoftware: true });
  } catch (error) {
    return { works: false, reason: error.message };
  }
  const { passed, text } = await selfCheck(backend);
  backend[Symbol.dispose]();
  if (!passed) throw new Error(text);
  return { works: true };
}

/**
 * Runs it all.
 *
 * @param options Options of `createBackend` that this host needs.
 */
export async function exercise(options = {}) {
  const data = glyphs({ train: 8000, test: 500, seed: 1 });
  const backend = await createBackend({ ...options, prefer: ["wasm"] });
  const { passed, text } = await selfCheck(backend);
  const result = {
    description: backend.info.description,
    kernels: passed ? "right" : text,
    ...await learn(backend, data),
    memory: backend.memory(),
    threads: await shareOut(options, data),
    gpu: await onGpu(),
  };
  backend[Symbol.dispose]();
  return result;
}
