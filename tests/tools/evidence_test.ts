import assert from "#assert";
import type { SeededRun } from "../../lab/comparison.ts";
import { type ComparisonSummary, summarizeComparison } from "../../lab/comparison_summary.ts";
import type { Finding } from "../../lab/laboratory.ts";
import type { RatioEstimate } from "../../lab/paired_statistics.ts";
import { readEvidence } from "../../tools/evidence.ts";
import {
  defaultSentences,
  epochSentences,
  equalTimeSentences,
  evidenceDocument,
  overview,
  ratiosOf,
  testSentences,
  timeSentences,
  verdictOf,
  warningSentences,
} from "../../tools/evidence_text.ts";

const estimate = (ratio: number, low: number | null, high: number | null): RatioEstimate => ({
  ratio,
  low,
  high,
  pairs: 5,
});

Deno.test("verdictOf() only speaks where the whole interval lies on one side of 1", () => {
  assert.equal(verdictOf(estimate(0.9, 0.8, 0.99)), "below 1");
  assert.equal(verdictOf(estimate(1.1, 1.01, 1.2)), "above 1");
  assert.equal(verdictOf(estimate(0.9, 0.8, 1)), "undecided");
  assert.equal(verdictOf(estimate(0.5, null, null)), "undecided");
});

/** A run that ends at a loss after two epochs. */
function run(seed: number, trainLoss: number, seconds: number): SeededRun {
  const shared = { testLoss: 1, testAccuracy: null };
  return {
    ...{ seed, trainLoss, seconds, stepMs: 1, initialLoss: 8, ...shared },
    epochs: [
      { epoch: 1, runningLoss: 4, trainLoss: 2 * trainLoss, seconds: seconds / 2, ...shared },
      { epoch: 2, runningLoss: 2, trainLoss, seconds, ...shared },
    ],
  };
}

interface Scene {
  readonly tekfac: number;
  readonly adam?: number;
  readonly recipe?: number | null;
  readonly contended?: string;
  readonly first?: "tekfac" | "adam";
}

/** TEKFAC against Adam, each with losses that scatter by a few per cent over five seeds. */
function summaryOf({ tekfac, adam = 1, recipe = 1, contended, first = "tekfac" }: Scene) {
  const scatter = [0.98, 1.01, 1, 1.02, 0.99];
  const finding = (name: Finding["name"], loss: number, seconds: number): Finding => ({
    name,
    trials: [{ point: {}, trainLoss: recipe }, { point: { tau: 3 }, trainLoss: 0.5 }],
    point: { tau: 3 },
    runs: scatter.map((factor, seed) => run(seed, loss * (name === "adam" ? 1 : factor), seconds)),
    failures: [],
  });
  const both = [finding("tekfac", tekfac, 4), finding("adam", adam, 2)];
  return summarizeComparison({
    ...{ command: "deno task compare", model: "mlp", data: "glyphs", epochs: 2, batch: 8 },
    ...{ trainingImages: 100, testImages: 10, seeds: [0, 1, 2, 3, 4] },
    search: { trials: 2, seed: 1000, keys: null },
    ...{ backend: "wasm", machine: "a machine", runtime: "a runtime" },
    ...{ from: "2026-01-01", to: "2026-01-01", contended: contended ?? null },
  }, {
    optimizers: first === "tekfac" ? both : both.reverse(),
    ...{ complete: true, done: 14, total: 14 },
  });
}

const said = (sentences: string[], pattern: RegExp) =>
  assert.ok(sentences.length === 1 && pattern.test(sentences[0]), sentences.join(" | "));

Deno.test("epochSentences() say who is lower, who is higher, and when nobody can tell", () => {
  said(
    epochSentences(summaryOf({ tekfac: 0.5 })),
    /^TEKFAC ends with a lower .* than Adam: ratio 0\.5/,
  );
  said(
    epochSentences(summaryOf({ tekfac: 2 })),
    /^TEKFAC ends with a \*\*higher\*\* training loss/,
  );
  said(epochSentences(summaryOf({ tekfac: 1 })), /^TEKFAC and Adam are not told apart/);
});

Deno.test("ratiosOf() are TEKFAC's over the other's, whichever stands first", () => {
  const [one] = ratiosOf(summaryOf({ tekfac: 0.5 }).pairs);
  const [other] = ratiosOf(summaryOf({ tekfac: 0.5, first: "adam" }).pairs);
  assert.equal(other.optimizer, "tekfac");
  for (const key of ["ratio", "low", "high"] as const) {
    assert.ok(Math.abs(one[key]! / other[key]! - 1) < 1e-9, `${key}: ${one[key]}, ${other[key]}`);
  }
});

