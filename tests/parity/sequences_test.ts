import { type DenseMatrix, denseMatrix, rotaryTurns, softmax } from "@tekfac/tekfac/linalg";
import { inputs, parity, rounded, ROUNDOFF, unread } from "./_parity.ts";

/** Columns around a vector of 4 and a workgroup of 256. */
const SHAPES = [[1, 1], [3, 4], [5, 7], [6, 18], [2, 257], [130, 64]] as const;

const KINDS = ["layer", "rms"] as const;
const EPSILON = 0.125;

const largest = (x: DenseMatrix) =>
  x.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

for (const kind of KINDS) {
  parity(`rowNorm() ${kind} agrees to the roundings of a row's sums`, (check, random) => {
    for (const [rows, cols] of SHAPES) {
      for (const parts of [1, 2]) {
        const [x, weights] = [inputs(random, rows, cols), inputs(random, parts, cols)];
        // Sums in four lines; deviations are at least sqrt(1/8).
        const roundings = 16 + cols / 4;
        check({
          label: `${rows}x${cols}, ${parts}`,
          outputs: [unread(rows, cols)],
          inputs: [x, weights],
          call: (b, [out], [x, weights]) => b.rowNorm(kind, out, x, weights, EPSILON),
          absolute: roundings * ROUNDOFF * 3 * (1 + largest(x)) * (1 + largest(weights)),
        });
      }
    }
  });

  parity(`rowNormSums() ${kind} agrees to the roundings of its sums`, (check, random) => {
    for (const positions of [1, 3]) {
      for (const [examples, cols] of SHAPES) {
        const rows = positions * examples;
        const [x, g] = [inputs(random, rows, cols), inputs(random, rows, cols)];
        const scale = 3 * (1 + largest(x)) * (1 + largest(g));
        check({
          label: `${examples}x${positions}x${cols}`,
          outputs: [unread(2 * examples, cols)],
          inputs: [x, g],
          call: (b, [out], [x, g]) => b.rowNormSums(kind, out, x, g, EPSILON),
          absolute: (16 + cols / 4) * positions * ROUNDOFF * scale,
        });
      }
    }
  });

  parity(`rowNormGradient() ${kind} agrees to the roundings of a row's sums`, (check, random) => {
    for (const [rows, cols] of SHAPES) {
      const [x, g] = [inputs(random, rows, cols), inputs(random, rows, cols)];
      const weights = inputs(random, 2, cols);
      const scale = 9 * (1 + largest(x)) ** 2 * largest(g) * largest(weights);
      check({
        label: `${rows}x${cols}`,
        outputs: [unread(rows, cols)],
        inputs: [x, g, weights],
        call: (b, [out], [x, g, weights]) => b.rowNormGradient(kind, out, x, g, weights, EPSILON),
        absolute: (16 + cols / 4) * ROUNDOFF * scale,
      });
    }
  });
}

/** Tokens that repeat; some are no rows of a table of seven. */
const tokensOf = (count: number) =>
  denseMatrix(1, count, Float64Array.from({ length: count }, (_, i) => (i * i + 3 * i) % 9 - 1));

const COLUMNS = [1, 4, 7, 33, 260];

parity("gatherRows() copies rows, and zeros for what is none", (check, random) => {
  for (const cols of COLUMNS) {
    check({
      label: `${cols} columns`,
      outputs: [unread(12, cols)],
      inputs: [inputs(random, 7, cols), tokensOf(12)],
      call: (b, [out], [table, tokens]) => b.gatherRows(out, table, tokens),
    });
  }
});

parity("scatterRows() agrees to the roundings of its sums", (check, random) => {
  for (const count of [0, 5, 300]) {
    for (const cols of COLUMNS) {
      for (const decay of [0, 0.5, 1]) {
        const x = inputs(random, count, cols);
        check({
          label: `${count}x${cols}, decay ${decay}`,
          outputs: [decay === 0 ? unread(7, cols) : inputs(random, 7, cols)],
          inputs: [tokensOf(count), x],
          call: (b, [out], [tokens, x]) => b.scatterRows(out, tokens, x, { decay, scale: 0.3 }),
          absolute: (count + 4) * ROUNDOFF * (4 + 0.3 * count * largest(x) / 4),
        });
      }
    }
  }
});

parity("mergeRows() sums the rows of a token at its first position", (check, random) => {
  for (const positions of [1, 4, 12]) {
    for (const cols of COLUMNS) {
      const x = inputs(random, 24, cols);
      check({
        label: `${positions} positions, ${cols} columns`,
        outputs: [unread(24, cols)],
        inputs: [tokensOf(24), x],
        call: (b, [out], [tokens, x]) => b.mergeRows(out, tokens, x, positions),
        absolute: positions * positions * ROUNDOFF * largest(x),
      });
    }
  }
});

