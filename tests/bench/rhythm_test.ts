import assert from "#assert";
import {
  createBackendSync,
  dense,
  objective,
  sequential,
  soap,
  squaredError,
  tekfac,
} from "@tekfac/tekfac";
import { dueAt, resolvePlan } from "@tekfac/tekfac/curvature";
import { presets } from "@tekfac/tekfac/optim";
import {
  averageStep,
  INTERVALS,
  kindOf,
  LOW_RANK_SHARES,
  RHYTHM,
  rhythmOf,
  ROUND,
  SHARES,
  SHORT_ROUND,
  SOAP_FREQUENCY,
  soapKindOf,
  type StepKind,
  TRAINING,
} from "../../bench/step/rhythm.ts";
import { median, quantile, spread } from "../../bench/statistics.ts";

for (
  const [name, rhythm, round] of [
    ["RHYTHM", RHYTHM, ROUND],
    ["rhythmOf(SHORT_ROUND)", rhythmOf(SHORT_ROUND), SHORT_ROUND],
  ] as const
) {
  Deno.test(`${name} makes due in each step what the kind of the step says`, () => {
    const { intervals, denseStart } = rhythm;
    const plan = resolvePlan("Cannot plan", { intervals, denseStart });
    for (let step = 0; step < 4 * round.length; step++) {
      const kind = kindOf(step, round);
      const due = dueAt(plan, step, 2);
      assert.equal(due.statistics, kind !== "ordinary");
      assert.equal(due.eigenvalues, kind !== "ordinary");
      assert.deepEqual(due.bases, kind === "basis" ? [0, 1] : []);
    }
  });
}

Deno.test("soapKindOf() says in which steps SOAP renews its bases when it does so once a round", () => {
  using backend = createBackendSync({ prefer: ["reference"] });
  using model = sequential(backend, { input: [2], layers: [dense(2)], seed: 1 });
  using optimizer = soap(objective(model, squaredError()), { preconditionFrequency: ROUND.length });
  const batch = { inputs: [1, 2], targets: [3, 4] };
  for (let step = 0; step < 2 * ROUND.length; step++) {
    const { layers: [{ refresh }] } = optimizer.stepSync(batch);
    assert.equal(refresh !== undefined, soapKindOf(step) === "basis", `step ${step}`);
  }
});

Deno.test("SOAP_FREQUENCY is SOAP's default", () => {
  using backend = createBackendSync({ prefer: ["reference"] });
  using model = sequential(backend, { input: [2], layers: [dense(2)], seed: 1 });
  using optimizer = soap(objective(model, squaredError()));
  assert.match(optimizer.describe(), new RegExp(`bases every ${SOAP_FREQUENCY} steps`));
});

Deno.test("SHARES are those of a cycle of the intervals that the benches stand for", () => {
  const plan = resolvePlan("Cannot plan", { intervals: INTERVALS, denseStart: false });
  const counts: Record<StepKind, number> = { ordinary: 0, statistics: 0, basis: 0 };
  for (let step = 0; step < 100; step++) {
    const { statistics, bases } = dueAt(plan, step, 1);
    counts[bases.length > 0 ? "basis" : statistics ? "statistics" : "ordinary"]++;
  }
  for (const kind of Object.keys(SHARES) as StepKind[]) {
    assert.equal(counts[kind], Math.round(100 * SHARES[kind]));
  }
});

Deno.test("LOW_RANK_SHARES are those of the first steps that the default takes", () => {
  using backend = createBackendSync({ prefer: ["reference"] });
  using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
  using optimizer = tekfac(objective(model, squaredError()), {
    rank: 1,
    intervals: presets.default.intervals,
    learningRate: 1e-3,
  });
  let [renewed, observed] = [0, 0];
  for (let step = 0; step < TRAINING; step++) {
    const report = optimizer.stepSync({ inputs: [1, 2], targets: [3, 4] });
    if (report.layers[0].refresh !== undefined) renewed++;
    else if (report.observed.statistics) observed++;
  }
  assert.equal(renewed, Math.round(TRAINING * LOW_RANK_SHARES.basis));
  assert.equal(observed, Math.round(TRAINING * LOW_RANK_SHARES.statistics));
  assert.equal(averageStep({ ordinary: 1, statistics: 1, basis: 1 }, LOW_RANK_SHARES), 1);
});

Deno.test("averageStep() weighs the kinds of steps by their shares", () => {
  assert.equal(averageStep({ ordinary: 10, statistics: 100, basis: 1000 }), 28);
});

Deno.test("quantile() interpolates, median() is the middle, spread() the ratio of deciles", () => {
  assert.equal(quantile([3, 1, 2], 0), 1);
  assert.equal(quantile([1, 2], 0.25), 1.25);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(spread([2, 2, 2]), 1);
});
