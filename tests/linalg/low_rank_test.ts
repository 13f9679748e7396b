import assert from "#assert";
import { Random } from "@tekfac/tekfac/core";
import {
  type DenseMatrix,
  denseMatrix,
  diagonalMatrix,
  eigh,
  gemm,
  kron,
  lowRankDivide,
  lowRankEigenvalues,
  mapMatrix,
  projectedMoments,
  squaredProjection,
  transposed,
} from "@tekfac/tekfac/linalg";
import { allClose, randomMatrix, randomOrthogonal } from "@tekfac/tekfac/testing";

const rowsOf = ({ cols, data }: DenseMatrix, from: number, to: number): DenseMatrix =>
  denseMatrix(to - from, cols, data.slice(from * cols, to * cols));

/** A layer's whole bases, by rows, and their first rows. */
function layer(random: Random, [dOut, dIn]: Pair, [kOut, kIn]: Pair) {
  const whole = { output: randomOrthogonal(random, dOut), input: randomOrthogonal(random, dIn) };
  const basis = {
    output: rowsOf(whole.output, 0, kOut),
    input: rowsOf(whole.input, 0, kIn),
  };
  const gradients = Array.from({ length: 5 }, () => randomMatrix(random, dOut, dIn));
  return { whole, basis, moments: projectedMoments(gradients, basis), gradients };
}

type Pair = readonly [number, number];

const CASES: readonly (readonly [sizes: Pair, ranks: Pair])[] = [
  [[4, 5], [2, 3]],
  [[4, 5], [1, 1]],
  [[4, 5], [4, 2]],
  [[4, 5], [2, 5]],
  [[4, 5], [4, 5]],
  [[1, 6], [1, 2]],
  [[3, 3], [0, 0]],
  [[3, 3], [0, 2]],
];

Deno.test("projectedMoments() holds the diagonal of the Fisher block in the basis, and its sums", () => {
  for (const [sizes, ranks] of CASES) {
    const [[kOut, kIn], random] = [ranks, new Random(1)];
    const { whole, moments, gradients } = layer(random, sizes, ranks);
    const columns = { output: transposed(whole.output), input: transposed(whole.input) };
    const theta = squaredProjection(gradients, columns);
    const sumOf = (rows: number, cols: number, fromRow = 0, fromCol = 0): number => {
      let sum = 0;
      for (let i = fromRow; i < rows; i++) {
        for (let j = fromCol; j < cols; j++) sum += theta.data[i * theta.cols + j];
      }
      return sum;
    };
    const expected = denseMatrix(kOut + 1, kIn + 1);
    for (let i = 0; i <= kOut; i++) {
      for (let j = 0; j <= kIn; j++) {
        expected.data[i * (kIn + 1) + j] = sumOf(
          i < kOut ? i + 1 : theta.rows,
          j < kIn ? j + 1 : theta.cols,
          i < kOut ? i : 0,
          j < kIn ? j : 0,
        );
      }
    }
    allClose(moments.data, expected.data, { relative: 1e-12, label: `${sizes} ${ranks}` });
  }
});

Deno.test("lowRankEigenvalues() keep the trace of the Fisher block", () => {
  for (const [sizes, ranks] of CASES) {
    const { basis, moments } = layer(new Random(2), sizes, ranks);
    const { block, rows, columns, rest } = lowRankEigenvalues(moments, basis);
    const sum = (x: DenseMatrix): number => x.data.reduce((total, value) => total + value, 0);
    const [outside, inside] = [sizes[0] - ranks[0], sizes[1] - ranks[1]];
    const trace = sum(block) + inside * sum(rows) + outside * sum(columns) +
      outside * inside * rest;
    const corner = moments.data[moments.data.length - 1];
    assert(Math.abs(trace - corner) < 1e-12 * corner, `${sizes} ${ranks}`);
  }
});

Deno.test("lowRankEigenvalues() are not negative where rounding leaves less than nothing", () => {
  const basis = { output: denseMatrix(1, 2, [1, 0]), input: denseMatrix(1, 2, [1, 0]) };
  const { rows, columns, rest } = lowRankEigenvalues(denseMatrix(2, 2, [2, 1, 1, 0]), basis);
  assert.deepEqual([rows.data[0], columns.data[0], rest], [0, 0, 0]);
});

Deno.test("lowRankDivide() applies the power of the damped operator, built whole", () => {
  for (const [sizes, ranks] of CASES) {
    for (const exponent of [1, 0.5, 0.3]) {
      const random = new Random(3);
      const { whole, basis, moments } = layer(random, sizes, ranks);
      const { block, rows, columns, rest } = lowRankEigenvalues(moments, basis);
      const [[dOut, dIn], [kOut, kIn]] = [sizes, ranks];
      const eigenvalues = Array.from({ length: dOut * dIn }, (_, at) => {
        const [i, j] = [Math.floor(at / dIn), at % dIn];
        if (i < kOut && j < kIn) return block.data[i * kIn + j];
        return i < kOut ? rows.data[i] : j < kIn ? columns.data[j] : rest;
      });
      const vectors = kron(whole.output, whole.input);
      const operator = gemm(
        gemm(vectors, diagonalMatrix(eigenvalues), { transposeA: true }),
        vectors,
      );
      const damping = 0.5;
      // Its power from its own eigenvectors, so that nothing is taken from the bases.
      const solved = eigh(operator);
      const powers = solved.values.map((value) => (value + damping) ** -exponent);
      const power = gemm(gemm(solved.vectors, diagonalMatrix(powers)), solved.vectors, {
        transposeB: true,
      });
      const x = randomMatrix(random, dOut, dIn);
      const expected = gemm(power, denseMatrix(dOut * dIn, 1, x.data));
      const actual = lowRankDivide(x, basis, moments, damping, exponent);
      allClose(actual.data, expected.data, {
        absolute: 1e-12,
        label: `${sizes} ${ranks} ${exponent}`,
      });
    }
  }
});

Deno.test("lowRankDivide() with whole bases divides by the moments in the basis", () => {
  const { whole, moments } = layer(new Random(4), [3, 4], [3, 4]);
  const x = randomMatrix(new Random(5), 3, 4);
  const inside = gemm(gemm(whole.output, x), whole.input, { transposeB: true });
  const divided = mapMatrix(inside, (value) => value);
  divided.data.forEach((value, at) => {
    divided.data[at] = value / (moments.data[Math.floor(at / 4) * 5 + at % 4] + 1e-3);
  });
  const expected = gemm(gemm(whole.output, divided, { transposeA: true }), whole.input);
  allClose(lowRankDivide(x, whole, moments, 1e-3).data, expected.data, { relative: 1e-10 });
});
