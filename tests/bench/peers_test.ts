import assert from "#assert";
import { CHANNELS_FIRST, CHANNELS_LAST, transposed } from "../../bench/peers/peer.ts";
import { convolutionShapes, inputsOf, operationsOf, WORK } from "../../bench/peers/work.ts";

Deno.test("transposed() moves channels to the front and back again", () => {
  const shape = [2, 2, 3, 4];
  const data = Float32Array.from({ length: 48 }, (_, i) => i);
  const first = transposed(data, shape, CHANNELS_FIRST);
  // Example 1, channel 2, row 0, column 1 of [2, 4, 2, 3].
  assert.equal(first[((1 * 4 + 2) * 2 + 0) * 3 + 1], data[((1 * 2 + 0) * 3 + 1) * 4 + 2]);
  assert.deepEqual(transposed(first, CHANNELS_FIRST.map((a) => shape[a]), CHANNELS_LAST), data);
});

Deno.test("operationsOf() a product are 2 n^3, of a convolution six per weight and location", () => {
  for (const work of WORK) {
    if (work.kind === "gemm") assert.equal(operationsOf(work), 2 * work.n ** 3);
    if (work.kind === "conv2d") {
      const [, weights, [, rows, columns]] = convolutionShapes(work);
      const count = weights.reduce((a, b) => a * b);
      assert.equal(operationsOf(work), 6 * 64 * rows * columns * count);
    }
  }
});

Deno.test("inputsOf() a symmetric task is symmetric, seeded, and damped for an inverse", () => {
  const [eigh, inverse] = ["eigh, n = 64", "damped SPD inverse, n = 64"].map((name) => {
    const [x] = inputsOf(WORK.find((work) => work.name === name)!);
    return x;
  });
  for (let i = 0; i < 64; i++) {
    for (let j = 0; j < 64; j++) assert.equal(eigh[i * 64 + j], eigh[j * 64 + i]);
    assert.equal(inverse[i * 65], Math.fround(eigh[i * 65] + 0.1));
  }
});
