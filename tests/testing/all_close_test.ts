import assert from "#assert";
import { allClose } from "@tekfac/tekfac/testing";

Deno.test("allClose() returns the per cent of the allowance that the worst entry used", () => {
  assert.equal(allClose([1, 2.5], [1, 2], { absolute: 1 }), 50);
  assert.equal(allClose([110], [100], { relative: 0.125 }), 80);
  assert.equal(allClose([], []), 0);
});

Deno.test("allClose() names the worst index, both values, their ratio and the share over", () => {
  assert.throws(
    () => allClose([1, 4, 1.5, 1], [1, 2, 1, 1], { absolute: 0.25, label: "sums" }),
    {
      message: "sums: worst at 1: 4 instead of 2 (difference 2.000e+0, ratio 2, 800.0 % of the " +
        "allowance); 2 of 4 over (50.0 %)",
    },
  );
});

Deno.test("allClose() lets NaN agree with NaN and infinities with themselves only", () => {
  assert.equal(allClose([NaN, Infinity], [NaN, Infinity]), 0);
  assert.throws(() => allClose([NaN], [1], { absolute: 1e9 }), /worst at 0: NaN instead of 1/);
  assert.throws(() => allClose([1], [NaN], { absolute: 1e9 }), /worst at 0/);
  assert.throws(() => allClose([-Infinity], [Infinity], { relative: 1 }), /worst at 0/);
});

Deno.test("allClose() rejects another number of numbers", () => {
  assert.throws(() => allClose([1, 2], [1]), /values: expected 1 numbers, received 2/);
});
