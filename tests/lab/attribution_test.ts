/** The studies of influence: what they count, and the command at a small size. */
import assert from "#assert";
import { glyphs } from "@tekfac/tekfac/data";
import { shareFound, withWrongLabels } from "../../lab/attribution/mislabelled.ts";
import { meanOf, rankCorrelation } from "../../lab/attribution/retraining.ts";
import { run } from "../e2e/_cli.ts";

Deno.test("withWrongLabels() gives just so many examples another class", () => {
  const { train } = glyphs({ train: 200, test: 1, seed: 1 });
  const { data, wrong } = withWrongLabels(train, { wrong: 0.05, seed: 3 });
  assert.equal(wrong.size, 10);
  for (let i = 0; i < 200; i++) assert.equal(data.labels[i] !== train.labels[i], wrong.has(i));
});

Deno.test("shareFound() counts the chosen among the largest scores", () => {
  assert.equal(shareFound([5, 1, 4, 2, 3], new Set([0, 1]), 0.4), 0.5);
  assert.equal(shareFound([5, 1, 4, 2, 3], new Set([0, 2]), 0.4), 1);
});

Deno.test("rankCorrelation() is that of ranks, ties sharing theirs", () => {
  assert.equal(rankCorrelation([1, 2, 3], [10, 100, 1000]), 1);
  assert.equal(rankCorrelation([1, 2, 3], [0, -5, -6]), -1);
  assert.equal(rankCorrelation([1, 1, 1], [1, 2, 3]), 0);
  // Ranks 0, 1.5, 1.5, 3 beside 0, 1, 2, 3.
  assert(Math.abs(rankCorrelation([1, 2, 2, 3], [1, 2, 3, 4]) - Math.sqrt(0.9)) < 1e-12);
});

Deno.test("meanOf() has the mean inside its interval", () => {
  const { mean, low, high } = meanOf([0.1, 0.4, -0.2, 0.3, 0.2]);
  assert(Math.abs(mean - 0.16) < 1e-12 && low < mean && mean < high);
});

Deno.test("the command attribution makes both studies", async () => {
  const small = ["--limit", "60"];
  const training = ["--seeds", "1", "--epochs", "1", "--optimizer", "tekfac"];
  const found = await run("attribution", ".", ...small, ...training);
  assert.equal(found.code, 0, found.stderr);
  assert.match(found.stdout, /self-influence, tekfac\s+[\d.]+ %/);
  const sizes = ["--halves", "3", "--trainings", "1", "--models", "1", "--queries", "4"];
  const study = ["--study", "retraining", ...small, ...sizes];
  const again = await run("attribution", ".", ...study);
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stdout, /tekfac\s+0\.1\s+-?[\d.]+/);
});
