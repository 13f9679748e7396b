import assert from "#assert";
import type { RunSummary } from "@tekfac/tekfac/training";
import { endOf, heldOut, markAt, valueAfter } from "../../lab/held_out.ts";

/** A run whose test loss takes these values after epochs of two seconds each. */
function run(...losses: number[]): RunSummary {
  const end = { testLoss: losses.at(-1)!, testAccuracy: null };
  return {
    epochs: losses.map((testLoss, i) => ({
      ...{ epoch: i + 1, runningLoss: 1, testLoss, testAccuracy: null, seconds: 2 * (i + 1) },
    })),
    ...{ ...end, trainLoss: 1, seconds: 2 * losses.length, stepMs: 1 },
  };
}

const near = (actual: number | undefined, expected: number) =>
  assert.ok(Math.abs(actual! - expected) < 1e-12 * expected, `${actual} instead of ${expected}`);

Deno.test("heldOut() takes each quantity from where a run tells it, and refuses one that it does not", () => {
  const end = { testLoss: 0.5, testAccuracy: 0.9, metrics: { balancedError: 0.3 } };
  assert.equal(heldOut("loss", end), 0.5);
  near(heldOut("error", end), 0.1);
  assert.equal(heldOut("balancedError", end), 0.3);
  assert.throws(() => heldOut("rmse", end), /by its rmse/);
  assert.throws(() => heldOut("error", { ...end, testAccuracy: null }), TypeError);
});

Deno.test("markAt() interpolates the logarithm and counts the first epoch in full", () => {
  const halving = run(1, 1 / 2, 1 / 4);
  near(markAt(halving, "loss", 2 ** -1.5)!.epochs, 2.5);
  near(markAt(halving, "loss", 2 ** -1.5)!.seconds, 5);
  assert.deepEqual(markAt(halving, "loss", 3), { epochs: 1, seconds: 2 });
  assert.equal(markAt(halving, "loss", 0.2), undefined);
});

Deno.test("markAt() is where a target was reached first, even when the value rises again", () => {
  near(markAt(run(4, 1, 3, 0.5), "loss", 1)!.epochs, 2);
});

Deno.test("markAt() and valueAfter() take a value of 0", () => {
  near(markAt(run(1, 0), "loss", 0.25)!.epochs, 1.75);
  near(valueAfter(run(1, 0), "loss", 3), 0.5);
});

Deno.test("valueAfter() is the inverse of markAt() after the first epoch, and holds both ends", () => {
  const falling = run(3, 1, 0.2);
  for (const seconds of [2.5, 4, 5.9]) {
    near(markAt(falling, "loss", valueAfter(falling, "loss", seconds)!)!.seconds, seconds);
  }
  assert.equal(valueAfter(falling, "loss", 1), 3);
  assert.equal(valueAfter(falling, "loss", 99), 0.2);
  assert.deepEqual(endOf(falling), { epochs: 3, seconds: 6 });
});
