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

const everything = formula(["x", "y", "c"], ({ x, y, c }) => {
  const positive = add(abs(x), 1);
  const vectors: Expression[] = [
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

const guarded = formula(["x"], ({ x }) => ({
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
  const exchange = formula(["a", "b"], ({ a, b }) => ({ a: b, b: a }));
  check({
    label: "an exchange",
    outputs: [inputs(random, 1, 3), inputs(random, 1, 3)],
    inputs: [],
    call: (backend, [a, b]) => backend.evaluate(exchange, { a, b }, { a, b }),
    absolute: 0,
  });
});
