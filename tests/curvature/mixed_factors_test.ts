import assert from "#assert";
import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import { Random } from "@tekfac/tekfac/core";
import { mixed, observeFactors, type Statistic, traceKeeping } from "@tekfac/tekfac/curvature";
import { denseMatrix } from "@tekfac/tekfac/linalg";
import { dense, objective, sequential, softmaxCrossEntropy } from "@tekfac/tekfac/nn";
import { ekfac, tekfac, tkfac } from "@tekfac/tekfac/optim";
import { allClose, eachBackend, upload } from "@tekfac/tekfac/testing";

const [N, INPUTS, OUTPUTS] = [7, 4, 3];

/** Sums of N numbers in float32, and a few operations with them. */
const ROUNDING = 4 * (N + 8) * 2 ** -24;

/** Rows of normal numbers, times a factor of each row. */
function rows(columns: number, factor: (n: number) => number): number[][] {
  const random = new Random(columns);
  return Array.from(
    { length: N },
    (_, n) => Array.from({ length: columns }, () => factor(n) * random.normal()),
  );
}

const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
const square = (x: readonly number[]) => x.reduce((sum, value) => sum + value * value, 0);

/** `mean of w_n x_n x_n^T`, by its definition. */
const moment = (x: number[][], w: (n: number) => number): number[] =>
  x[0].flatMap((_, i) => x[0].map((_, j) => mean(x.map((row, n) => w(n) * row[i] * row[j]))));

const share = (w: number[]) => mean(w) ** 2 / mean(w.map((value) => value ** 2));

function observed(
  backend: Backend,
  statistic: Statistic,
  a: number[][],
  g: number[][],
) {
  using inputs = upload(backend, denseMatrix(N, INPUTS, a.flat()));
  using outputGradients = upload(backend, denseMatrix(N, OUTPUTS, g.flat()));
  using inputFactor = backend.alloc(INPUTS, INPUTS);
  using outputFactor = backend.alloc(OUTPUTS, OUTPUTS);
  using effective = backend.alloc(1, 1);
  const capture = { kind: "dense", examples: N, inputs, outputGradients } as const;
  const first = { decay: 0, scale: 1 / N };
  backend.scope(() =>
    observeFactors(backend, { inputFactor, outputFactor }, capture, statistic, first, effective)
  );
  const read = [inputFactor, outputFactor, effective].map((x) => [...backend.readSync(x)]);
  return { input: read[0], output: read[1], share: read[2][0] };
}

eachBackend(
  Deno.test,
  "mixed() is s Phi + (1 - s) A of equal traces, s the effective share",
  (backend) => {
    const a = rows(INPUTS, (n) => 1 + n % 2);
    const g = rows(OUTPUTS, (n) => n === 3 ? 5 : 0.5);
    const [wg, wa] = [g.map(square), a.map(square)];
    const delta = mean(wg.map((w, n) => w * wa[n]));
    const [s, t] = [share(wg), share(wa)];
    assert.ok(s < 0.3 && t > 0.5);

    const kept = observed(backend, traceKeeping, a, g);
    allClose([kept.share], [s], { relative: ROUNDING });
    const found = observed(backend, mixed, a, g);
    allClose([found.share], [s], { relative: ROUNDING });
    const tolerance = { absolute: ROUNDING * delta };
    allClose(found.input, moment(a, (n) => s * wg[n] + (1 - s) * delta / mean(wa)), tolerance);
    allClose(found.output, moment(g, (n) => t * wa[n] + (1 - t) * delta / mean(wg)), tolerance);
    for (const [factor, size] of [[found.input, INPUTS], [found.output, OUTPUTS]] as const) {
      const trace = factor.filter((_, i) => i % (size + 1) === 0).reduce((sum, x) => sum + x, 0);
      allClose([trace], [delta], tolerance);
    }
  },
);

eachBackend(
  Deno.test,
  "mixed() of equal weights is traceKeeping(), of no gradients zero",
  (backend) => {
    const signs = (columns: number) => rows(columns, () => 1).map((row) => row.map(Math.sign));
    const [a, g] = [signs(INPUTS), signs(OUTPUTS)];
    const [one, other] = [observed(backend, mixed, a, g), observed(backend, traceKeeping, a, g)];
    allClose([one.share], [1], { relative: ROUNDING });
    const absolute = ROUNDING * INPUTS * OUTPUTS;
    allClose(one.input, other.input, { absolute });
    allClose(one.output, other.output, { absolute });
    const none = observed(backend, mixed, a, g.map((row) => row.map(() => 0)));
    assert.deepEqual([...none.input, ...none.output], Array(INPUTS ** 2 + OUTPUTS ** 2).fill(0));
    assert.equal(none.share, 1);
  },
);

Deno.test("the report tells the effective share where inputs are weighed and statistics observed", async () => {
  using backend = await createBackend({ prefer: ["reference"] });
  const random = new Random(1);
  const batch = {
    inputs: Float64Array.from({ length: 40 * 5 }, () => random.normal()),
    targets: Array.from({ length: 40 }, () => random.integer(3)),
  };
  const shares = (create: typeof tekfac | typeof tkfac | typeof ekfac, options: object) => {
    using model = sequential(backend, { input: [5], layers: [dense(3)], seed: 1 });
    using optimizer = create(objective(model, softmaxCrossEntropy()), options);
    return [0, 1].map(() => optimizer.stepSync(batch).layers[0].effectiveShare);
  };
  const seldom = { denseStart: false, intervals: 100 } as const;
  const methods = [
    [tekfac, seldom],
    [tekfac, { ...seldom, rank: 2 }],
    [tekfac, { ...seldom, factors: "mixed" }],
    [tkfac, seldom],
  ] as const;
  for (const [create, options] of methods) {
    const [first, second] = shares(create, options);
    assert.ok(first! > 1 / 40 && first! <= 1, `${first}`);
    assert.equal(second, undefined);
  }
  assert.deepEqual(shares(ekfac, {}), [undefined, undefined]);
  assert.throws(() => shares(tekfac, { factors: "some" }), { name: "OptionError" });
});