Deno.test("timeSentences() say quicker, slower, undecided, or with how many seeds it was reached", () => {
  // TEKFAC's epochs take twice Adam's time.
  said(timeSentences(summaryOf({ tekfac: 0.25 })), /: it is quicker\.$/);
  said(timeSentences(summaryOf({ tekfac: 0.9 })), /: it is \*\*slower\*\*\.$/);
  said(timeSentences(summaryOf({ tekfac: 3 })), /reaches the .* Adam ends with 0 of 5 seeds\.$/);
});

Deno.test("equalTimeSentences() name everyone by verdict, and say nothing without such runs", () => {
  const summary = summaryOf({ tekfac: 0.5 });
  assert.deepEqual(equalTimeSentences(summary), []);
  said(
    equalTimeSentences({ ...summary, pairsAtEqualTime: summaryOf({ tekfac: 2 }).pairs }),
    /lower than that of: nobody's; \*\*higher\*\* than: Adam \(2 .*\); not told apart from: nobody's\.$/,
  );
});

Deno.test("testSentences() say whose test loss is lowest, TEKFAC's or another's", () => {
  const summary = summaryOf({ tekfac: 0.5 });
  const withTestLosses = (...means: number[]): ComparisonSummary => ({
    ...summary,
    optimizers: summary.optimizers.map((optimizer, i) => ({
      ...optimizer,
      testLoss: { mean: means[i], low: means[i], high: means[i] },
    })),
  });
  said(
    testSentences(withTestLosses(0.5, 0.25)),
    /is 0\.5 for TEKFAC, \*\*higher\*\* .*Adam's 0\.25\.$/,
  );
  said(
    testSentences(withTestLosses(0.5, 0.75)),
    /TEKFAC, the lowest of all; the next is Adam's 0\.75\.$/,
  );
});

Deno.test("defaultSentences() compare the recipe with the best trial", () => {
  said(defaultSentences(summaryOf({ tekfac: 1, recipe: 0.55 })), /at 1\.1 times .*: within 15 %/);
  said(
    defaultSentences(summaryOf({ tekfac: 1, recipe: 1 })),
    /at 2 times .*\*\*not\*\* within 15 %/,
  );
  said(defaultSentences(summaryOf({ tekfac: 1, recipe: null })), /recipe diverged/);
});

Deno.test("warningSentences() tell of missing work, disturbed times and divergences", () => {
  const summary = summaryOf({ tekfac: 1, recipe: null, contended: "contended: others ran" });
  assert.deepEqual(warningSentences({ ...summary, complete: false }), [
    "**Not finished**: trainings are missing.",
    "Times are not to be trusted (contended: others ran).",
    "TEKFAC diverged in 1 of 7 trainings.",
    "Adam diverged in 1 of 7 trainings.",
  ]);
  assert.deepEqual(warningSentences(summaryOf({ tekfac: 1 })), []);
  said(
    warningSentences(summaryOf({ tekfac: 9 })),
    /^TEKFAC ended with a higher training loss than it began with in 5 of 5 runs\.$/,
  );
});

Deno.test("overview() counts wins, losses and what is undecided", () => {
  const evidence = [0.5, 2, 1, 0.6].map((tekfac, i) => ({
    title: `study ${i}`,
    images: "images",
    summary: summaryOf({ tekfac }),
  }));
  const text = overview(evidence);
  assert.match(text, /Against Adam: lower in 2, higher in 1, not told apart in 1 of 4\./);
  const document = evidenceDocument(evidence);
  for (const { title } of evidence) {
    assert.match(document, new RegExp(`^## S${title.slice(1)}$`, "m"));
  }
  assert.match(document, /^### After 2 epochs$/m);
  assert.doesNotMatch(document, /undefined|NaN|null/);
});

Deno.test("readEvidence() takes standard studies in their order, then others, and skips the unfinished", async () => {
  const runs = await Deno.makeTempDir();
  try {
    const write = async (name: string, summary: ComparisonSummary | { format: number }) => {
      await Deno.mkdir(`${runs}/${name}`);
      await Deno.writeTextFile(`${runs}/${name}/compare.json`, JSON.stringify(summary));
    };
    await write("a-study-of-my-own", summaryOf({ tekfac: 1 }));
    await write("cnn-drawn", summaryOf({ tekfac: 1 }));
    await write("autoencoder-t10k", summaryOf({ tekfac: 1 }));
    await Deno.mkdir(`${runs}/mlp-t10k`);
    const titles = (await readEvidence(runs)).map(({ title }) => title);
    const expected = ["autoencoder on MNIST t10k", "cnn on drawn digits", "a-study-of-my-own"];
    assert.deepEqual(titles, expected);
    await write("mlp-drawn", { format: 2 });
    await assert.rejects(readEvidence(runs), /expected format 1, received 2/);
  } finally {
    await Deno.remove(runs, { recursive: true });
  }
});
