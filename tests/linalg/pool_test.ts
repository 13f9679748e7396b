import assert from "#assert";
import fc from "#fast-check";
import { Random, resolveWindow } from "@tekfac/tekfac/core";
import {
  averagePool,
  averagePoolGradient,
  denseMatrix,
  dot,
  maxPool,
  maxPoolGradient,
} from "@tekfac/tekfac/linalg";
import { allClose, randomGeometry, randomMatrix } from "@tekfac/tekfac/testing";

const ROW = denseMatrix(4, 1, [3, -1, 3, -5]);
const PAIRS = resolveWindow("Cannot pool", [1, 4, 1], { kernel: [1, 2], stride: [1, 2] });
const TRIPLES = resolveWindow("Cannot pool", [1, 4, 1], {
  kernel: [1, 3],
  stride: [1, 3],
  padding: [0, 1],
});

Deno.test("maxPool() takes the largest pixel; padding is never the maximum", () => {
  assert.deepEqual([...maxPool(ROW, PAIRS).data], [3, 3]);
  const negative = denseMatrix(4, 1, [-3, -1, -3, -5]);
  assert.deepEqual([...maxPool(negative, TRIPLES).data], [-1, -3]);
});

Deno.test("maxPoolGradient() goes to the first pixel that attains the maximum", () => {
  const whole = resolveWindow("Cannot pool", [1, 4, 1], { kernel: [1, 4] });
  assert.deepEqual([...maxPoolGradient(ROW, denseMatrix(1, 1, [7]), whole).data], [7, 0, 0, 0]);
});

Deno.test("averagePool() does not count padding", () => {
  assert.deepEqual([...averagePool(ROW, PAIRS).data], [1, -1]);
  assert.deepEqual([...averagePool(ROW, TRIPLES).data], [1, -1]);
});

Deno.test("maxPool() and averagePool() give 0 where a window holds nothing but padding", () => {
  const beside = resolveWindow("Cannot pool", [1, 1, 1], { kernel: 1, padding: [0, 1] });
  const pixel = denseMatrix(1, 1, [5]);
  assert.deepEqual([...maxPool(pixel, beside).data], [0, 5, 0]);
  assert.deepEqual([...averagePool(pixel, beside).data], [0, 5, 0]);
});

Deno.test("averagePoolGradient() is the adjoint of averagePool()", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = new Random(seed);
      const window = randomGeometry(random);
      const x = randomMatrix(random, 2 * window.height * window.width, window.channels);
      const pooled = averagePool(x, window);
      const g = randomMatrix(random, pooled.rows, pooled.cols);
      const absolute = 64 * Number.EPSILON * g.data.length;
      allClose([dot(pooled, g)], [dot(x, averagePoolGradient(g, window))], { absolute });
    }),
    { seed: 4 },
  );
});
