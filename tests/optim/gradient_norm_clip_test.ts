/** The bound on the norm of a step's gradients, seen from the weights. */
import assert from "#assert";
import { type Optimizer, sgd, type SgdOptions } from "@tekfac/tekfac/optim";
import { allClose } from "@tekfac/tekfac/testing";
import {
  type Batch,
  makeBatch,
  problemOf,
  referenceBackend,
  smallModel,
  weightsOf,
} from "./problem.ts";

/** What each of some steps of gradient descent with rate 1 has taken from the weights. */
function stepsOf(options: SgdOptions, batches: readonly Batch[]) {
  using backend = referenceBackend();
  using model = smallModel(backend);
  using optimizer: Optimizer<Batch> = sgd(problemOf(model), {
    learningRate: 1,
    momentum: false,
    ...options,
  });
  return batches.map((batch) => {
    const before = weightsOf(model);
    const report = optimizer.stepSync(batch);
    const after = weightsOf(model);
    return { step: before.map((w, i) => w - after[i]), report };
  });
}

const norm = (values: readonly number[]) => Math.hypot(...values);

Deno.test("gradientNormClip shortens a step to its limit and keeps its direction", () => {
  const batches = [makeBatch(16, 0)];
  const [{ step: plain, report: free }] = stepsOf({}, batches);
  assert.equal(free.gradientFactor, undefined);
  allClose([norm(plain)], [free.gradientNorm], { relative: 1e-12 });
  const limit = norm(plain) / 3;
  const [{ step, report }] = stepsOf({ gradientNormClip: limit }, batches);
  allClose(step, plain.map((value) => value / 3), { relative: 1e-9 });
  allClose([report.gradientFactor!], [1 / 3], { relative: 1e-12 });
  allClose([report.gradientNorm], [norm(plain)], { relative: 1e-12 });
});

Deno.test("gradientNormClip leaves shorter gradients as they are, and may change from step to step", () => {
  const batches = [makeBatch(16, 0), makeBatch(16, 0)];
  const plain = stepsOf({}, batches);
  const loose = stepsOf({ gradientNormClip: 1e6 }, batches);
  assert.deepEqual(loose.map(({ step }) => step), plain.map(({ step }) => step));
  assert.deepEqual(loose.map(({ report }) => report.gradientFactor), [1, 1]);
  const limits = [1e6, 1e-3];
  const [, { step }] = stepsOf({ gradientNormClip: (i) => limits[i] }, batches);
  allClose([norm(step)], [1e-3], { relative: 1e-9 });
});

Deno.test("of gradientClip and gradientNormClip the smaller factor counts", () => {
  const usual = makeBatch(16, 0);
  const large = { ...usual, inputs: usual.inputs.map((x) => 3 * x) };
  const batches = [usual, usual, large];
  const factorOf = (options: SgdOptions) =>
    stepsOf({ learningRate: 1e-6, ...options }, batches)[2].report;
  const { gradientFactor: relative, gradientNorm } = factorOf({ gradientClip: 1.01 });
  assert(relative! < 1);
  for (const share of [0.5, 2]) {
    const last = share * relative! * gradientNorm;
    const gradientNormClip = (step: number) => step < 2 ? 1e6 : last;
    const { gradientFactor } = factorOf({ gradientClip: 1.01, gradientNormClip });
    allClose([gradientFactor!], [Math.min(share, 1) * relative!], { relative: 1e-9 });
  }
});
