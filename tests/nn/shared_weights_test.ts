/** Weights in several places: gradients, curvature, files, and what is refused. */
import assert from "#assert";
import type { Backend } from "@tekfac/tekfac/backend";
import {
  type ConvCapture,
  type ElementsCapture,
  type EmbeddingCapture,
  type KroneckerCapture,
  Random,
} from "@tekfac/tekfac/core";
import {
  type Block,
  EkfacBlock,
  EmbeddingBlock,
  KfacBlock,
  Refresher,
  ScaleShiftBlock,
  TekfacBlock,
  TkfacBlock,
  toDense,
} from "@tekfac/tekfac/curvature";
import { type DenseMatrix, denseMatrix, fisherBlock, gemm, kron } from "@tekfac/tekfac/linalg";
import {
  attention,
  batchNorm2d,
  conv2d,
  dense,
  flatten,
  gpt,
  layerNorm,
  type LayerSpec,
  type ModelObjective,
  objective,
  residual,
  type Sequential,
  sequential,
  type SequentialOptions,
  softmaxCrossEntropy,
  squaredError,
  tanh,
} from "@tekfac/tekfac/nn";
import { allClose, download } from "@tekfac/tekfac/testing";
import { checkLayers, checkParameterGradient, normal, onReference } from "./_harness.ts";

const EXAMPLES = 5;

type Shape = SequentialOptions["input"];

/** Layers that are to stand in two places. */
const twice: Record<string, { readonly input: Shape; readonly of: () => LayerSpec }> = {
  "dense() of features": { input: [3], of: () => dense(3) },
  "dense() of sequences": { input: [2, 3], of: () => dense(3, { bias: false }) },
  "conv2d()": { input: [3, 2, 2], of: () => conv2d(2, { kernel: 3, padding: 1 }) },
  "layerNorm()": { input: [2, 3], of: () => layerNorm({ epsilon: 0.1 }) },
  "batchNorm2d()": { input: [2, 2, 3], of: () => batchNorm2d({ epsilon: 0.1 }) },
  "attention()": { input: [3, 4], of: () => attention({ heads: 2 }) },
  "residual()": { input: [2, 3], of: () => residual([layerNorm({ epsilon: 0.1 }), dense(3)]) },
};

for (const [name, { input, of }] of Object.entries(twice)) {
  Deno.test(`${name} in two places has the gradients of central differences in one parameter`, () =>
    onReference((backend) => {
      const layer = of();
      const layers = [layer, tanh(), layer];
      checkLayers(backend, { input, layers, examples: 3, seed: 1 });
      using once = sequential(backend, { input, layers: [of()], seed: 1 });
      using model = sequential(backend, { input, layers, seed: 1 });
      const names = ({ parameters }: Sequential) => parameters.map((p) => p.name);
      assert.deepEqual(names(model), names(once));
      assert.deepEqual(Object.keys(model.state), Object.keys(once.state));
    }));
}

/** One layer in two places, the same as two layers of equal weights, and what follows. */
interface Pair {
  readonly input: Shape;
  readonly of: () => LayerSpec;
  readonly behind: readonly LayerSpec[];
}

const pairs: Record<string, Pair> = {
  "a dense layer of features": { input: [3], of: () => dense(3), behind: [dense(2)] },
  "a dense layer of sequences": {
    input: [4, 3],
    of: () => dense(3, { bias: false }),
    behind: [flatten(), dense(2)],
  },
  "a convolution of images of two sizes": {
    input: [3, 2, 2],
    of: () => conv2d(2, { kernel: [3, 2], padding: 1 }),
    behind: [flatten(), dense(2)],
  },
};

const METHODS = { kfac: KfacBlock, ekfac: EkfacBlock, tkfac: TkfacBlock, tekfac: TekfacBlock };
const FIRST = { decay: 0, scale: 1 / EXAMPLES };
const damping = { kind: "absolute", lambda: 1 } as const;

