import assert from "#assert";
import { createBackend } from "@tekfac/tekfac/backend";
import { examplesIn, table } from "@tekfac/tekfac/data";
import { dense, softmaxCrossEntropy } from "@tekfac/tekfac/nn";
import type { Assignment } from "../../../lab/laboratory.ts";
import { balancedError, imbalanced, mislabelled } from "../../../lab/studies/altered.ts";
import { evidencePage } from "../../../lab/studies/evidence_document.ts";
import {
  heteroscedastic,
  imbalancedClasses,
  rareCluster,
  teacher,
} from "../../../lab/studies/families.ts";
import { makeStudy, type StudyPlan } from "../../../lab/studies/study.ts";
import { type StudyTask, workloadOf } from "../../../lab/studies/task.ts";
import { tasks } from "../../../lab/studies/tasks.ts";

Deno.test("tasks have names of their own, and an hour's worth needs data or none", () => {
  assert.equal(new Set(tasks.map(({ name }) => name)).size, tasks.length);
  assert.ok(tasks.some(({ short, folder }) => short && folder === undefined));
});

const points = Array.from({ length: 60 }, (_, n) => [Math.cos(n), Math.sin(3 * n)]);
const labels = points.map(([x, y]) => (x > 0 ? 1 : 0) + (y > 0.8 ? 1 : 0));
const whole = table({ inputs: points, targets: labels, classes: 3 });

Deno.test("imbalanced() keeps k^-1.5 of class k, mislabelled() a share of wrong labels; tests stay", () => {
  const count = (of: ArrayLike<number>, k: number) =>
    [...Array.from(of)].filter((l) => l === k).length;
  const fewer = imbalanced({ train: whole, test: whole });
  for (const k of [0, 1, 2]) {
    const expected = Math.round(count(labels, k) * (k + 1) ** -1.5);
    assert.equal(count(fewer.train.targets, k), expected);
  }
  const wrong = mislabelled({ train: whole, test: whole }, 0.5);
  const changed = labels.filter((label, n) => wrong.train.targets[n] !== label).length;
  // Three standard deviations of 60 coins.
  assert.ok(Math.abs(changed - 30) < 3 * Math.sqrt(15), `${changed}`);
  assert.deepEqual(wrong.test, whole);
  assert.equal(fewer.test, whole);
});

Deno.test("balancedError() is the mean of the classes' own errors, however rare they are", () => {
  // Class 0: one of four wrong; class 1: one of one.
  const outputs = [1, 0, 1, 0, 1, 0, 0, 1, 1, 0];
  assert.equal(balancedError().of(outputs, [0, 0, 0, 0, 1]), (1 / 4 + 1) / 2);
});

Deno.test("families are the same in every run, with as many examples as they say", () => {
  for (
    const [draw, train, test] of [
      [imbalancedClasses, 3000, 3000],
      [rareCluster, 3000, 3000],
      [heteroscedastic, 3000, 3000],
      [teacher, 2048, 512],
    ] as const
  ) {
    const one = draw();
    assert.deepEqual([examplesIn(one.train), examplesIn(one.test)], [train, test]);
    assert.deepEqual(draw().train.inputs, one.train.inputs);
  }
});

/** A task of two epochs on sixty points. */
const row = {
  name: "small",
  title: "a small task",
  metric: "error",
  epochs: 2,
  batch: 10,
} as const;
const small: StudyTask = {
  ...row,
  open: (bench) => {
    const data = () => ({ train: whole, test: whole });
    const task = { data, loss: softmaxCrossEntropy, layers: () => [dense(3)] };
    return Promise.resolve({
      workload: workloadOf(row, task, bench),
      examples: { train: 60, test: 60 },
      fingerprint: "sixty points",
    });
  },
};

const plan: StudyPlan = {
  ...{ form: "defaults", optimizers: ["tekfac", "adam"], seeds: 2, firstSeed: 100, trials: 3 },
};

async function inDirectory(work: (runs: string) => Promise<void>): Promise<void> {
  const runs = await Deno.makeTempDir();
  try {
    await work(runs);
  } finally {
    await Deno.remove(runs, { recursive: true });
  }
}

Deno.test("makeStudy() does each run once, and writes a page of it", async () => {
  using backend = await createBackend({ threads: 1 });
  await inDirectory(async (runs) => {
    const told: Assignment[] = [];
    const place = {
      ...{ backend, data: undefined, runs, mayGoOn: () => true },
      tell: (assignment: Assignment) => void told.push(assignment),
    };
    const first = await makeStudy(small, { ...plan, seeds: 1 }, place);
    assert.equal(told.length, 2);
    const both = await makeStudy(small, plan, place);
    assert.equal(told.length, 4);
    assert.deepEqual(both.seeds, [100, 101]);
    assert.deepEqual(both.optimizers[0].runs[0], first.optimizers[0].runs[0]);
    const { text, pictures } = await evidencePage(runs, [small], "A remark.");
    assert.match(text, /^## Defaults only$/m);
    assert.match(text, /A remark\./);
    assert.doesNotMatch(text, /NaN|undefined|null/);
    assert.equal(pictures.size, 3);
    const other = { ...plan, settings: { adam: { learningRate: 0.1 } } };
    await assert.rejects(makeStudy(small, other, place), /settings/);
  });
});

Deno.test("makeStudy() of a search judges trials by examples that they do not learn from", async () => {
  using backend = await createBackend({ threads: 1 });
  await inDirectory(async (runs) => {
    const kinds: string[] = [];
    const summary = await makeStudy(small, { ...plan, form: "tuned" }, {
      ...{ backend, data: undefined, runs, mayGoOn: () => true },
      tell: ({ kind, seed }) => void kinds.push(`${kind} ${seed}`),
    });
    assert.deepEqual(kinds.slice(0, 6), Array(6).fill("trial 1100"));
    const [{ trials }] = summary.optimizers;
    assert.equal(trials.length, 3);
    // A fifth of sixty are twelve: errors are twelfths, those of the runs sixtieths.
    for (const { value } of trials) {
      assert.ok(Math.abs(12 * value! - Math.round(12 * value!)) < 1e-9);
    }
  });
});

Deno.test("evidencePage() refuses a directory without studies, and a summary of another layout", async () => {
  await inDirectory(async (runs) => {
    await assert.rejects(evidencePage(runs, [small], ""), /run 'deno task studies' first/);
    await Deno.mkdir(`${runs}/small-tuned`);
    await Deno.writeTextFile(`${runs}/small-tuned/compare.json`, `{ "format": 1 }`);
    await assert.rejects(evidencePage(runs, [small], ""), /expected format 2, received 1/);
  });
});
