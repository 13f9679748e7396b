import assert from "#assert";
import type { Backend } from "@tekfac/tekfac/backend";
import { type Capture, type KroneckerCapture, Random } from "@tekfac/tekfac/core";
import { type DenseMatrix, denseMatrix, patches, perExampleGradients } from "@tekfac/tekfac/linalg";
import {
  averagePool2d,
  conv2d,
  dense,
  flatten,
  objective,
  relu,
  type Sequential,
  sequential,
  softmaxCrossEntropy,
  tanh,
} from "@tekfac/tekfac/nn";
import { allClose } from "@tekfac/tekfac/testing";
import { createReference, normal, onReference } from "./_harness.ts";

const EXAMPLES = 6;
const PIXELS = 6 * 5 * 2;

function convolutional(backend: Backend): Sequential {
  return sequential(backend, {
    input: [6, 5, 2],
    layers: [
      conv2d(3, { kernel: 3, padding: 1, stride: [2, 1] }),
      relu(),
      averagePool2d({ kernel: 2, stride: 1 }),
      conv2d(2, { kernel: [1, 2], bias: false }),
      flatten(),
      dense(4),
      tanh(),
      dense(3, { bias: false }),
    ],
    seed: 7,
  });
}

function batchOf(random: Random) {
  return {
    inputs: normal(random, EXAMPLES * PIXELS),
    targets: Array.from({ length: EXAMPLES }, () => random.integer(3)),
  };
}

/** `G_n = sum_t g_nt abar_nt^T` of every example, from a capture alone. */
function gradientsOf(backend: Backend, capture: KroneckerCapture): DenseMatrix[] {
  const matrix = (m: { rows: number; cols: number }, data: ArrayLike<number>) =>
    denseMatrix(m.rows, m.cols, data);
  const g = matrix(capture.outputGradients, backend.readSync(capture.outputGradients));
  const inputs = capture.kind === "dense"
    ? matrix(capture.inputs, backend.readSync(capture.inputs))
    : patches(matrix(capture.images, backend.readSync(capture.images)), capture.geometry);
  return perExampleGradients(inputs, g, capture.examples);
}

/** Sums of fewer than 2^10 products of numbers of order 1. */
const ROUNDING = 2 ** 10 * Number.EPSILON;

Deno.test("capture() holds g of each example's own loss: the mean of G_n is the gradient", () =>
  onReference((backend) => {
    using model = convolutional(backend);
    const problem = objective(model, softmaxCrossEntropy());
    const batch = batchOf(new Random(1));
    const gradients = backend.scope(() => {
      problem.differentiate(batch, { decay: 0, scale: 1 / EXAMPLES });
      return model.parameters.map((parameter) => {
        const capture = ofLayer(problem.capture(parameter));
        assert.equal(capture.kind, parameter.layer.kind);
        assert.equal(capture.examples, EXAMPLES);
        const perExample = gradientsOf(backend, capture);
        const mean = perExample[0].data.map((_, i) =>
          perExample.reduce((sum, gradient) => sum + gradient.data[i], 0) / EXAMPLES
        );
        const label = parameter.name;
        allClose(backend.readSync(parameter.gradient), mean, { absolute: ROUNDING, label });
        return perExample;
      });
    });

    // The same G_n when the example is alone in its batch.
    for (let n = 0; n < EXAMPLES; n++) {
      const alone = {
        inputs: batch.inputs.slice(n * PIXELS, (n + 1) * PIXELS),
        targets: [batch.targets[n]],
      };
      backend.scope(() => problem.differentiate(alone, { decay: 0, scale: 1 }));
      model.parameters.forEach((parameter, p) =>
        allClose(backend.readSync(parameter.gradient), gradients[p][n].data, {
          absolute: ROUNDING,
          label: `${parameter.name}, example ${n}`,
        })
      );
    }
  }));

