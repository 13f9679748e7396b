/** The studies of uncertainty: what they count, by hand, and the command at a small size. */
import assert from "#assert";
import { createDataset } from "@tekfac/tekfac/data";
import { inDirectory, run } from "../e2e/_cli.ts";
import {
  accuracyOf,
  areaUnderCurve,
  bestTemperature,
  calibrationError,
  confidences,
  coverageOf,
  negativeLogLikelihood,
  tempered,
} from "../../lab/uncertainty/calibration.ts";
import { drawnClothes } from "../../lab/uncertainty/clothes.ts";
import { studyTempering } from "../../lab/uncertainty/tempering.ts";
import { fitted } from "../../lab/uncertainty/outside.ts";

const judged = { probabilities: [0.9, 0.1, 0.4, 0.6, 0.8, 0.2], labels: [0, 1, 1] };

Deno.test("calibration counts what it should", () => {
  const near = (a: number, b: number) => assert(Math.abs(a - b) < 1e-12, `${a}, ${b}`);
  near(accuracyOf(judged), 2 / 3);
  near(negativeLogLikelihood(judged), -(Math.log(0.9) + Math.log(0.6) + Math.log(0.2)) / 3);
  // Bins of a half: the three confidences 0.9, 0.6 and 0.8 share one, with two hits.
  near(calibrationError(judged, 2), Math.abs(2.3 - 2) / 3);
  near(calibrationError(judged, 10), (0.1 + 0.4 + 0.8) / 3);
  assert.deepEqual(confidences(judged.probabilities, 2), [0.9, 0.6, 0.8]);
});

Deno.test("areaUnderCurve() is the share of pairs in order, ties counting half", () => {
  assert.equal(areaUnderCurve([3, 2], [1, 2]), (1 + 1 + 1 + 0.5) / 4);
});

Deno.test("bestTemperature() finds the one that outputs were multiplied with", () => {
  // Of 10 equal outputs (z, 0) 7 have label 0: the best probability is 0.7.
  const outputs = Array.from({ length: 10 }, () => [6, 0]).flat();
  const labels = Array.from({ length: 10 }, (_, i) => i < 7 ? 0 : 1);
  const [p] = tempered(outputs, 2, bestTemperature(outputs, labels));
  assert(Math.abs(p - 0.7) < 1e-4, `${p}`);
});

Deno.test("coverageOf() counts targets inside", () => {
  assert.equal(coverageOf([0, 0, 0], [1, 1, 1], [0.5, -1.5, 3], 2), 2 / 3);
});

Deno.test("drawnClothes() draws each image anew, and all the same for the same seed", () => {
  const [first, again, other] = [1, 1, 2].map((seed) => drawnClothes({ count: 12, seed }));
  assert.deepEqual(first.images, again.images);
  assert.notDeepEqual(first.images, other.images);
  const shareOf = (n: number) => {
    const image = Array.from(first.images.slice(784 * n, 784 * (n + 1)));
    return image.filter((value) => value > 0).length / 784;
  };
  for (let n = 0; n < 12; n++) assert(shareOf(n) > 0.05 && shareOf(n) < 0.6, `${n}: ${shareOf(n)}`);
});

Deno.test("fitted() cuts out the middle, or puts black around, and makes grey of colours and back", () => {
  const common = { labels: new Uint8Array(1), classes: 1, source: "test" };
  const colours = createDataset({
    ...common,
    images: Uint8Array.from([...Array(12).fill(0), 51, 102, 0, ...Array(12).fill(0)]),
    shape: [3, 3, 3],
  });
  const small = createDataset({
    ...common,
    images: Float32Array.from([0]),
    shape: [1, 1, 1],
    normalization: { mean: [0.5], deviation: [2] },
  });
  const grey = fitted(colours, small);
  assert(Math.abs(grey.images[0] - 0.2) < 1e-7);
  assert.deepEqual(grey.normalization, small.normalization);
  const wide = fitted(grey, colours);
  assert.deepEqual([...wide.images].map((x) => Math.round(10 * x)), [
    ...Array(12).fill(0),
    ...[2, 2, 2],
    ...Array(12).fill(0),
  ]);
});

Deno.test("studyTempering() finds MacKay's constant for two classes, and one near K / (K - 1)^2", () => {
  const study = { cases: 64, draws: 400, seed: 1 };
  const [two, five] = [2, 5].map((classes) => studyTempering(classes, study));
  // The variance of a difference is twice that about the mean: pi v / 8 with v = 2 tr(P C P).
  assert(two.best > 1.4 && two.best < 2.4, `${two.best}`);
  assert(two.divergences[0] < 0.005, `${two.divergences}`);
  assert(five.best > 0.2 && five.best < 0.45, `${five.best}`);
  for (const { divergences: [ours, , , none] } of [two, five]) assert(ours < none / 3);
});

Deno.test("the command uncertainty judges images and tables", () =>
  inDirectory(async (directory) => {
    const small = ["--limit", "60", "--seeds", "1", "--epochs", "1"];
    const images = await run("uncertainty", directory, ...small);
    assert.equal(images.code, 0, images.stderr);
    assert.match(images.stdout, /all layers, validation\s+[01]\.\d+/);
    const rows = Array.from({ length: 40 }, (_, i) => `${i % 7},${i % 5},${i % 7 + 2 * (i % 5)}`);
    await Deno.writeTextFile(`${directory}/plane.csv`, `a,b,y\n${rows.join("\n")}\n`);
    const table = await run("uncertainty", directory, "--table", "plane.csv", ...small);
    assert.equal(table.code, 0, table.stderr);
    assert.match(table.stdout, /all layers, validation\s+[\d.]+/);
  }));
