import assert from "#assert";
import { denseNetwork } from "../../lab/ranks/shapes.ts";
import { stepSeconds, summedBytes, sumSeconds } from "../../lab/ranks/simulate.ts";
import type { TrafficCase } from "../distributed/programs/traffic.ts";
import { forms } from "../distributed/ranks.ts";

const TRAFFIC = new URL("../distributed/programs/traffic.ts", import.meta.url);

const widths = [60, 90, 40, 70];
const network = denseNetwork("dense", widths, 8);

for (const method of ["sgd", "low rank", "full, alone"] as const) {
  Deno.test(`summedBytes() of ${method} are what two ranks hand over, within 3 %`, async () => {
    const argument: TrafficCase = { widths, method };
    const [measured] = await forms[0].run(2, TRAFFIC, argument) as number[];
    const expected = summedBytes(network, method);
    assert(Math.abs(measured / expected - 1) < 0.03, `${measured} bytes instead of ${expected}`);
  });
}

Deno.test("sumSeconds() is the faster of ring and tree, and nothing for one rank", () => {
  const speeds = { products: 1, cubes: 1, latency: 1, bandwidth: 1 };
  assert.equal(sumSeconds(100, 1, speeds), 0);
  assert.equal(sumSeconds(1, 8, speeds), 2 * 3 * (1 + 1)); // the tree
  assert.equal(sumSeconds(8000, 8, speeds), 2 * 7 * (1 + 1000)); // the ring
});

Deno.test("stepSeconds() falls with every way of sharing out, and never below SGD's", () => {
  const speeds = { products: 1e9, cubes: 1e8, latency: 1e-6, bandwidth: 1e9 };
  const of = (method: Parameters<typeof stepSeconds>[1]) => stepSeconds(network, method, 8, speeds);
  const order = ["full, alone", "full, bases", "full, directions", "sgd"] as const;
  order.slice(1).forEach((method, i) => assert(of(method) < of(order[i]), method));
});