function observe(backend: Backend, block: Block, capture: KroneckerCapture): void {
  block.observeStatistics?.(capture, FIRST);
  new Refresher(backend, { kind: "immediate" }, 0).refresh(0, [block]);
  block.observeEigenvalues?.(capture, FIRST);
}

const plus = (x: DenseMatrix, y: DenseMatrix, share = 1) =>
  denseMatrix(x.rows, x.cols, x.data.map((value, i) => share * (value + y.data[i])));

/** The mean gradient of the first parameters, added up. */
function gradientOf(problem: ModelObjective, batch: Batch, count: number): DenseMatrix {
  const { backend, parameters } = problem;
  const examples = problem.examplesOf(batch);
  backend.scope(() => problem.differentiate(batch, { decay: 0, scale: 1 / examples }));
  const gradients = parameters.slice(0, count).map(({ gradient }) => download(backend, gradient));
  return gradients.slice(1).reduce((sum, gradient) => plus(sum, gradient), gradients[0]);
}

interface Batch {
  readonly inputs: ArrayLike<number>;
  readonly targets: ArrayLike<number>;
}

/** Batches of one example each. */
function singles({ inputs, targets }: Batch, examples: number): Batch[] {
  const part = (data: ArrayLike<number>, n: number) => {
    const size = data.length / examples;
    return Array.from(data).slice(n * size, (n + 1) * size);
  };
  return Array.from({ length: examples }, (_, n) => ({
    inputs: part(inputs, n),
    targets: part(targets, n),
  }));
}

/** `Q diag(Q^T F Q) Q^T` with `Q = Q_out (x) Q_in`: what corrected eigenvalues are to make of F. */
function corrected(fisher: DenseMatrix, output: DenseMatrix, input: DenseMatrix): DenseMatrix {
  const q = kron(output, input);
  const rotated = gemm(gemm(q, fisher, { transposeA: true }), q);
  const theta = denseMatrix(q.rows, q.rows);
  for (let i = 0; i < q.rows; i++) theta.data[i * (q.rows + 1)] = rotated.data[i * (q.rows + 1)];
  return gemm(gemm(q, theta), q, { transposeB: true });
}

const near = (actual: ArrayLike<number>, expected: ArrayLike<number>, label: string) => {
  const largest = Array.from(expected).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  allClose(actual, expected, { absolute: 1e-11 * largest, label });
};

for (const [name, { input, of, behind }] of Object.entries(pairs)) {
  Deno.test(`${name} in two places has the summed gradient, summed factors and the dense Fisher's Theta`, () =>
    onReference((backend) => {
      const layer = of();
      using one = sequential(backend, {
        input,
        layers: [layer, tanh(), layer, ...behind],
        seed: 1,
      });
      const layers = [of(), tanh(), of(), ...behind];
      using two = sequential(backend, { input, layers, seed: 1 });
      const [value, ...rest] = one.parameters.map((p) => backend.readSync(p.value));
      [value, value, ...rest].forEach((v, i) => backend.write(two.parameters[i].value, v));
      const [shared, apart] = [one, two].map((model) => objective(model, squaredError()));

      const random = new Random(3);
      const batch = {
        inputs: normal(random, EXAMPLES * input.reduce<number>((product, n) => product * n, 1)),
        targets: normal(random, EXAMPLES * 2),
      };
      near(gradientOf(shared, batch, 1).data, gradientOf(apart, batch, 2).data, "gradient");
      const fisher = fisherBlock(singles(batch, EXAMPLES).map((b) => gradientOf(apart, b, 2)));

      backend.scope(() => {
        for (const problem of [shared, apart]) {
          problem.differentiate(batch, { decay: 0, scale: 1 / EXAMPLES });
        }
        const capture = shared.capture(one.parameters[0]) as KroneckerCapture;
        const captures = two.parameters.slice(0, 2).map((p) =>
          apart.capture(p) as KroneckerCapture
        );
        const rows = captures.map(({ outputGradients }) => outputGradients.rows);
        for (const [method, Kind] of Object.entries(METHODS)) {
          using block = new Kind(backend, one.parameters[0], { damping });
          using first = new Kind(backend, two.parameters[0], { damping });
          using second = new Kind(backend, two.parameters[1], { damping });
          observe(backend, block, capture);
          [first, second].forEach((b, i) => observe(backend, b, captures[i]));
          const inputs = [first, second].map((b) => download(backend, b.inputFactor));
          const outputs = [first, second].map((b, i) => {
            const factor = download(backend, b.outputFactor);
            // KFAC and EKFAC take the mean over locations.
            const share = method.startsWith("t") ? 1 : rows[i] / (rows[0] + rows[1]);
            return plus(factor, denseMatrix(factor.rows, factor.cols), share);
          });
          near(download(backend, block.inputFactor).data, plus(inputs[0], inputs[1]).data, method);
          near(
            download(backend, block.outputFactor).data,
            plus(outputs[0], outputs[1]).data,
            method,
          );
          if (!(block instanceof EkfacBlock || block instanceof TekfacBlock)) continue;
          const basis = [block.basis.output, block.basis.input].map((q) => download(backend, q));
          const expected = corrected(fisher, basis[0], basis[1]);
          near(download(backend, toDense(backend, block)).data, expected.data, `${method}'s Theta`);
        }
      });
    }));
}

