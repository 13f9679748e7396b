import assert from "#assert";
import fc from "#fast-check";
import {
  averagePool2d,
  batchNorm2d,
  concatenate,
  conv1d,
  conv2d,
  conv2dTranspose,
  dense,
  dropout,
  flatten,
  globalAveragePool2d,
  lastPosition,
  maxPool2d,
  relu,
  residual,
  sequential,
  sigmoid,
  tanh,
} from "@tekfac/tekfac/nn";
import { checkLayers, onReference } from "./_harness.ts";

const pair = (min: number, max: number) =>
  fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }));
const image = fc.tuple(
  fc.integer({ min: 3, max: 6 }),
  fc.integer({ min: 3, max: 6 }),
  fc.integer({ min: 1, max: 3 }),
);
const examples = fc.integer({ min: 1, max: 3 });
const seed = fc.nat(1_000_000);

Deno.test("dense() has the gradients of central differences, with and without bias", () =>
  onReference((backend) => {
    const features = fc.integer({ min: 1, max: 6 });
    const property = fc.property(
      features,
      features,
      fc.boolean(),
      examples,
      seed,
      (inputs, outputs, bias, examples, seed) =>
        checkLayers(backend, {
          input: [inputs],
          layers: [dense(outputs, { bias })],
          examples,
          seed,
        }),
    );
    fc.assert(property, { numRuns: 30 });
  }));

Deno.test("conv2d() has the gradients of central differences at any stride, padding, dilation", () =>
  onReference((backend) => {
    const property = fc.property(
      image,
      fc.record({
        // Kernels up to 2 at dilation up to 2 span 3 pixels: every window fits every image.
        kernel: pair(1, 2),
        stride: pair(1, 3),
        padding: pair(0, 2),
        dilation: pair(1, 2),
        bias: fc.boolean(),
      }),
      examples,
      seed,
      (input, options, examples, seed) =>
        checkLayers(backend, { input, layers: [conv2d(2, options)], examples, seed }),
    );
    fc.assert(property, { numRuns: 30 });
  }));

Deno.test("conv2d() has the gradients of central differences with groups of any size", () =>
  onReference((backend) => {
    const property = fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 2 }),
      fc.integer({ min: 1, max: 2 }),
      fc.record({
        kernel: pair(1, 3),
        stride: pair(1, 2),
        padding: pair(0, 1),
        bias: fc.boolean(),
      }),
      examples,
      seed,
      (groups, channels, outputs, options, examples, seed) =>
        checkLayers(backend, {
          input: [3, 4, groups * channels],
          layers: [conv2d(groups * outputs, { ...options, groups })],
          examples,
          seed,
        }),
    );
    fc.assert(property, { numRuns: 30 });
  }));

Deno.test("conv2dTranspose() has the gradients of central differences at any stride and padding", () =>
  onReference((backend) => {
    const property = fc.property(
      fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
      fc.constantFrom([1, 2, 1], [4, 2, 2], [2, 2, 2]),
      fc.record({
        kernel: pair(2, 3),
        stride: pair(1, 3),
        padding: pair(0, 1),
        bias: fc.boolean(),
      }),
      examples,
      seed,
      ([height, width], [channels, outputs, groups], options, examples, seed) => {
        const layers = [conv2dTranspose(outputs, { ...options, groups })];
        const [rows, columns] = [height, width].map((size, axis) =>
          (size - 1) * options.stride[axis] - 2 * options.padding[axis] + options.kernel[axis]
        );
        fc.pre(rows > 0 && columns > 0);
        checkLayers(backend, { input: [height, width, channels], layers, examples, seed });
      },
    );
    fc.assert(property, { numRuns: 30 });
  }));

Deno.test("conv1d() has the gradients of central differences with every padding and any stride", () =>
  onReference((backend) => {
    const property = fc.property(
      fc.integer({ min: 5, max: 9 }),
      fc.constantFrom([4, 6, 1], [4, 6, 2], [3, 3, 3], [1, 2, 1]),
      fc.record({
        kernel: fc.integer({ min: 1, max: 3 }),
        stride: fc.integer({ min: 1, max: 3 }),
        padding: fc.constantFrom(0, 1, 3, "same" as const, "causal" as const),
        dilation: fc.integer({ min: 1, max: 2 }),
        bias: fc.boolean(),
      }),
      examples,
      seed,
      (positions, [channels, outputs, groups], options, examples, seed) => {
        const layers = [conv1d(outputs, { ...options, groups })];
        checkLayers(backend, { input: [positions, channels], layers, examples, seed });
      },
    );
    fc.assert(property, { numRuns: 40 });
  }));

for (const [name, pool] of Object.entries({ maxPool2d, averagePool2d })) {
  Deno.test(`${name}() has the gradients of central differences at any stride and padding`, () =>
    onReference((backend) => {
      const property = fc.property(
        image,
        pair(2, 3),
        fc.option(pair(1, 3), { nil: undefined }),
        pair(0, 1),
        examples,
        seed,
        (input, kernel, stride, padding, examples, seed) => {
          const options = stride === undefined ? { kernel, padding } : { kernel, stride, padding };
          checkLayers(backend, { input, layers: [pool(options)], examples, seed });
        },
      );
      fc.assert(property, { numRuns: 30 });
    }));
}

