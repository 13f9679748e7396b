import assert from "#assert";
import { formatNumber, formatPercent, formatSeconds } from "@tekfac/tekfac/pages";

Deno.test("formatNumber() keeps four digits at any size", () => {
  const cases: [number | null, string][] = [
    [0, "0"],
    [1.23456, "1.235"],
    [123456, "123500"],
    [0.00012345, "1.234e-4"],
    [-2.5e7, "-2.500e+7"],
    [NaN, "NaN"],
    [null, "-"],
  ];
  for (const [value, text] of cases) assert.equal(formatNumber(value), text);
});

Deno.test("formatPercent() and formatSeconds() say the unit", () => {
  assert.equal(formatPercent(0.98765), "98.77 %");
  assert.equal(formatPercent(null), "-");
  assert.equal(formatSeconds(0.0154), "15 ms");
  assert.equal(formatSeconds(59.94), "59.9 s");
  assert.equal(formatSeconds(125.4), "2 min 05 s");
});
