/** Theta of positions as examples of their own: the second moment of single locations, whose trace is delta. */
import assert from "#assert";
import {
  type ConvCapture,
  type KroneckerCapture,
  Random,
  resolveWindow,
} from "@tekfac/tekfac/core";
import { positionsApart } from "@tekfac/tekfac/curvature";
import {
  type DenseMatrix,
  denseMatrix,
  gemm,
  patches,
  perExampleGradients,
} from "@tekfac/tekfac/linalg";
import {
  attention,
  dense,
  embedding,
  layerNorm,
  objective,
  residual,
  sequential,
  softmaxCrossEntropy,
} from "@tekfac/tekfac/nn";
import { ekfac, type KroneckerPreconditioner, tekfac, tkfac } from "@tekfac/tekfac/optim";
import { allClose, randomMatrix, upload } from "@tekfac/tekfac/testing";
import { createBackend } from "@tekfac/tekfac/backend";
import { createReference } from "../nn/_harness.ts";

const sum = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0);

Deno.test("positionsApart() of a convolution has the gradients of its locations, bias and all", () => {
  using backend = createReference();
  const random = new Random(3);
  const window = resolveWindow("A layer", [4, 3, 2], { kernel: [2, 3], padding: 1 });
  const geometry = { ...window, bias: true };
  const [examples, outputs] = [3, 2];
  const images = randomMatrix(random, examples * 12, 2);
  const rows = patches(images, geometry);
  const g = randomMatrix(random, rows.rows, outputs);
  using x = upload(backend, images);
  using y = upload(backend, g);
  const capture: ConvCapture = {
    kind: "conv2d",
    examples,
    geometry,
    images: x,
    outputGradients: y,
  };
  const theta = backend.scope(() => {
    const out = backend.scratch(outputs, rows.cols);
    backend.squaredProjection(out, positionsApart(backend, capture) as KroneckerCapture);
    return backend.readSync(out).slice();
  });
  const each = perExampleGradients(rows, g, rows.rows);
  const expected = each[0].data.map((_, i) => sum(each.map(({ data }) => data[i] ** 2)));
  allClose(theta, expected, { relative: 1e-12 });
});

/** Theta in the basis in force, from single locations. */
function expectedTheta(
  capture: KroneckerCapture,
  read: (m: ConvCapture["images"]) => DenseMatrix,
  basis: {
    readonly output: DenseMatrix;
    readonly input: DenseMatrix;
  },
): Float64Array {
  assert.equal(capture.kind, "conv2d");
  const { geometry, images, outputGradients, examples } = capture as ConvCapture;
  const a = gemm(patches(read(images), geometry), basis.input);
  const g = gemm(read(outputGradients), basis.output);
  const theta = new Float64Array(g.cols * a.cols);
  for (let t = 0; t < a.rows; t++) {
    for (let i = 0; i < theta.length; i++) {
      const [o, c] = [Math.floor(i / a.cols), i % a.cols];
      theta[i] += (g.data[t * g.cols + o] * a.data[t * a.cols + c]) ** 2 / examples;
    }
  }
  return theta;
}

Deno.test("tekfac() and ekfac() with positions apart measure single locations; traces are delta", () => {
  using backend = createReference();
  const read = (m: ConvCapture["images"]) => denseMatrix(m.rows, m.cols, backend.readSync(m));
  for (const create of [tekfac, ekfac]) {
    using model = sequential(backend, { input: [5, 3], layers: [dense(4), dense(2)], seed: 1 });
    const problem = objective(model, softmaxCrossEntropy());
    using optimizer = create(problem, {
      positions: "apart",
      rank: "full",
      fisher: "empirical",
      learningRate: 0,
    });
    const random = new Random(2);
    const batch = {
      inputs: Array.from({ length: 6 * 15 }, () => random.normal()),
      targets: Array.from({ length: 6 * 5 }, () => random.integer(2)),
    };
    optimizer.stepSync(batch);
    const preconditioner = optimizer.preconditioner as KroneckerPreconditioner;
    backend.scope(() => {
      problem.differentiate(batch, undefined);
      model.parameters.forEach((parameter, i) => {
        const block = preconditioner.estimator.blocks[i];
        const [output, input] = ["outputBasis", "inputBasis"].map((name) =>
          read(block.state[name])
        );
        const capture = problem.capture(parameter) as KroneckerCapture;
        const expected = expectedTheta(capture, read, { output, input });
        const theta = [...backend.readSync(block.spectrum())];
        // Averages over directions without data keep the sum.
        allClose([sum(theta)], [sum(expected)], { relative: 1e-10 });
        if (i === 0) allClose(theta, expected, { absolute: 1e-10 * Math.max(...expected) });
      });
    });
  }
});

Deno.test("a transformer trains with positions apart, at full and at low rank", async () => {
  using backend = await createBackend({ prefer: ["wasm"] });
  for (const rank of ["full", 8] as const) {
    const layers = [
      embedding({ vocabulary: 5, width: 12, positions: 4 }),
      residual([layerNorm(), attention({ heads: 2, causal: true }), dense(12)]),
      dense(5),
    ];
    using model = sequential(backend, { input: [4], layers, seed: 1 });
    const problem = objective(model, softmaxCrossEntropy());
    using optimizer = tekfac(problem, { positions: "apart", rank });
    const batch = { inputs: [0, 1, 2, 3, 1, 2, 3, 4], targets: [1, 2, 3, 4, 2, 3, 4, 0] };
    const first = optimizer.stepSync(batch).loss;
    for (let i = 0; i < 60; i++) optimizer.stepSync(batch);
    assert(optimizer.stepSync(batch).loss < first / 3);
  }
  using model = sequential(backend, { input: [2, 3], layers: [dense(2)] });
  assert.throws(
    () => tkfac(objective(model, softmaxCrossEntropy()), { positions: "apart " as "apart" }),
    /'positions' must be one of 'summed', 'apart'/,
  );
});