/** Positions, heads and channels of a head: around a vector of 4, a line of 16 and a workgroup of 256. */
const HEADS = [[1, 1, 1], [3, 2, 3], [16, 1, 4], [17, 2, 7], [20, 3, 16], [5, 2, 21], [270, 1, 2]];

/** Examples of which some positions are padding, once all of those that come first; and a seed for each. */
function extrasOf(kind: "plain" | "masked" | "dropping", positions: number, examples: number) {
  const at = (i: number) => +(i % positions >= Math.floor(i / positions) && i % 5 !== 3);
  const mask = denseMatrix(
    1,
    positions * examples,
    Float64Array.from({ length: positions * examples }, (_, i) => at(i)),
  );
  const seeds = denseMatrix(
    1,
    examples,
    Float64Array.from({ length: examples }, (_, n) => 2 ** 24 - 1 - 12345 * n),
  );
  return kind === "plain" ? [] : kind === "masked" ? [mask] : [mask, seeds];
}

for (const causal of [false, true]) {
  for (const kind of ["plain", "masked", "dropping"] as const) {
    for (const [positions, heads, width] of HEADS) {
      const shape = { positions, heads, causal, dropout: kind === "dropping" ? 0.25 : 0 };
      const label = `${kind}, ${positions} positions, ${heads} heads of ${width}`;
      const channels = heads * width;
      const rows = 3 * positions;
      const extras = extrasOf(kind, positions, 3);

      parity(`attention() ${causal ? "causal" : "of all"} agrees: ${label}`, (check, random) => {
        const qkv = inputs(random, rows, 3 * channels);
        const most = largest(qkv);
        // Errors of a score are those of its sum, and come back as errors of the exponential.
        const roundings = (width + 8) * Math.sqrt(width) * most * most + positions;
        check({
          label,
          outputs: [unread(rows, channels)],
          inputs: [qkv, ...extras],
          call: (b, [out], [qkv, mask, seeds]) => b.attention(out, qkv, shape, mask, seeds),
          absolute: 2 * roundings * ROUNDOFF * most,
        });
      });

      parity(
        `attentionGradient() ${causal ? "causal" : "of all"} agrees: ${label}`,
        (check, random) => {
          const [qkv, g] = [inputs(random, rows, 3 * channels), inputs(random, rows, channels)];
          const most = largest(qkv);
          const roundings = (width + 8) * Math.sqrt(width) * most * most + positions;
          check({
            label,
            outputs: [unread(rows, 3 * channels)],
            inputs: [qkv, g, ...extras],
            call: (b, [out], [qkv, g, mask, seeds]) =>
              b.attentionGradient(out, qkv, g, shape, mask, seeds),
            absolute: 4 * roundings * ROUNDOFF * width * most * most * largest(g),
          });
        },
      );
    }
  }
}

parity(
  "rotatePairs() turns pairs by the angles of the position, and copies the rest",
  (check, random) => {
    for (
      const [positions, width, heads, rest] of [[1, 2, 1, 0], [3, 2, 3, 1], [4, 6, 2, 5], [
        5,
        16,
        2,
        16,
      ]]
    ) {
      const columns = heads * width;
      for (const direction of [1, -1] as const) {
        const x = inputs(random, 2 * positions, columns + rest);
        check({
          label: `${positions} positions, ${heads} heads of ${width}`,
          outputs: [unread(x.rows, x.cols)],
          inputs: [x, rounded(rotaryTurns(positions, width, 100, direction))],
          call: (b, [out], [x, turns]) => b.rotatePairs(out, x, turns, columns),
          absolute: 4 * ROUNDOFF * largest(x),
        });
        check({
          label: `${positions} positions, ${heads} heads of ${width}, in place`,
          outputs: [x],
          inputs: [rounded(rotaryTurns(positions, width, 100, direction))],
          call: (b, [out], [turns]) => b.rotatePairs(out, out, turns, columns),
          absolute: 4 * ROUNDOFF * largest(x),
        });
      }
    }
  },
);

parity("softmax() and its gradient agree, for small and very large numbers", (check, random) => {
  for (const [rows, cols] of SHAPES) {
    for (const scale of [0.1, 60]) {
      const x = rounded(
        denseMatrix(rows, cols, inputs(random, rows, cols).data.map((v) => scale * v)),
      );
      check({
        label: `${rows}x${cols}, scale ${scale}`,
        outputs: [unread(rows, cols)],
        inputs: [x],
        call: (b, [out], [x]) => b.softmax(out, x),
        absolute: 16 * ROUNDOFF * Math.max(1, scale),
      });
      const [y, g] = [rounded(softmax(x)), inputs(random, rows, cols)];
      check({
        label: `${rows}x${cols}, scale ${scale}, gradient`,
        outputs: [unread(rows, cols)],
        inputs: [y, g],
        call: (b, [out], [y, g]) => b.softmaxGradient(out, y, g),
        absolute: 8 * ROUNDOFF * largest(g),
      });
    }
  }
});
