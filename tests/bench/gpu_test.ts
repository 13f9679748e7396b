import assert from "#assert";
import { timeEnqueued } from "../../bench/gpu/device.ts";
import { normals, verifyProduct } from "../../bench/gpu/kernels.ts";

Deno.test("verifyProduct() takes a right product and refuses a wrong or missing one", () => {
  const n = 24;
  const [a, b] = [normals(n * n, 1), normals(n * n, 2)];
  const c = Float32Array.from({ length: n * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    return a.subarray(i * n, (i + 1) * n).reduce((sum, x, k) => sum + x * b[k * n + j], 0);
  });
  verifyProduct(c, a, b, n);
  assert.throws(() => verifyProduct(c.map((x) => x * 1.01), a, b, n), /Wrong result/);
  assert.throws(() => verifyProduct(c.map(() => NaN), a, b, n), /Wrong result/);
});

Deno.test("timeEnqueued() adds runs until they take long enough, and waits once for all", async () => {
  const batches: number[] = [];
  let runs = 0;
  const wait = async () => {
    batches.push(runs);
    await new Promise((resolve) => setTimeout(resolve, 4 * runs));
    runs = 0;
  };
  const ms = await timeEnqueued({ run: () => runs++, wait }, 15);
  assert.deepEqual(batches, [1, 2, 4].slice(0, batches.length));
  assert.ok(ms >= 3.5, `${ms}`);
});
