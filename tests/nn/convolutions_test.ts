/** Convolutions of sequences and with groups: shapes, order, bad input, and training. */
import assert from "#assert";
import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import { Random } from "@tekfac/tekfac/core";
import {
  conv1d,
  conv2d,
  conv2dTranspose,
  dense,
  type ExampleShape,
  flatten,
  type LayerSpec,
  meanPositions,
  objective,
  sequential,
  squaredError,
  tanh,
} from "@tekfac/tekfac/nn";
import {
  ekfac,
  kfac,
  KroneckerPreconditioner,
  loadState,
  muon,
  type Objective,
  type Optimizer,
  saveState,
  soap,
  tekfac,
  tkfac,
} from "@tekfac/tekfac/optim";
import { allClose } from "@tekfac/tekfac/testing";
import { createReference, normal, onReference } from "./_harness.ts";

/** The outputs of one layer with given weights. */
function outputsOf(
  backend: Backend,
  input: ExampleShape,
  layer: LayerSpec,
  weights: readonly number[],
  x: readonly number[],
): number[] {
  using model = sequential(backend, { input, layers: [layer] });
  backend.write(model.parameters[0].value, weights);
  return backend.scope(() => {
    const channels = input.at(-1)!;
    const batch = backend.scratch(x.length / channels, channels);
    backend.write(batch, x);
    const examples = x.length / input.reduce<number>((product, size) => product * size, 1);
    return [...backend.readSync(model.forward(batch, examples))];
  });
}

Deno.test("conv1d() sees with 'causal' what came, and with 'same' what lies around", () =>
  onReference((backend) => {
    const run = (options: Parameters<typeof conv1d>[1], x: readonly number[]) =>
      outputsOf(backend, [5, 1], conv1d(1, { bias: false, ...options }), [1, 10, 100], x);
    const two = [1, 2, 3, 4, 5, 6, 7, 8, 9, 1];
    assert.deepEqual(run({ kernel: 3, padding: "causal" }, two), [
      ...[100, 210, 321, 432, 543],
      ...[600, 760, 876, 987, 198],
    ]);
    assert.deepEqual(run({ kernel: 3, padding: "causal", dilation: 2 }, two.slice(0, 5)), [
      ...[100, 200, 310, 420, 531],
    ]);
    assert.deepEqual(run({ kernel: 3, padding: "same" }, two.slice(0, 5)), [
      ...[210, 321, 432, 543, 54],
    ]);
    // Three outputs of stride 2 need no zeros beyond one on each side; two of stride 3 one in all, behind.
    assert.deepEqual(run({ kernel: 3, padding: "same", stride: 2 }, two.slice(0, 5)), [
      210,
      432,
      54,
    ]);
    assert.deepEqual(run({ kernel: 3, padding: "same", stride: 3 }, two.slice(0, 5)), [321, 54]);
    assert.deepEqual(run({ kernel: 3 }, two.slice(0, 5)), [321, 432, 543]);
  }));

Deno.test("conv2d() with groups is as many convolutions side by side", () =>
  onReference((backend) => {
    const random = new Random(3);
    const [x, w] = [[...normal(random, 2 * 4 * 5 * 6)], [...normal(random, 4 * 19)]];
    const options = { kernel: 3, padding: 1 };
    const whole = outputsOf(
      backend,
      [4, 5, 6],
      conv2d(4, { ...options, groups: 3 - 1 }),
      grouped(w),
      x,
    );
    for (const group of [0, 1]) {
      const part = x.filter((_, i) => Math.floor(i % 6 / 3) === group);
      const weights = grouped(w).slice(group * 2 * 28, (group + 1) * 2 * 28);
      const alone = outputsOf(backend, [4, 5, 3], conv2d(2, options), weights, part);
      assert.deepEqual(whole.filter((_, i) => Math.floor(i % 4 / 2) === group), alone);
    }
    function grouped(numbers: readonly number[]): number[] {
      return Array.from({ length: 4 * 28 }, (_, i) => numbers[i % numbers.length]);
    }
  }));

