/** A step of several ranks is the step of one with the joined batch. */

import assert from "#assert";
import { allClose } from "@tekfac/tekfac/testing";
import { type StepsCase, stepsOf, type StepsResult } from "./programs/steps.ts";
import { eachForm, forms } from "./ranks.ts";

const STEPS = new URL("programs/steps.ts", import.meta.url);

const exact = (optimizer: StepsCase["optimizer"], options = {}, sizes = [64]): StepsCase => ({
  ...{ optimizer, options, sizes },
  backend: "reference",
  steps: 11,
});

/** All optimizers by default, and the ways in which statistics, eigenvalues and lengths can be made otherwise. */
const cases: readonly StepsCase[] = [
  exact("sgd"),
  exact("adam"),
  // On a side with more dimensions than one gradient has, rounding picks the basis.
  exact("soap", { maxPreconditionerSize: 4, preconditionFrequency: 5 }),
  exact("muon"),
  exact("kfac"),
  exact("ekfac"),
  exact("tkfac"),
  exact("tekfac"),
  exact("tekfac", { rank: "full", fisher: "monteCarlo" }),
  exact("tekfac", { preset: "paper", learningRate: 1e-2 }),
  exact("ekfac", { rank: "full", eigenvaluesFrom: "runningAverage", fisher: "empirical" }),
  exact("tkfac", { split: "exact", fisher: "perLoss" }),
  exact("tekfac", { rank: 3, dampingAdaptation: {} }),
  // Two micro-batches, of parts that are not equal.
  exact("tekfac", {}, [37, 22]),
  // What is dropped of an example follows from its place in the joined batch.
  { ...exact("tekfac"), dropped: 0.3 },
  { ...exact("adam", {}, [37, 22]), dropped: 0.5 },
  // Steps so long that some are taken back.
  exact("tekfac", { learningRate: 30, klClip: false, relativeChange: false }),
];

function check(actual: StepsResult, expected: StepsResult, tolerance: number, what: string): void {
  for (const part of ["losses", "weights"] as const) {
    const scale = Math.max(...expected[part].map(Math.abs));
    allClose(actual[part], expected[part], {
      absolute: tolerance * scale,
      label: `${what}, ${part}`,
    });
  }
  expected.numbers.forEach((number, i) => {
    const other = actual.numbers[i];
    if (typeof number !== "number") return assert.equal(other, number, what);
    const error = Math.abs(other as number - number);
    assert(
      error <= tolerance * Math.max(1, Math.abs(number)),
      `${what}: ${other} is not ${number}`,
    );
  });
}

const nameOf = ({ optimizer, options }: StepsCase) => `${optimizer} ${JSON.stringify(options)}`;

/** Directions that ranks share out, of all four that can, with full bases, inverses and low rank. */
const shared = (workerFraction: number): readonly StepsCase[] =>
  [
    exact("muon", { workerFraction }),
    exact("kfac", { workerFraction }),
    exact("kfac", { workerFraction, split: "exact" }),
    exact("tkfac", { workerFraction, dampingAdaptation: {} }),
    exact("ekfac", { workerFraction, rank: "full", refresh: { kind: "background", delay: 2 } }),
    exact("tekfac", { workerFraction, preset: "paper", learningRate: 1e-2 }),
    exact("tekfac", { workerFraction }, [37, 22]),
    exact("ekfac", { workerFraction, rank: "full", eigenvaluesFrom: "runningAverage" }),
    // Muon shares directions out after four steps.
  ].map((each) => ({ ...each, steps: 8 }));

/** Of each case, taken once. */
const alone = new Map<StepsCase, StepsResult>();
const expectedOf = (each: StepsCase): StepsResult => {
  if (!alone.has(each)) alone.set(each, stepsOf(each));
  return alone.get(each)!;
};

async function compare(
  run: (typeof forms)[number]["run"],
  size: number,
  some: readonly StepsCase[],
): Promise<readonly StepsResult[]> {
  const results = await run(size, STEPS, some) as StepsResult[][];
  some.forEach((each, i) => {
    const expected = expectedOf(each);
    results.forEach((ofRank, rank) => {
      const what = `${nameOf(each)} on rank ${rank}`;
      assert.deepEqual(ofRank[i], results[0][i], `${what}: not the numbers of rank 0`);
      check(ofRank[i], expected, each.backend === "wasm" ? 1e-3 : 1e-7, what);
    });
  });
  return results[0];
}

const [threads, ...others] = forms;

for (const size of [2, 4]) {
  eachForm(
    `stepSync() on ${size} ranks is the step of one with the joined batch`,
    async (run) => void await compare(run, size, cases),
    [threads],
  );
}

for (const [size, fractions] of [[2, [1 / 2]], [4, [1, 1 / 2, 1 / 4]]] as const) {
  eachForm(
    `stepSync() on ${size} ranks is the step of one, whatever share of them keeps a layer and makes its direction`,
    async (run) => {
      for (const fraction of fractions) {
        const results = await compare(run, size, shared(fraction));
        const words = `directions by ${fraction * size} of ${size} ranks each`;
        for (const { plan } of results) assert(plan.endsWith(words), `${plan} without ${words}`);
      }
    },
    [threads],
  );
}

// What a form could do wrong does not depend on the optimizer.
eachForm(
  "stepSync() on 2 ranks is the step of one, however they are joined",
  async (run) => {
    await compare(run, 2, cases.filter(({ optimizer }) => ["sgd", "tkfac"].includes(optimizer)));
  },
  others,
);

eachForm("stepSync() in float32 differs on 2 ranks by rounding", async (run) => {
  await compare(run, 2, [{ ...exact("tekfac"), backend: "wasm", steps: 8 }]);
}, [threads]);

Deno.test("the cases of several ranks are those in which ranks have to decide alike", () => {
  const limits = cases.flatMap((each) => expectedOf(each).numbers);
  for (const limit of ["klClip", "learningRate", "rejection"]) {
    assert(limits.includes(limit), limit);
  }
});