Deno.test("layerNorm() in two places has the 2 x 2 blocks of the summed gradient", () =>
  onReference((backend) => {
    const layer = layerNorm();
    const layers = [layer, dense(3), layer, dense(2)];
    using model = sequential(backend, { input: [3], layers, seed: 1 });
    const problem = objective(model, squaredError());
    const random = new Random(3);
    const batch = { inputs: normal(random, EXAMPLES * 3), targets: normal(random, EXAMPLES * 2) };
    const each = singles(batch, EXAMPLES).map((b) => gradientOf(problem, b, 1).data);
    backend.scope(() => {
      problem.differentiate(batch, { decay: 0, scale: 1 / EXAMPLES });
      const [parameter] = model.parameters;
      using block = new ScaleShiftBlock(backend, parameter, { damping });
      const capture = problem.capture(parameter) as ElementsCapture;
      block.observeEigenvalues(capture, FIRST);
      const mean = (of: (g: Float64Array, c: number) => number) =>
        [0, 1, 2].map((c) => each.reduce((sum, g) => sum + of(g, c), 0) / EXAMPLES);
      const expected = [
        ...mean((g, c) => g[c] ** 2),
        ...mean((g, c) => g[3 + c] ** 2),
        ...mean((g, c) => (g[c] + g[3 + c]) ** 2),
      ];
      near(backend.readSync(block.moments), expected, "moments");
    });
  }));

const SIZES = { vocabulary: 5, context: 4, layers: 1, heads: 2, width: 4 };

function sentences(random: Random, examples: number): Batch {
  const draw = () => Array.from({ length: 4 * examples }, () => random.integer(5));
  return { inputs: draw(), targets: draw() };
}

Deno.test("gpt({ tied: true }) has the gradients of central differences, and one table less", () =>
  onReference((backend) => {
    using model = sequential(backend, {
      input: [4],
      layers: gpt({ ...SIZES, tied: true }),
      seed: 1,
    });
    const problem = objective(model, softmaxCrossEntropy());
    const random = new Random(2);
    const batch = sentences(random, 2);
    for (const { value } of model.parameters.slice(0, 2)) {
      backend.write(value, normal(random, value.rows * value.cols));
    }
    backend.scope(() => problem.differentiate(batch, { decay: 0, scale: 1 / 2 }));
    for (const parameter of problem.parameters) {
      checkParameterGradient(backend, parameter, () => problem.evaluateSync(batch).loss);
    }
    assert.equal(model.parameters.at(-1)!.name, "layerNorm3");
    assert.match(model.describe(), /tiedHead1 +4 x 5 +of embedding1/);
  }));