Deno.test("conv2dTranspose() is the adjoint of a convolution with turned windows", () =>
  onReference((backend) => {
    const options = { kernel: 2, stride: 2, bias: false };
    const weights = [1, 10, 100, 1000];
    const larger = outputsOf(backend, [2, 2, 1], conv2dTranspose(1, options), weights, [
      1,
      2,
      3,
      4,
    ]);
    // Windows that do not meet: each pixel times the window, turned round.
    assert.deepEqual(larger, [
      ...[1000, 100, 2000, 200],
      ...[10, 1, 20, 2],
      ...[3000, 300, 4000, 400],
      ...[30, 3, 40, 4],
    ]);
    const layers = [conv2dTranspose(1, { kernel: 2, padding: 2 })];
    assert.throws(() => sequential(backend, { input: [2, 2, 1], layers }), {
      name: "ShapeError",
      message: /'convTranspose1': expected padding below the window of 2 x 2, received 2 and 2/,
    });
  }));

Deno.test("layers refuse groups that do not divide, and windows that do not fit, in one sentence", () =>
  onReference((backend) => {
    const build = (input: ExampleShape, layer: LayerSpec) => () =>
      sequential(backend, { input, layers: [layer] });
    const message = (name: string, text: string) => ({
      name: "ShapeError",
      message: `Cannot build '${name}': ${text}`,
    });
    assert.throws(
      build([4, 4, 6], conv2d(8, { kernel: 3, groups: 4 })),
      message(
        "conv1",
        "expected incoming and outgoing channels that 4 groups divide, received 6 and 8",
      ),
    );
    assert.throws(
      build([9, 6], conv1d(4, { kernel: 3, groups: 3 })),
      message(
        "conv1d1",
        "expected incoming and outgoing channels that 3 groups divide, received 6 and 4",
      ),
    );
    assert.throws(build([6], conv1d(4, { kernel: 3 })), {
      name: "ShapeError",
      message: /Cannot build 'conv1d1': expected a sequence .* received rows of 6 features/,
    });
    assert.throws(build([2, 3], conv1d(4, { kernel: 3 })), {
      name: "ShapeError",
      message: /Cannot build 'conv1d1': expected .* 1 x 3 window .* received 1 x 2/,
    });
    assert.throws(() => conv1d(4, { kernel: 3, padding: "full" as "same" }), {
      name: "OptionError",
      message: /'padding' must be an integer >= 0, 'same' or 'causal'.*received .full/,
    });
  }));

/** A sequence's two classes of waves, through every kind of convolution. */
const layers: LayerSpec[] = [
  conv1d(4, { kernel: 3, padding: "causal" }),
  tanh(),
  conv1d(4, { kernel: 3, padding: "same", groups: 4 }),
  tanh(),
  conv1d(6, { kernel: 2, stride: 2, groups: 2 }),
  tanh(),
  meanPositions(),
  dense(1),
];

function waves(examples: number, seed: number) {
  const random = new Random(seed);
  const targets = Array.from({ length: examples }, () => random.normal());
  const inputs = targets.flatMap((y) =>
    Array.from({ length: 8 }, (_, t) => [y * Math.sin(t), Math.cos(2 * t) + 0.1 * random.normal()])
      .flat()
  );
  return { inputs, targets };
}

type Create = (problem: Objective<ReturnType<typeof waves>>) => Optimizer<ReturnType<typeof waves>>;
const optimizers: Record<string, Create> = {
  kfac,
  "kfac with exact damping": (o) => kfac(o, { split: "exact" }),
  ekfac,
  "ekfac with running averages": (o) => ekfac(o, { eigenvaluesFrom: "runningAverage" }),
  tkfac,
  tekfac,
  "tekfac at rank 2": (o) => tekfac(o, { rank: 2 }),
  "tekfac in the background": (o) =>
    tekfac(o, { rank: "full", intervals: { basis: 4 }, refresh: { kind: "background", delay: 3 } }),
  "diagonal blocks": (o) => tekfac(o, { blocks: () => "diagonal" }),
  soap: (o) => soap(o, { learningRate: 0.02 }),
  muon: (o) => muon(o, { learningRate: 0.1 }),
};

