/** The curvature along steps: of each layer alone and of all together, against sums over examples in plain loops. */
import assert from "#assert";
import type { Backend } from "@tekfac/tekfac/backend";
import { Random } from "@tekfac/tekfac/core";
import { denseMatrix } from "@tekfac/tekfac/linalg";
import {
  dense,
  type Loss,
  objective,
  sequential,
  softmaxCrossEntropy,
  squaredError,
} from "@tekfac/tekfac/nn";
import { tekfac } from "@tekfac/tekfac/optim";
import { allClose, upload } from "@tekfac/tekfac/testing";
import { makeBatch, problemOf, referenceBackend, smallModel } from "./problem.ts";

const [EXAMPLES, STEPS, DECAY] = [5, 7, 0.8];

/** Widths of two layers with captures; the layer between them leaves none. */
const LAYERS = [[3, 2], undefined, [4, 3]] as const;

/** An optimizer of so many layers, whose rule is told of other captures than its model's. */
function ruleOf(backend: Backend, layers: number) {
  const stack = new DisposableStack();
  const model = stack.use(sequential(backend, {
    input: [1],
    layers: Array.from({ length: layers }, () => dense(1)),
    seed: 1,
  }));
  const optimizer = stack.use(tekfac(objective(model, squaredError())));
  return { curvature: optimizer.rules.curvature!, [Symbol.dispose]: () => stack.dispose() };
}

Deno.test("MeasuredCurvature is the running mean of each layer's own curvature, and of the whole over their sum", () => {
  using backend = referenceBackend();
  using rule = ruleOf(backend, LAYERS.length);
  const { curvature } = rule;
  const random = new Random(3);
  const normal = (count: number) => Array.from({ length: count }, () => random.normal());
  const ratios = [1, 1, 1];
  let together = 1;
  for (let step = 0; step < STEPS; step++) {
    curvature.begin();
    const shares = ratios.map((ratio) => 1 / Math.max(ratio, 1));
    allClose(LAYERS.flatMap((_, l) => [...backend.readSync(curvature.shareOf(l))]), shares, {
      relative: 1e-12,
    });
    using stack = new DisposableStack();
    const own = [0, 0, 0];
    const slopes = new Array<number>(EXAMPLES).fill(0);
    const products = LAYERS.map((layer) => layer === undefined ? 0 : 0.1 + random.uniform());
    const drawn = LAYERS.map((layer, l) => {
      if (layer === undefined) return undefined;
      const [dIn, dOut] = layer;
      const [a, g, u] = [normal(EXAMPLES * dIn), normal(EXAMPLES * dOut), normal(dOut * dIn)];
      for (let n = 0; n < EXAMPLES; n++) {
        let slope = 0;
        for (let i = 0; i < dOut; i++) {
          for (let j = 0; j < dIn; j++) slope += g[n * dOut + i] * u[i * dIn + j] * a[n * dIn + j];
        }
        own[l] += slope ** 2 / EXAMPLES;
        slopes[n] += slope;
      }
      const matrix = (rows: number, cols: number, numbers: number[]) =>
        stack.use(upload(backend, denseMatrix(rows, cols, numbers)));
      const inputs = matrix(EXAMPLES, dIn, a);
      const outputGradients = matrix(EXAMPLES, dOut, g);
      const capture = { kind: "dense", examples: EXAMPLES, inputs, outputGradients } as const;
      return { capture, direction: matrix(dOut, dIn, u) };
    });
    const all = slopes.reduce((sum, slope) => sum + slope ** 2 / EXAMPLES, 0);
    const past = Math.min(1 - 1 / (step + 1), DECAY);
    LAYERS.forEach((layer, l) => {
      if (layer === undefined) return;
      ratios[l] = past * ratios[l] + (1 - past) * own[l] / (products[l] * shares[l]);
    });
    together = past * together + (1 - past) * all / (own[0] + own[2]);

    using matrix = upload(backend, denseMatrix(1, LAYERS.length, products));
    backend.scope(() =>
      curvature.update(drawn.map((d) => d?.capture), drawn.map((d) => d?.direction), matrix)
    );
    allClose(backend.readSync(curvature.state), [...ratios, together], { relative: 1e-12 });
    allClose(backend.readSync(curvature.ratio), [together], { relative: 1e-12 });
  }
});

Deno.test("directions that promise nothing, or are not finite, change no layer's mean", () => {
  using backend = referenceBackend();
  using rule = ruleOf(backend, 1);
  const { curvature } = rule;
  using inputs = upload(backend, denseMatrix(1, 2, [3, 0]));
  using outputGradients = upload(backend, denseMatrix(1, 1, [1]));
  const capture = { kind: "dense", examples: 1, inputs, outputGradients } as const;
  for (const [u, product] of [[0, 1], [1, 0], [1, -1], [NaN, 1], [1, NaN]]) {
    using direction = upload(backend, denseMatrix(1, 2, [u, 0]));
    using products = upload(backend, denseMatrix(1, 1, [product]));
    backend.scope(() => curvature.update([capture], [direction], products));
    assert.equal(backend.readSync(curvature.state)[0], 1, `u ${u}, product ${product}`);
  }
});

Deno.test("the first step's damping follows from what its directions promise undamped by noise", () => {
  using backend = referenceBackend();
  const first = (noiseEdge: boolean) => {
    using model = smallModel(backend);
    const damping = { kind: "relative", tau: 1e-4, noiseEdge } as const;
    using optimizer = tekfac(problemOf(model), { damping, rank: 2 });
    const { innerProduct, loss } = optimizer.stepSync(makeBatch(16, 1));
    const { noise } = optimizer.preconditioner;
    return { innerProduct, loss, phi: noise && backend.readSync(noise.factor)[0] };
  };
  const [bare, own] = [first(false), first(true)];
  const held = (phi: number) => Math.min(64, Math.max(1, phi));
  const begun = held(bare.innerProduct / (2 * bare.loss));
  assert(begun > 1, `the test needs a promise of more than the loss, not ${begun}`);
  const excess = Math.min(2 ** 8, Math.max(2 ** -8, 4 * own.innerProduct / (2 * own.loss)));
  allClose([own.phi!], [held(begun * excess ** (1 / 8))], { relative: 1e-12 });
});

Deno.test("first steps of a squared error have a wider radius, by the examples that tell where to go", () => {
  using backend = referenceBackend();
  const widened = (create: () => Loss, examples: number): number => {
    const { inputs, targets: labels } = makeBatch(examples, 1);
    const quadratic = create().quadratic ?? false;
    const targets = quadratic ? labels.flatMap((label) => [label, 1 - label, 5]) : labels;
    const [plain, opened] = ([false, { kappa: 0.04, steps: 100, batch: 128 }] as const).map(
      (opening) => {
        using model = smallModel(backend);
        const klClip = { kind: "measured", kappa: 0.01, opening } as const;
        using optimizer = tekfac(objective(model, create()), { klClip, relativeChange: false });
        const { clipFactor, limitedBy } = optimizer.stepSync({ inputs, targets });
        assert.equal(limitedBy, "klClip");
        return clipFactor;
      },
    );
    return opened / plain;
  };
  allClose(
    [
      widened(squaredError, 128),
      widened(squaredError, 64),
      widened(squaredError, 16),
      widened(softmaxCrossEntropy, 128),
    ],
    [2, Math.SQRT2, 1, 1],
    { relative: 1e-12 },
  );
});
