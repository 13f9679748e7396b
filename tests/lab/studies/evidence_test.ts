import assert from "#assert";
import type { SeededRun } from "../../../lab/comparison.ts";
import { type ComparisonSummary, summarizeComparison } from "../../../lab/comparison_summary.ts";
import type { Finding } from "../../../lab/laboratory.ts";
import {
  aimSentences,
  type Evidence,
  mainTable,
  picturesOf,
  ratioTo,
  rivalSentences,
  taskSection,
  verdictOf,
  warningSentences,
} from "../../../lab/studies/evidence.ts";

Deno.test("verdictOf() only speaks where the whole interval of four pairs lies on one side of 1", () => {
  assert.equal(verdictOf({ low: 0.8, high: 0.99, pairs: 4 }), "below 1");
  assert.equal(verdictOf({ low: 1.01, high: 1.2, pairs: 5 }), "above 1");
  assert.equal(verdictOf({ low: 0.8, high: 1, pairs: 5 }), "undecided");
  assert.equal(verdictOf({ low: 0.8, high: 0.99, pairs: 3 }), "undecided");
  assert.equal(verdictOf({ low: null, high: null, pairs: 1 }), "undecided");
});

/** A run that ends at a loss after two epochs. */
function run(seed: number, testLoss: number): SeededRun {
  const after = (epoch: number, loss: number) => ({
    ...{ epoch, runningLoss: 1, testLoss: loss, testAccuracy: null, seconds: epoch },
  });
  return {
    ...{ seed, trainLoss: 1, testLoss, testAccuracy: null, seconds: 2, stepMs: 1 },
    epochs: [after(1, 4 * testLoss), after(2, testLoss)],
  };
}

/** Losses that optimizers end with; they scatter by a few per cent over five seeds, in step but for TEKFAC's. */
function summaryOf(losses: Partial<Record<Finding["name"], number>>): ComparisonSummary {
  const scatter = [0.98, 1.01, 1, 1.02, 0.99];
  const finding = (name: string, loss: number): Finding => ({
    name: name as Finding["name"],
    trials: [],
    point: {},
    runs: scatter.map((factor, seed) => run(seed, loss * (name === "tekfac" ? factor : 1))),
    failures: [],
  });
  return summarizeComparison({
    ...{
      command: "deno task studies",
      model: "a task",
      data: "drawn",
      metric: "loss",
      search: null,
    },
    ...{ trainingExamples: 100, testExamples: 10, epochs: 2, batch: 8, seeds: [0, 1, 2, 3, 4] },
    ...{ backend: "wasm", machine: "a machine", runtime: "a runtime", contended: null },
    ...{ from: "2026-01-01", to: "2026-01-01" },
  }, {
    optimizers: Object.entries(losses).map(([name, loss]) => finding(name, loss)),
    ...{ complete: true, done: 10, total: 10 },
  });
}

const about = (name: string, summary: ComparisonSummary, unequal = false): Evidence => ({
  task: { name, title: `task ${name}`, unequal },
  summary,
});

Deno.test("ratioTo() is TEKFAC's over the other's, whichever stands first", () => {
  const one = ratioTo(summaryOf({ tekfac: 0.5, adam: 1 }), "adam")!;
  const other = ratioTo(summaryOf({ adam: 1, tekfac: 0.5 }), "adam")!;
  for (const key of ["ratio", "low", "high"] as const) {
    assert.ok(Math.abs(one[key]! / other[key]! - 1) < 1e-2, `${key}: ${one[key]}, ${other[key]}`);
  }
  assert.ok(one.high! < 0.52 && one.low! > 0.48);
  assert.equal(ratioTo(summaryOf({ tekfac: 1 }), "adam"), undefined);
});

Deno.test("rivalSentences() count wins, losses and what is undecided", () => {
  const evidence = [0.5, 2, 1, 0.6].map((tekfac, i) =>
    about(`${i}`, summaryOf({ tekfac, soap: 1 }))
  );
  assert.match(
    rivalSentences(evidence).join("|"),
    /^Against SOAP it ends lower on 2, \*\*higher\*\* on 1 and is not told apart on 1 of 4 tasks;/,
  );
});

Deno.test("mainTable() takes the best first-order method of each task, and nobody's curvature", () => {
  const evidence = [
    about("a", summaryOf({ tekfac: 0.5, ekfac: 0.1, adam: 1, sgd: 0.8 })),
    about("b", summaryOf({ tekfac: 0.5, adam: 0.4 })),
  ];
  const [, , first, second] = mainTable(evidence).split("\n");
  assert.match(first, /SGD 0\.8 .*0\.625 \(.*\| 5 *\|$/);
  assert.match(second, /AdamW 0\.4 .*reached in 0 of 5/);
});

Deno.test("aimSentences() name the tasks on which an aim is missed", () => {
  const evidence = [
    about("good", summaryOf({ tekfac: 0.2, ekfac: 0.4, adam: 1 }), true),
    about("bad", summaryOf({ tekfac: 2, ekfac: 1, adam: 1 }), true),
  ];
  const [sooner, , end, ekfac, unequal] = aimSentences(evidence);
  assert.match(sooner, /1 of 2 tasks; not on bad\.$/);
  assert.match(end, /first-order method at the end: 1 of 2 tasks; not on bad\.$/);
  assert.match(ekfac, /above EKFAC at the end: 1 of 2 tasks; not on bad\.$/);
  assert.match(unequal, /below EKFAC where .*: 1 of 2 tasks; not on bad\.$/);
});

Deno.test("warningSentences() tell of missing work, disturbed times and divergences", () => {
  const summary = summaryOf({ tekfac: 1, adam: 1 });
  assert.deepEqual(warningSentences([about("a", summary)]), ["No run diverged."]);
  const [first, ...others] = summary.optimizers;
  const broken: ComparisonSummary = {
    ...{ ...summary, complete: false, contended: "contended: others ran" },
    optimizers: [{ ...first, failures: ["seed 5: not finite"] }, ...others],
  };
  const [missing, disturbed, diverged] = warningSentences([about("a", broken)]);
  assert.equal(missing, "**Not finished**: a.");
  assert.match(disturbed, /^On 1 of 1 tasks other programs were at work/);
  assert.equal(diverged, "Diverged: TEKFAC in 1 of 6 runs on a.");
});

Deno.test("picturesOf() are three forests with a line for each task; taskSection() one for each optimizer", () => {
  const evidence = [about("a", summaryOf({ tekfac: 0.5, ekfac: 1, adam: 1 }))];
  const pictures = picturesOf("defaults", evidence);
  assert.deepEqual([...pictures.keys()], [
    ...["defaults_epochs.svg", "defaults_end.svg", "defaults_ekfac.svg"],
  ]);
  for (const svg of pictures.values()) {
    assert.ok(svg.includes("task a"));
    assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
  }
  const section = taskSection(evidence[0]);
  for (const name of ["TEKFAC", "EKFAC", "AdamW"]) assert.ok(section.includes(`| ${name}`));
  assert.doesNotMatch(section, /NaN|undefined|null/);
});