Deno.test("differentiate() without a blend leaves captures and the parameters' gradients as they are", () =>
  onReference((backend) => {
    using model = convolutional(backend);
    const problem = objective(model, softmaxCrossEntropy());
    const batch = batchOf(new Random(2));
    const blend = { decay: 0, scale: 1 / EXAMPLES };
    const run = (asked: typeof blend | undefined) =>
      backend.scope(() => {
        problem.differentiate(batch, asked);
        return model.parameters.map((parameter) =>
          gradientsOf(backend, ofLayer(problem.capture(parameter))).map(({ data }) => data)
        );
      });
    const expected = run(blend);
    const marks = model.parameters.map(({ value }) =>
      new Float64Array(value.rows * value.cols).fill(7)
    );
    model.parameters.forEach(({ gradient }, p) => backend.write(gradient, marks[p]));
    assert.deepEqual(run(undefined), expected);
    model.parameters.forEach(({ gradient }, p) =>
      assert.deepEqual(backend.readSync(gradient), marks[p])
    );
  }));

Deno.test("differentiateSampled() replaces captures, keeps gradients and inputs, repeats with its seed", () =>
  onReference((backend) => {
    using model = convolutional(backend);
    const problem = objective(model, softmaxCrossEntropy());
    const batch = batchOf(new Random(3));
    backend.scope(() => {
      problem.differentiate(batch, { decay: 0, scale: 1 / EXAMPLES });
      const gradients = model.parameters.map(({ gradient }) => backend.readSync(gradient));
      const g = () =>
        model.parameters.map((p) => backend.readSync(ofLayer(problem.capture(p)).outputGradients));
      const inputs = () => {
        const capture = problem.capture(model.parameters[0])!;
        return capture.kind === "conv2d" ? backend.readSync(capture.images) : undefined;
      };
      const [trueTargets, images] = [g(), inputs()];
      problem.differentiateSampled(new Random(4), TARGETS);
      const sampled = g();
      assert.notDeepEqual(sampled, trueTargets);
      assert.deepEqual(inputs(), images);
      problem.differentiateSampled(new Random(4), TARGETS);
      assert.deepEqual(g(), sampled);
      assert.deepEqual(model.parameters.map((p) => backend.readSync(p.gradient)), gradients);
    });
  }));

Deno.test("capture() is undefined before the first pass, and refuses another model's parameter", () =>
  onReference((backend) => {
    using model = convolutional(backend);
    using other = convolutional(backend);
    const problem = objective(model, softmaxCrossEntropy());
    assert.equal(problem.capture(model.parameters[0]), undefined);
    assert.throws(
      () => problem.capture(other.parameters[0]),
      { name: "StateError", message: "Cannot look up 'conv1': it belongs to another model" },
    );
  }));

Deno.test("differentiateSampled() needs a differentiate in front, with no evaluation in between", () =>
  onReference((backend) => {
    using model = convolutional(backend);
    const problem = objective(model, softmaxCrossEntropy());
    const batch = batchOf(new Random(5));
    const expected = { name: "StateError", message: /call differentiate first, in the same scope/ };
    backend.scope(() => {
      assert.throws(() => problem.differentiateSampled(new Random(0), TARGETS), expected);
      problem.differentiate(batch, undefined);
      problem.evaluateSync(batch);
      assert.throws(() => problem.differentiateSampled(new Random(0), TARGETS), expected);
    });
    backend.scope(() => problem.differentiate(batch, undefined));
    backend.scope(() =>
      assert.throws(() => problem.differentiateSampled(new Random(0), TARGETS), {
        name: "StateError",
      })
    );
  }));

Deno.test("captures of a finished scope are refused by the backend", () => {
  using backend = createReference();
  using model = convolutional(backend);
  const problem = objective(model, softmaxCrossEntropy());
  backend.scope(() => problem.differentiate(batchOf(new Random(6)), undefined));
  const { outputGradients } = ofLayer(problem.capture(model.parameters[0]));
  assert.throws(() => backend.readSync(outputGradients), { name: "StateError" });
});

const TARGETS = { from: "targets", examples: EXAMPLES } as const;

/** A capture of a dense layer or a convolution. */
function ofLayer(capture: Capture | undefined): KroneckerCapture {
  assert(capture !== undefined && capture.kind !== "elements");
  return capture as KroneckerCapture;
}
