import {
  abs,
  add,
  atLeast,
  div,
  type Expression,
  formula,
  greater,
  isFinite,
  largest,
  max,
  mean,
  min,
  mul,
  select,
  sqrt,
  sub,
  sum,
} from "@tekfac/tekfac/formula";
import { denseMatrix } from "@tekfac/tekfac/linalg";
import { inputs, parity, ROUNDOFF, unread } from "./_parity.ts";

const everything = formula({ x: "vector", y: "vector", c: "number" }, ({ x, y, c }) => {
  const positive = add(abs(x), 1);
  const vectors: Expression<"vector">[] = [
    sub(mul(c, x), div(y, positive)),
    min(max(x, y), c),
    select(greater(x, y), sqrt(positive), mul(positive, 1.5)),
    mul(atLeast(x, 0), min(x, 1)),
  ];
  return {
    vector: vectors.reduce((total, term) => add(total, term)),
    number: add(sqrt(sum(positive)), mul(mean(y), largest(x))),
  };
});

const guarded = formula({ x: "vector" }, ({ x }) => ({
  clean: select(isFinite(x), x, 7),
  finite: sum(isFinite(x)),
}));

parity("evaluate() agrees with its definition for vectors of any length", (check, random) => {
  for (const n of [1, 2, 7, 33]) {
    check({
      label: `${n} numbers`,
      outputs: [unread(1, n), unread(1, 1)],
      inputs: [inputs(random, 1, n), inputs(random, 1, n)],
      call: (backend, [vector, number], [x, y]) =>
        backend.evaluate(everything, { x, y, c: 0.75 }, { vector, number }),
      // A dozen operations on numbers of order 1, and sums of n.
      absolute: 64 * ROUNDOFF * Math.max(4, n),
      webgpu: { absolute: 256 * ROUNDOFF * Math.max(4, n) },
    });
  }
});

parity("evaluate() lets nothing through that a select leaves out", (check) => {
  check({
    label: "NaN and infinity",
    outputs: [unread(1, 4), unread(1, 1)],
    inputs: [denseMatrix(1, 4, [1, NaN, Infinity, -2])],
    call: (backend, [clean, finite], [x]) => backend.evaluate(guarded, { x }, { clean, finite }),
    absolute: 0,
  });
});

parity("evaluate() computes all outputs before it writes one", (check, random) => {
  const exchange = formula({ a: "vector", b: "vector" }, ({ a, b }) => ({ a: b, b: a }));
  check({
    label: "an exchange",
    outputs: [inputs(random, 1, 3), inputs(random, 1, 3)],
    inputs: [],
    call: (backend, [a, b]) => backend.evaluate(exchange, { a, b }, { a, b }),
    absolute: 0,
  });
});

/** Everything that NaN and infinities may meet. */
const special = formula({ x: "vector", y: "vector" }, ({ x, y }) => ({
  least: min(x, y),
  most: max(y, x),
  above: greater(x, y),
  notBelow: atLeast(x, y),
  chosen: select(x, 1, 0),
  largest: largest(select(atLeast(x, y), x, y)),
}));

parity("evaluate() tells NaN and infinities that come in", (check) => {
  check({
    label: "columns",
    outputs: [1, 2, 3, 4, 5].map(() => unread(1, 8)).concat(unread(1, 1)),
    inputs: [
      denseMatrix(1, 8, [NaN, Infinity, -Infinity, 0, -0, 4, -4, 1]),
      denseMatrix(1, 8, [1, NaN, 0, NaN, 0, 9, -4, 2]),
    ],
    call: (backend, [least, most, above, notBelow, chosen, largest], [x, y]) =>
      backend.evaluate(special, { x, y }, { least, most, above, notBelow, chosen, largest }),
    absolute: 0,
  });
});

const sums = formula(
  { a: "number", b: "number", c: "number", d: "number", e: "number", x: "vector" },
  ({ a, b, c, d, e, x }) => {
    const total = add(add(add(a, b), add(c, d)), e);
    return { total, mean: mean(x), shifted: add(x, total), a: b };
  },
);

parity(
  "evaluate() takes more matrices than a kernel may bind, and an input that is an output",
  (check) => {
    const number = (value: number) => denseMatrix(1, 1, [value]);
    check({
      label: "six inputs, four outputs",
      outputs: [number(1), unread(1, 1), unread(1, 1), unread(1, 300)],
      inputs: [
        number(2),
        number(4),
        number(8),
        number(16),
        denseMatrix(1, 300, new Float64Array(300).fill(3)),
      ],
      call: (backend, [a, total, mean, shifted], [b, c, d, e, x]) =>
        backend.evaluate(sums, { a, b, c, d, e, x }, { total, mean, shifted, a }),
      absolute: 0,
    });
  },
);
