import assert from "#assert";
import { Random } from "@tekfac/tekfac/core";
import { geometricMean, pairedRatios } from "../../lab/paired_statistics.ts";

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-12 * expected, `${actual} instead of ${expected}`);

Deno.test("geometricMean() of ratios is exp of the mean logarithm, within its interval", () => {
  const { ratio, low, high, pairs } = geometricMean([0.5, 2, 4])!;
  near(ratio, 4 ** (1 / 3));
  assert.ok(low! < ratio && ratio < high!);
  near(low!, 0.5);
  near(high!, 4);
  assert.equal(pairs, 3);
});

Deno.test("geometricMean() of the inverse ratios is inverse, up to the resampling", () => {
  const ratios = [0.8, 0.9, 0.7, 1.1, 0.95, 0.85, 0.75];
  const there = geometricMean(ratios)!, back = geometricMean(ratios.map((ratio) => 1 / ratio))!;
  near(there.ratio, 1 / back.ratio);
  assert.ok(Math.abs(there.low! * back.high! - 1) < 0.01);
  assert.ok(Math.abs(there.high! * back.low! - 1) < 0.01);
});

Deno.test("geometricMean() repeats with its seed, and needs two pairs for an interval", () => {
  const ratios = [0.8, 1.3, 0.9];
  assert.deepEqual(geometricMean(ratios, 4), geometricMean(ratios, 4));
  assert.deepEqual(geometricMean([0.8]), { ratio: 0.8, low: null, high: null, pairs: 1 });
  assert.equal(geometricMean([]), undefined);
  assert.throws(() => geometricMean([1, 0]), { name: "OptionError" });
});

for (const [pairs, least, most] of [[5, 0.87, 0.96], [10, 0.91, 0.98]]) {
  // Four standard errors of 500 cases around 92 % and 95 %; plain percentiles would give 83 % and 91 %.
  Deno.test(`geometricMean()'s interval covers the truth in ${100 * least} to ${100 * most} % of cases with ${pairs} pairs`, () => {
    const random = new Random(3);
    const cases = 500;
    let covered = 0;
    for (let i = 0; i < cases; i++) {
      const ratios = Array.from({ length: pairs }, () => Math.exp(random.normal(0, 0.1)));
      const { low, high } = geometricMean(ratios, i)!;
      if (low! <= 1 && high! >= 1) covered++;
    }
    assert.ok(covered / cases >= least && covered / cases <= most, `${covered / cases}`);
  });
}

Deno.test("pairedRatios() pairs equal seeds and leaves out what has no ratio", () => {
  const measured = (values: number[], seeds = [1, 2, 3]) =>
    values.map((value, i) => ({ seed: seeds[i], value }));
  assert.deepEqual(pairedRatios(measured([1, 2, 3]), measured([4, 4, 4], [3, 1, 9])), [0.25, 0.75]);
  assert.deepEqual(pairedRatios(measured([0, 2, Infinity]), measured([1, 1, 1])), [2]);
});
