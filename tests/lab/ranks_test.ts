import assert from "#assert";
import { denseNetwork } from "../../lab/ranks/shapes.ts";
import {
  basesBytes,
  directionBytes,
  fastest,
  stepSeconds,
  summedBytes,
  sumSeconds,
} from "../../lab/ranks/simulate.ts";
import type { TrafficCase } from "../distributed/programs/traffic.ts";
import { forms } from "../distributed/ranks.ts";

const TRAFFIC = new URL("../distributed/programs/traffic.ts", import.meta.url);

const widths = [60, 90, 40, 70];
const network = denseNetwork("dense", widths, 8);

for (
  const [method, workers] of [["sgd", 2], ["low rank", 2], ["low rank", 1], ["full", 2], [
    "full",
    1,
  ]] as const
) {
  Deno.test(`bytes of ${method} are what two ranks hand over, within 3 %, ${workers} to a direction`, async () => {
    const argument: TrafficCase = { widths, method, workerFraction: workers / 2 };
    const each = await forms[0].run(2, TRAFFIC, argument) as number[];
    const measured = (each[0] + each[1]) / 2;
    const expected = summedBytes(network, method) + basesBytes(network, method, 2, workers) +
      directionBytes(network, 2, workers);
    assert(Math.abs(measured / expected - 1) < 0.03, `${measured} bytes instead of ${expected}`);
  });
}

Deno.test("sumSeconds() is the faster of ring and tree, and nothing for one rank", () => {
  const speeds = { products: 1, cubes: 1, latency: 1, bandwidth: 1 };
  assert.equal(sumSeconds(100, 1, speeds), 0);
  assert.equal(sumSeconds(1, 8, speeds), 2 * 3 * (1 + 1)); // the tree
  assert.equal(sumSeconds(8000, 8, speeds), 2 * 7 * (1 + 1000)); // the ring
});

Deno.test("stepSeconds() are least with one worker where products are slow, with all where the network is", () => {
  const machine = { products: 1e9, cubes: 1e8, latency: 1e-6 };
  const of = (bandwidth: number) => fastest(network, "full", 2, { ...machine, bandwidth });
  assert.equal(of(1e10).workers, 1);
  assert.equal(of(1e6).workers, 2);
  const sgd = stepSeconds(network, "sgd", { ranks: 2, workers: 2 }, {
    ...machine,
    bandwidth: 1e10,
  });
  assert(sgd < of(1e10).seconds);
  // What is lent is the bytes of the bases, and a message.
  const speeds = { ...machine, bandwidth: 1e6 };
  const [kept, divided] = [false, true].map((divided) =>
    stepSeconds(network, "full", { ranks: 2, workers: 1, divided }, speeds)
  );
  const lent = basesBytes(network, "full", 2, 1) / speeds.bandwidth + speeds.latency;
  assert(Math.abs(divided - kept - lent) < 1e-9);
});