for (const [name, create] of Object.entries(optimizers)) {
  Deno.test(`${name} trains convolutions with groups, and goes on from a checkpoint`, async () => {
    using backend = createReference();
    const fresh = () => sequential(backend, { input: [8, 2], layers, seed: 2 });
    const batch = waves(16, 4);
    using model = fresh();
    using optimizer = create(objective(model, squaredError()));
    const first = optimizer.stepSync(batch).loss;
    for (let step = 0; step < 9; step++) optimizer.stepSync(batch);
    const file = await saveState(optimizer);
    using again = fresh();
    using other = create(objective(again, squaredError()));
    await loadState(other, file);
    let loss = NaN;
    for (let step = 0; step < 10; step++) {
      loss = optimizer.stepSync(batch).loss;
      assert.equal(other.stepSync(batch).loss, loss);
    }
    assert(loss < 0.7 * first, `${loss} of ${first}`);
  });
}

Deno.test("describe() counts the groups of a convolution", () => {
  using backend = createReference();
  const depthwise = [conv2d(8, { kernel: 3, groups: 4 }), flatten(), dense(1)];
  using model = sequential(backend, { input: [4, 4, 4], layers: depthwise });
  using optimizer = tekfac(objective(model, squaredError()));
  assert.match(optimizer.describe(), /4 x \(2 x 2, 10 x 10\)/);
  using single = sequential(backend, {
    input: [6, 4],
    layers: [conv1d(4, { kernel: 3, groups: 4 })],
  });
  using other = tekfac(objective(single, squaredError()));
  assert.match(other.describe(), /4 x \(1 x 1, 4 x 4\)/);
});

Deno.test("groups train alike on WebAssembly and in float64", async () => {
  const batch = waves(32, 5);
  const losses: number[][] = [];
  for (const prefer of ["wasm", "reference"] as const) {
    using backend = await createBackend({ prefer: [prefer] });
    using model = sequential(backend, { input: [8, 2], layers, seed: 2 });
    using optimizer = tekfac(objective(model, squaredError()));
    losses.push(Array.from({ length: 6 }, () => optimizer.stepSync(batch).loss));
  }
  allClose(losses[0], losses[1], { relative: 1e-3 });
});

for (const groups of [4, 2]) {
  Deno.test(`a convolution of ${groups} groups in two places has the curvature of the summed gradient`, () => {
    using backend = createReference();
    const twice = conv1d(4, { kernel: 3, padding: "causal", groups });
    using model = sequential(backend, { input: [5, 4], layers: [twice, tanh(), twice], seed: 2 });
    const problem = objective(model, squaredError());
    const [parameter] = model.parameters;
    assert.equal(model.parameters.length, 1);
    const random = new Random(1);
    const batch = { inputs: normal(random, 3 * 20), targets: normal(random, 3 * 20) };
    const options = { fisher: "empirical", damping: 1, rank: "full" } as const;
    using optimizer = tekfac(problem, { preset: "paper", ...options });
    optimizer.stepSync(batch);
    const { preconditioner } = optimizer;
    if (!(preconditioner instanceof KroneckerPreconditioner)) throw new Error("another kind");
    const [block] = preconditioner.estimator.blocks;
    const trace = backend.scope(() =>
      Float64Array.from(backend.readSync(block.spectrum())).reduce((sum, value) => sum + value, 0)
    );
    // The optimizer has moved the weights since: go back, and differentiate each example alone.
    using again = sequential(backend, { input: [5, 4], layers: [twice, tanh(), twice], seed: 2 });
    const other = objective(again, squaredError());
    let expected = 0;
    for (let n = 0; n < 3; n++) {
      const alone = {
        inputs: batch.inputs.slice(20 * n, 20 * n + 20),
        targets: batch.targets.slice(20 * n, 20 * n + 20),
      };
      backend.scope(() => other.differentiate(alone, { decay: 0, scale: 1 }));
      const gradient = Float64Array.from(backend.readSync(again.parameters[0].gradient));
      expected += gradient.reduce((sum, value) => sum + value * value, 0) / 3;
    }
    allClose([trace], [expected], { relative: 1e-12, label: parameter.name });
  });
}