Deno.test("tiedHead() has the factors of table and head together and the dense Fisher's Theta", () =>
  onReference((backend) => {
    const of = (tied: boolean) =>
      sequential(backend, { input: [4], layers: gpt({ ...SIZES, tied }), seed: 1 });
    using one = of(true);
    using two = of(false);
    const random = new Random(4);
    one.parameters.forEach(({ value }, i) => {
      const numbers = normal(random, value.rows * value.cols);
      backend.write(value, numbers);
      backend.write(two.parameters[i].value, numbers);
      if (i === 0) backend.write(two.parameters.at(-1)!.value, numbers);
    });
    const [shared, apart] = [one, two].map((model) => objective(model, softmaxCrossEntropy()));
    const examples = 12;
    const batch = sentences(random, examples);
    const summed = (b: Batch) => {
      gradientOf(apart, b, 1);
      const [table, head] = [two.parameters[0], two.parameters.at(-1)!];
      return plus(download(backend, table.gradient), download(backend, head.gradient));
    };
    near(gradientOf(shared, batch, 1).data, summed(batch).data, "gradient");
    const fisher = fisherBlock(singles(batch, examples).map(summed));
    const observation = { decay: 0, scale: 1 / examples };
    const refresh = (block: Block) =>
      new Refresher(backend, { kind: "immediate" }, 0).refresh(0, [block]);

    backend.scope(() => {
      for (const problem of [shared, apart]) problem.differentiate(batch, observation);
      const capture = shared.capture(one.parameters[0]) as ConvCapture;
      const table = apart.capture(two.parameters[0]) as EmbeddingCapture;
      const head = apart.capture(two.parameters.at(-1)!) as ConvCapture;
      const norm = (m: DenseMatrix) => m.data.reduce((sum, x) => sum + x * x, 0);
      const [h, g, e] = [head.images, head.outputGradients, table.outputGradients]
        .map((m) => norm(download(backend, m)));
      // What makes the two sides of the table as unlike in length as those of the head.
      const squared = Math.sqrt((h / g) / (e / (4 * examples)));

      for (const [method, Kind] of Object.entries(METHODS)) {
        using block = new Kind(backend, one.parameters[0], { damping });
        using ofHead = new Kind(backend, two.parameters.at(-1)!, { damping });
        using ofTable = new EmbeddingBlock(backend, two.parameters[0], {
          method: method as keyof typeof METHODS,
          damping,
        });
        for (const b of [block, ofHead]) {
          b.observeStatistics(b === block ? capture : head, observation);
        }
        ofTable.observeStatistics(table, observation);
        for (const b of [block, ofHead, ofTable]) refresh(b);
        const weighted = method.startsWith("t");
        // B is a mean over locations, of which there are twice as many together.
        const width = download(backend, ofTable.output.state.outputFactor);
        const counts = download(backend, ofTable.inputFactor).data;
        const scale = weighted ? 1 : squared;
        const inputs = download(backend, ofHead.inputFactor).data.map((x, i) =>
          x + width.data[i] * (weighted ? 1 : 4 * scale)
        );
        const outputs = download(backend, ofHead.outputFactor).data.map((x, i) => {
          const count = i % 6 === 0 ? counts[i / 6] : 0;
          return weighted ? x + count : x / 2 + count / scale / 8;
        });
        near(download(backend, block.inputFactor).data, inputs, `${method}'s inputs`);
        near(download(backend, block.outputFactor).data, outputs, `${method}'s outputs`);
        if (!(block instanceof EkfacBlock || block instanceof TekfacBlock)) continue;
        block.observeEigenvalues(capture, observation);
        const basis = [block.basis.output, block.basis.input].map((q) => download(backend, q));
        const expected = corrected(fisher, basis[0], basis[1]);
        near(download(backend, toDense(backend, block)).data, expected.data, `${method}'s Theta`);
      }
    });
  }));
