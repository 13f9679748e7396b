import assert from "#assert";
import { cosine, product, stepwise, valueAt, warmup } from "@tekfac/tekfac/core";

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) <= 4 * Number.EPSILON, `${actual} instead of ${expected}`);

Deno.test("cosine() falls from 1 at the first step to its end, and stays there", () => {
  const schedule = cosine(10, 0.2);
  near(schedule(0), 1);
  near(schedule(5), 0.6);
  near(schedule(10), 0.2);
  near(schedule(11), 0.2);
  for (let step = 0; step < 10; step++) assert.ok(schedule(step + 1) < schedule(step));
});

Deno.test("stepwise() is multiplied at each milestone, from that step on", () => {
  const schedule = stepwise([4, 8], 0.5);
  assert.deepEqual([0, 3, 4, 7, 8, 100].map(schedule), [1, 1, 0.5, 0.5, 0.25, 0.25]);
});

Deno.test("warmup() ends its ramp at full height, and what follows is counted from the first step", () => {
  const schedule = warmup(4, stepwise([6], 0.1));
  assert.deepEqual([0, 1, 2, 3, 4, 5].map(schedule), [0.25, 0.5, 0.75, 1, 1, 1]);
  near(schedule(6), 0.1);
  assert.equal(warmup(0)(0), 1);
});

Deno.test("product() joins a base rate, a warm-up and a cosine", () => {
  const schedule = product(0.1, warmup(2, cosine(4)));
  near(valueAt(schedule, 0), 0.05);
  near(valueAt(schedule, 2), 0.05);
  near(valueAt(schedule, 4), 0);
});

Deno.test("cosine(), stepwise() and warmup() refuse what would make NaN of a learning rate", () => {
  for (const steps of [0, -1, NaN, Infinity]) {
    assert.throws(() => cosine(steps), { name: "OptionError" });
  }
  assert.throws(() => cosine(10, NaN), { name: "OptionError" });
  assert.throws(() => warmup(-1), { name: "OptionError" });
  assert.throws(() => stepwise([NaN]), { name: "OptionError" });
  assert.throws(() => stepwise([5], -1), { name: "OptionError" });
});