Deno.test("globalAveragePool2d() has the gradients of central differences", () =>
  onReference((backend) => {
    const layers = [globalAveragePool2d()];
    checkLayers(backend, { input: [3, 5, 2], layers, examples: 2, seed: 1 });
  }));

Deno.test("batchNorm2d() has the gradients of central differences, through the batch's moments", () =>
  onReference((backend) => {
    const property = fc.property(image, examples, seed, (input, examples, seed) => {
      // A convolution in front moves and mixes the channels; behind, weights that are not 1.
      const layers = [
        conv2d(2, { kernel: 2 }),
        batchNorm2d({ epsilon: 0.1 }),
        conv2d(2, { kernel: 1 }),
        batchNorm2d({ epsilon: 0.1 }),
      ];
      checkLayers(backend, { input, layers, examples, seed });
    });
    fc.assert(property, { numRuns: 20 });
  }));

Deno.test("residual() has the gradients of central differences with both shortcuts", () =>
  onReference((backend) => {
    const property = fc.property(
      image,
      fc.constantFrom(1, 2, 3),
      fc.integer({ min: 0, max: 2 }),
      examples,
      seed,
      (input, stride, more, examples, seed) => {
        const channels = input[2] + more;
        const layers = [
          residual([
            conv2d(channels, { kernel: 3, padding: 1, stride }),
            tanh(),
            conv2d(channels, { kernel: 1 }),
            // Keeps its outputs for the backward pass.
            sigmoid(),
          ]),
        ];
        checkLayers(backend, { input, layers, examples, seed });
      },
    );
    fc.assert(property, { numRuns: 30 });
    const outer = [residual([residual([flatten()]), flatten()])];
    checkLayers(backend, { input: [4], layers: outer, examples: 2, seed: 1 });
  }));

Deno.test("concatenate() has the gradients of central differences on rows, sequences and images", () =>
  onReference((backend) => {
    const cases = [
      { input: [4], layers: [concatenate([[dense(3), tanh()], [], [dense(1)]]), dense(2)] },
      {
        input: [5, 2],
        layers: [
          concatenate([[conv1d(2, { kernel: 3, padding: 1 }), tanh()], [
            conv1d(3, { kernel: 2, padding: "causal" }),
          ], []]),
        ],
      },
      {
        input: [4, 3, 2],
        layers: [
          // Of the first branch nothing is trained.
          conv2d(2, { kernel: 1 }),
          concatenate([[tanh()], [residual([conv2d(2, { kernel: 3, padding: 1 })])]]),
          flatten(),
        ],
      },
    ] as const;
    cases.forEach((each, seed) => checkLayers(backend, { ...each, examples: 3, seed }));
    checkLayers(backend, { input: [3], layers: [concatenate([[tanh()]])], examples: 2, seed: 9 });

    assert.throws(
      () => sequential(backend, { input: [4, 2], layers: [concatenate([[], [lastPosition()]])] }),
      {
        name: "ShapeError",
        message: "Cannot build 'concatenate1': expected branches whose outputs differ in their " +
          "channels only, received 4 x 2 and 2",
      },
    );
    for (const branches of [[], [[], [1]], [dense(2)], undefined]) {
      assert.throws(() => concatenate(branches as never), { name: "OptionError" });
    }
  }));

Deno.test("dropout() has the gradients of central differences of what it has kept", () =>
  onReference((backend) => {
    checkLayers(backend, { input: [7], layers: [dropout(0.4), dense(3)], examples: 4, seed: 1 });
    checkLayers(backend, { input: [2, 3, 2], layers: [dropout(0.8)], examples: 2, seed: 2 });
  }));

for (const [name, activation] of Object.entries({ relu, tanh, sigmoid })) {
  Deno.test(`${name}() has the gradients of central differences on rows and on images`, () =>
    onReference((backend) => {
      checkLayers(backend, { input: [7], layers: [activation()], examples: 4, seed: 1 });
      checkLayers(backend, { input: [2, 3, 2], layers: [activation()], examples: 2, seed: 2 });
    }));
}

Deno.test("sequential() has the gradients of central differences through all kinds of layers", () =>
  onReference((backend) => {
    const layers = [
      conv2d(3, { kernel: 3, padding: 1 }),
      relu(),
      maxPool2d({ kernel: 2 }),
      conv2d(2, { kernel: [2, 1], dilation: [2, 1], bias: false }),
      tanh(),
      averagePool2d({ kernel: 2, stride: 1 }),
      flatten(),
      dense(4),
      sigmoid(),
      dense(3, { bias: false }),
    ];
    checkLayers(backend, { input: [8, 6, 2], layers, examples: 2, seed: 3 });
  }));
