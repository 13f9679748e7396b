/** Language models by recipe: trained by every optimizer, resumed, evaluated. */
import assert from "#assert";
import { createBackend } from "@tekfac/tekfac/backend";
import { consecutiveTokens, drawTokens, grammarText, splitText } from "@tekfac/tekfac/data";
import { loadState, saveState } from "@tekfac/tekfac/optim";
import {
  createTextJob,
  optimizerNames,
  type TextEvaluation,
  type TextJobOptions,
  trainText,
} from "@tekfac/tekfac/training";
import { allClose } from "@tekfac/tekfac/testing";

const data = splitText(grammarText({ characters: 4000, seed: 1 }));
const sizes = { layers: 1, heads: 2, width: 16, context: 8 };
const options = { vocabulary: data.vocabulary.characters.length, steps: 60, seed: 1, ...sizes };
const run = { data, batchSize: 8, seed: 2 };

/** Nats per character of the frequencies alone: what a model knows that looks at nothing. */
function entropyOfFrequencies(): number {
  const counts = new Map<number, number>();
  for (const token of data.train) counts.set(token, (counts.get(token) ?? 0) + 1);
  let sum = 0;
  for (const count of counts.values()) {
    const share = count / data.train.length;
    sum -= share * Math.log(share);
  }
  return sum;
}

Deno.test("every optimizer's recipe learns more of a text than its frequencies, and leaves nothing behind", async () => {
  using backend = await createBackend({ prefer: ["wasm"] });
  for (const optimizer of optimizerNames) {
    using job = createTextJob(backend, { ...options, optimizer });
    const { heldOutLoss } = await trainText({ ...job, ...run, steps: 60 });
    assert(heldOutLoss < entropyOfFrequencies(), `${optimizer}: ${heldOutLoss}`);
  }
  assert.equal(backend.memory().handles, 0);
});

Deno.test("trainText() goes on from a checkpoint as if it had never stopped", async () => {
  using backend = await createBackend({ prefer: ["wasm"] });
  const job = (more: Partial<TextJobOptions> = {}) =>
    createTextJob(backend, { ...options, ...more });
  using whole = job(), first = job(), second = job({ seed: 9 });
  const expected = await trainText({ ...whole, ...run, steps: 12 });
  const begun = await trainText({ ...first, ...run, steps: 5 });
  loadState(second.optimizer, await saveState(first.optimizer));
  const ended = await trainText({ ...second, ...run, steps: 12 });
  assert.equal(ended.firstStep, 5);
  assert.deepEqual([...begun.stepLosses, ...ended.stepLosses], expected.stepLosses);
  assert.equal(ended.heldOutLoss, expected.heldOutLoss);
});

Deno.test("trainText() tells losses as they are: of the windows drawn, and of the text held out", async () => {
  using backend = await createBackend({ prefer: ["wasm"] });
  using job = createTextJob(backend, options);
  const { context } = job;
  const batch = drawTokens(data.train, { context, size: 8, seed: 2, step: 0 });
  const first = await job.objective.evaluate(batch);
  const seen: TextEvaluation[] = [];
  const steps: number[] = [];
  const record = await trainText({
    ...job,
    ...run,
    steps: 5,
    evaluateEvery: 2,
    evaluationWindows: 20,
    observer: { onStep: ({ step }) => steps.push(step), onEvaluation: (e) => void seen.push(e) },
  });
  allClose([record.stepLosses[0]], [first.loss], { relative: 1e-5 });
  assert.deepEqual(steps, [1, 2, 3, 4, 5]);
  assert.deepEqual(seen, record.evaluations);
  assert.deepEqual(seen.map(({ step }) => step), [2, 4, 5]);
  const { stepLosses: [a, b] } = record;
  allClose([seen[0].runningLoss], [(a + b) / 2], { relative: 1e-12 });
  const { loss } = await job.objective.evaluate(
    consecutiveTokens(data.test, { context, most: 20 }),
  );
  allClose([record.heldOutLoss], [loss], { relative: 1e-6 });
  const { heldOutLoss, stepMs, evaluations } = await trainText({ ...job, ...run, steps: 5 });
  assert.deepEqual([stepMs, evaluations.length], [0, 0]);
  assert(Number.isFinite(heldOutLoss));
});

Deno.test("createTextJob() keeps nothing when its sizes do not fit", async () => {
  using backend = await createBackend();
  assert.throws(() => createTextJob(backend, { ...options, heads: 3 }), { name: "ShapeError" });
  assert.throws(() => createTextJob(backend, { ...options, width: 0 }), { name: "OptionError" });
  assert.throws(() => createTextJob(backend, { ...options, steps: 0 }), { name: "OptionError" });
  assert.equal(backend.memory().handles, 0);
});
