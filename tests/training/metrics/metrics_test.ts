import assert from "#assert";
import fc from "#fast-check";
import { accuracy, auc, f1, mae, perplexity, r2, rmse, topK } from "@tekfac/tekfac/training";

/** Logits on a coarse grid, so that ties occur, and labels: K classes, N examples. */
const classified = fc.integer({ min: 2, max: 5 }).chain((classes) =>
  fc.array(
    fc.tuple(
      fc.array(fc.integer({ min: -3, max: 3 }), { minLength: classes, maxLength: classes }),
      fc.integer({ min: 0, max: classes - 1 }),
    ),
    { minLength: 1, maxLength: 30 },
  ).map((examples) => ({
    classes,
    rows: examples.map(([row]) => row),
    outputs: examples.flatMap(([row]) => row),
    labels: examples.map(([, label]) => label),
  }))
);

/** The classes in the order of their logits, the largest first, of equal ones the first first. */
const ranked = (row: number[]) => row.map((_, k) => k).sort((a, b) => row[b] - row[a] || a - b);

function close(seen: number, expected: number, terms: number): void {
  if (Number.isNaN(expected)) return assert(Number.isNaN(seen));
  const tolerance = 8 * (terms + 8) * Number.EPSILON * Math.max(1, Math.abs(expected));
  assert(Math.abs(seen - expected) <= tolerance, `${seen} instead of ${expected}`);
}

Deno.test("accuracy() and topK() count labels among the first of a sorted list", () => {
  fc.assert(fc.property(classified, fc.integer({ min: 1, max: 6 }), (data, k) => {
    const share = (most: number) =>
      data.rows.filter((row, n) => ranked(row).slice(0, most).includes(data.labels[n])).length /
      data.rows.length;
    assert.equal(topK(k).of(data.outputs, data.labels), share(k));
    assert.equal(accuracy().of(data.outputs, data.labels), share(1));
  }));
});

Deno.test("f1() is the mean of the harmonic means of precision and recall", () => {
  fc.assert(fc.property(classified, ({ classes, rows, outputs, labels }) => {
    const guesses = rows.map((row) => ranked(row)[0]);
    const scores = Array.from({ length: classes }, (_, k) => {
      const right = guesses.filter((guess, n) => guess === k && labels[n] === k).length;
      const guessed = guesses.filter((guess) => guess === k).length;
      const there = labels.filter((label) => label === k).length;
      if (guessed === 0 && there === 0) return [];
      if (right === 0) return [0];
      return [2 / (guessed / right + there / right)];
    }).flat();
    close(f1().of(outputs, labels), scores.reduce((a, b) => a + b, 0) / scores.length, classes);
  }));
});

Deno.test("auc() is the share of pairs in the right order, ties counting half", () => {
  fc.assert(fc.property(classified, ({ classes, rows, outputs, labels }) => {
    const probability = (row: number[], k: number) =>
      classes === 2
        ? row[1] - row[0]
        : row[k] - Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0));
    const areas = (classes === 2 ? [1] : rows[0].map((_, k) => k)).flatMap((k) => {
      let [wins, pairs] = [0, 0];
      rows.forEach((mine, m) =>
        rows.forEach((yours, n) => {
          if (labels[m] !== k || labels[n] === k) return;
          const lead = probability(mine, k) - probability(yours, k);
          // Rounding must not tell apart what is equal but for the order of the sum.
          wins += Math.abs(lead) < 1e-12 ? 0.5 : lead > 0 ? 1 : 0;
          pairs++;
        })
      );
      return pairs === 0 ? [] : [wins / pairs];
    });
    const expected = areas.reduce((a, b) => a + b, 0) / areas.length;
    const seen = auc().of(outputs, labels);
    // Logits that are a permutation of each other, but for a constant, differ by rounding alone: such ties may
    // fall either way.
    const sorted = new Set(
      rows.map((row) => row.map((z) => z - Math.max(...row)).sort((a, b) => a - b).join()),
    );
    if (classes === 2 || sorted.size === rows.length) close(seen, expected, rows.length);
  }));
});

Deno.test("perplexity() is one over the geometric mean of the labels' probabilities", () => {
  fc.assert(fc.property(classified, ({ rows, outputs, labels }) => {
    const product = rows.reduce((product, row, n) => {
      const sum = row.reduce((sum, logit) => sum + Math.exp(logit), 0);
      return product * Math.exp(row[labels[n]]) / sum;
    }, 1);
    close(perplexity().of(outputs, labels), product ** (-1 / rows.length), 4 * rows.length);
  }));
  assert.equal(perplexity().of([1e4, 0], [0]), 1);
});

Deno.test("rmse(), mae() and r2() of numbers worked out by hand", () => {
  const [outputs, targets] = [[1, 2, 3, 6], [2, 2, 5, 3]];
  // Errors -1, 0, -2, 3; the mean target is 3, the squares about it 1 + 1 + 4 + 0.
  assert.equal(rmse().of(outputs, targets), Math.sqrt(14 / 4));
  assert.equal(mae().of(outputs, targets), 6 / 4);
  close(r2().of(outputs, targets), 1 - 14 / 6, 4);
  // Two numbers each: means 3.5 and 2.5, squares 2.25 * 2 + 0.25 * 2.
  close(r2(2).of(outputs, targets), 1 - 14 / 5, 4);
  assert(Number.isNaN(r2().of([1, 2], [3, 3])));
});

Deno.test("topK() refuses what is no number of classes", () => {
  for (const k of [0, 1.5, NaN]) assert.throws(() => topK(k), { name: "OptionError" });
});
