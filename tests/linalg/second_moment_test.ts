import assert from "#assert";
import { Random } from "@tekfac/tekfac/core";
import {
  dampedDivide,
  denseMatrix,
  gemm,
  mapMatrix,
  rotateBack,
  rotateInto,
  rowSquaredNorms,
  secondMoment,
  trace,
} from "@tekfac/tekfac/linalg";
import { allClose, randomMatrix, randomOrthogonal } from "@tekfac/tekfac/testing";

Deno.test("secondMoment() without weights is X^T X, and symmetric", () => {
  const x = randomMatrix(new Random(1), 7, 4);
  const c = secondMoment(x);
  allClose(c.data, gemm(x, x, { transposeA: true }).data, { absolute: 32 * Number.EPSILON });
  for (let i = 0; i < 4; i++) {
    for (let j = 0; j < 4; j++) assert.equal(c.data[i * 4 + j], c.data[j * 4 + i]);
  }
});

Deno.test("secondMoment() with weights w equals that of rows scaled by sqrt w", () => {
  const x = denseMatrix(2, 2, [1, 2, 3, 4]);
  assert.deepEqual(
    secondMoment(x, [4, 9]).data,
    secondMoment(denseMatrix(2, 2, [2, 4, 9, 12])).data,
  );
});

Deno.test("secondMoment() has the trace of the summed squared norms", () => {
  const x = randomMatrix(new Random(2), 6, 5);
  const norms = rowSquaredNorms(x).data.reduce((total, value) => total + value, 0);
  allClose([trace(secondMoment(x))], [norms], { relative: 64 * Number.EPSILON });
});

Deno.test("rotateBack() undoes rotateInto(), which keeps lengths", () => {
  const random = new Random(3);
  const basis = { output: randomOrthogonal(random, 3), input: randomOrthogonal(random, 5) };
  const x = randomMatrix(random, 3, 5);
  const rotated = rotateInto(x, basis);
  const absolute = 64 * Number.EPSILON;
  allClose(rotateBack(rotated, basis).data, x.data, { absolute });
  const squares = (data: Float64Array): number => data.reduce((total, v) => total + v * v, 0);
  allClose([squares(rotated.data)], [squares(x.data)], { relative: absolute });
});

Deno.test("dampedDivide() divides by the damped eigenvalues raised to the exponent", () => {
  const x = denseMatrix(1, 2, [6, 6]);
  const theta = denseMatrix(1, 2, [2, 8]);
  assert.deepEqual([...dampedDivide(x, theta, 1).data], [2, 6 / 9]);
  assert.deepEqual(
    dampedDivide(x, theta, 1, 0.5).data,
    mapMatrix(x, (v, t) => v / (t + 1) ** 0.5, theta).data,
  );
});
