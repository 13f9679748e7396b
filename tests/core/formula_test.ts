import assert from "#assert";
import { OptionError } from "@tekfac/tekfac/core";
import {
  add,
  div,
  type Expression,
  formula,
  max,
  mean,
  min,
  select,
  sum,
} from "@tekfac/tekfac/formula";
import { evaluate } from "@tekfac/tekfac/linalg";

Deno.test("formula() is a vector where a term is one, by its type and by its data", () => {
  const { outputs } = formula({ x: "vector", c: "number" }, ({ x, c }) => {
    const vector: Expression<"vector"> = add(c, x);
    const number: Expression<"number"> = add(sum(vector), c);
    // @ts-expect-error A number has no sum.
    sum(number);
    return { vector, number, constant: 2 };
  });
  assert.deepEqual(Object.values(outputs).map(({ rank }) => rank), ["vector", "number", "number"]);
});

Deno.test("formula() refuses what no backend could compute", () => {
  for (const constant of [NaN, Infinity, 1e39]) {
    assert.throws(
      () => formula({ x: "number" }, ({ x }) => ({ y: add(x, constant) })),
      OptionError,
    );
  }
  let other: Expression | undefined;
  formula({ x: "number" }, ({ x }) => ({ y: other = x }));
  assert.throws(() => formula({ x: "number" }, ({ x }) => ({ y: add(x, other!) })), OptionError);
});

Deno.test("evaluate() computes a node once, however often it is used", () => {
  const doubled = formula({ x: "vector" }, ({ x }) => {
    let total: Expression = sum(x);
    for (let i = 0; i < 60; i++) total = add(total, total);
    return { total };
  });
  assert.deepEqual([...evaluate(doubled, { x: [1, 2, 3] }).total], [6 * 2 ** 60]);
});

Deno.test("evaluate() of NaN, and of vectors without elements", () => {
  const special = formula({ x: "number", none: "vector" }, ({ x, none }) => ({
    least: min(x, 2),
    most: max(x, 2),
    kept: select(0, x, 7),
    mean: mean(none),
    scaled: div(none, x),
  }));
  const results = evaluate(special, { x: NaN, none: [] });
  assert.deepEqual(Object.values(results).map((values) => [...values]), [[2], [2], [7], [0], []]);
});
