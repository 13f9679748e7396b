import assert from "#assert";
import type { Backend } from "@tekfac/tekfac/backend";
import {
  averagePool2d,
  batchNorm2d,
  conv2d,
  dense,
  flatten,
  type LayerSpec,
  maxPool2d,
  relu,
  residual,
  sequential,
  type SequentialOptions,
  tanh,
} from "@tekfac/tekfac/nn";
import { createReference, onReference, scratchOf } from "./_harness.ts";

const IMAGE_LAYERS = [
  conv2d(8, { kernel: 5, padding: 2 }),
  relu(),
  maxPool2d({ kernel: 2 }),
  conv2d(16, { kernel: [3, 5], bias: false }),
  relu(),
  averagePool2d({ kernel: 3, stride: 2, padding: 1 }),
  flatten(),
  dense(10),
];

Deno.test("sequential() names layers by kind and number of that kind, and follows their shapes", () =>
  onReference((backend) => {
    using model = sequential(backend, { input: [28, 28, 1], layers: IMAGE_LAYERS });
    assert.deepEqual(model.layers.map(({ name }) => name), [
      "conv1",
      "relu1",
      "maxPool1",
      "conv2",
      "relu2",
      "averagePool1",
      "flatten1",
      "dense1",
    ]);
    assert.deepEqual(model.parameters.map(({ name }) => name), ["conv1", "conv2", "dense1"]);
    assert.deepEqual(model.layers.map(({ output }) => output.join()), [
      "28,28,8",
      "28,28,8",
      "14,14,8",
      "12,10,16",
      "12,10,16",
      "6,5,16",
      "480",
      "10",
    ]);
    assert.deepEqual(model.output, [10]);
  }));

Deno.test("describe() lists the layers of a residual block before it, indented", () =>
  onReference((backend) => {
    const layers = [residual([conv2d(2, { kernel: 1, bias: false }), batchNorm2d()]), flatten()];
    using model = sequential(backend, { input: [3, 3, 2], layers });
    assert.equal(
      model.describe(),
      [
        "layer         output     weights  parameters",
        "------------  ---------  -------  ----------",
        "input         3 x 3 x 2                     ",
        "  conv1       3 x 3 x 2  2 x 2             4",
        "  batchNorm1  3 x 3 x 2  2 x 2             4",
        "residual1     3 x 3 x 2                     ",
        "flatten1      18                            ",
        "total                                      8",
      ].map((line) => line.trimEnd()).join("\n"),
    );
  }));

Deno.test("describe() is an aligned table of layers, shapes and numbers of weights", () =>
  onReference((backend) => {
    using model = sequential(backend, { input: [28, 28, 1], layers: IMAGE_LAYERS });
    assert.equal(
      model.describe(),
      [
        "layer         output        weights   parameters",
        "------------  ------------  --------  ----------",
        "input         28 x 28 x 1",
        "conv1         28 x 28 x 8   8 x 26           208",
        "relu1         28 x 28 x 8",
        "maxPool1      14 x 14 x 8",
        "conv2         12 x 10 x 16  16 x 120       1,920",
        "relu2         12 x 10 x 16",
        "averagePool1  6 x 5 x 16",
        "flatten1      480",
        "dense1        10            10 x 481       4,810",
        "total                                      6,938",
      ].join("\n"),
    );
  }));

Deno.test("sequential() gives equal models for equal seeds and different ones otherwise", () =>
  onReference((backend) => {
    const weights = (seed: number, layers: LayerSpec[]) => {
      using model = sequential(backend, { input: [3], layers, seed });
      return model.parameters.map(({ value }) => [...backend.readSync(value)]);
    };
    const layers = [dense(4), tanh(), dense(2)];
    assert.deepEqual(weights(1, layers), weights(1, layers));
    assert.notDeepEqual(weights(1, layers), weights(2, layers));
    // A layer draws from a generator of its own: the size of one does not change another.
    assert.deepEqual(weights(1, layers)[0], weights(1, [dense(4, { bias: true }), dense(9)])[0]);
  }));

/** Options that cannot work, and what is said about them. */
const wrong: Record<string, [SequentialOptions, RegExp]> = {
  "an unknown option": [
    { input: [2], layers: [dense(1)], sed: 1 } as never,
    /^OptionError: Cannot create a sequential model: 'sed' is not an option, did you mean 'seed'\?/,
  ],
  "an input shape of four numbers": [
    { input: [2, 3, 4, 5] as never, layers: [dense(1)] },
    /must be \[features\], \[positions, channels\] or \[height, width, channels\], integers >= 1: received/,
  ],
  "no layers": [
    { input: [2], layers: [] },
    /'layers' must be a list with at least one layer, such as \[dense\(10\)\]: received \[\]$/,
  ],
  "images into dense": [
    { input: [4, 4, 2], layers: [conv2d(1, { kernel: 1 }), dense(3)] },
    /^ShapeError: Cannot build 'dense1': expected .*insert flatten\(\) before it.*images of 4 x 4 x 1$/,
  ],
  "features into conv2d": [
    { input: [6], layers: [dense(3), conv2d(2, { kernel: 1 })] },
    /^ShapeError: Cannot build 'conv1': expected images .*received rows of 3 features$/,
  ],
  "features into maxPool2d": [
    { input: [6], layers: [maxPool2d({ kernel: 2 })] },
    /^ShapeError: Cannot build 'maxPool1': expected images/,
  ],
  "a window larger than the image": [
    { input: [4, 4, 1], layers: [conv2d(1, { kernel: 3 }), conv2d(1, { kernel: 3 })] },
    /^ShapeError: Cannot build 'conv2': expected an image that holds a 3 x 3 window .*received 2 x 2$/,
  ],
  "a pooling that is all padding at the border": [
    { input: [4, 4, 1], layers: [averagePool2d({ kernel: 2, padding: 2 })] },
    /^OptionError: Cannot build 'averagePool1': 'padding' must be less than the kernel: received 2$/,
  ],
  "an initialiser that returns NaN": [
    { input: [2], layers: [dense(2), dense(2, { init: () => NaN })] },
    /^OptionError: Cannot build 'dense2': 'init' must return finite numbers: received NaN$/,
  ],
};

for (const [what, [options, message]] of Object.entries(wrong)) {
  Deno.test(`sequential() refuses ${what} and leaves nothing allocated`, () =>
    onReference((backend) => {
      assert.throws(() => sequential(backend, options), message);
    }));
}

Deno.test("dense(), conv2d() and pools refuse bad options when they are described", () => {
  assert.throws(
    () => dense(0),
    /^OptionError: Cannot create dense: 'outFeatures' must be an integer >= 1: received 0$/,
  );
  assert.throws(() => dense(1, { biass: true } as never), /did you mean 'bias'\?: received true$/);
  assert.throws(() => conv2d(2.5, { kernel: 1 }), /'outChannels' must be an integer >= 1/);
  assert.throws(() => conv2d(2, {} as never), /Cannot create conv2d: 'kernel' must be one or two/);
  assert.throws(
    () => conv2d(1, { kernel: 3, stride: 0 }),
    /^OptionError: Cannot create conv2d: 'stride' must be one or two integers >= 1: received 0$/,
  );
  assert.throws(() => conv2d(2, { kernel: 1, strides: 2 } as never), /did you mean 'stride'/);
  assert.throws(
    () => conv2d(4, { kernel: 3, group: 2 } as object as { kernel: number }),
    /^OptionError: Cannot create conv2d: 'group' is not an option, did you mean 'groups'\?: received 2$/,
  );
  assert.throws(
    () => maxPool2d({} as never),
    /Cannot create maxPool2d: 'kernel' must be one or two/,
  );
  assert.throws(
    () => averagePool2d({ kernel: 2, dilation: 2 } as never),
    /Cannot create averagePool2d: 'dilation' is not an option/,
  );
});

/** A stand-in for a backend that runs out of memory at the n-th allocation. */
function exhausted(backend: Backend, allocations: number): Backend {
  let left = allocations;
  return new Proxy(backend, {
    get(target, key) {
      const member = Reflect.get(target, key, target);
      if (typeof member !== "function") return member;
      if (key !== "alloc" || left-- > 0) return member.bind(target);
      return () => {
        throw new Error("out of memory");
      };
    },
  });
}

Deno.test("sequential() gives everything back when memory runs out at any allocation", () =>
  onReference((backend) => {
    for (let allocations = 0; allocations < 4; allocations++) {
      const poor = exhausted(backend, allocations);
      const layers = [dense(3), relu(), dense(2)];
      assert.throws(() => sequential(poor, { input: [2], layers }), /out of memory/);
      assert.equal(backend.memory().handles, 0);
    }
  }));

Deno.test("forward() refuses a matrix of another shape and a disposed model", () =>
  onReference((backend) => {
    const model = sequential(backend, { input: [2, 2, 3], layers: [flatten(), dense(2)] });
    backend.scope(() => {
      assert.throws(
        () => model.forward(backend.scratch(1, 12), 1),
        /^ShapeError: Cannot run the model: expected \[4, 3\] for 1 examples of 2 x 2 x 3, received \[1, 12\]$/,
      );
      model[Symbol.dispose]();
      model[Symbol.dispose]();
      assert.throws(
        () => model.forward(backend.scratch(4, 3), 1),
        /^StateError: Cannot run a model that has been disposed$/,
      );
    });
  }));

Deno.test("backward() without forward is refused by every kind of layer", () =>
  onReference((backend) => {
    for (const layer of [conv2d(2, { kernel: 1 }), relu(), maxPool2d({ kernel: 1 }), flatten()]) {
      using model = sequential(backend, { input: [2, 2, 2], layers: [layer] });
      const { name } = model.layers[0];
      backend.scope(() =>
        assert.throws(() => model.backward(backend.scratch(4, 2), { kind: "capture" }, true), {
          name: "StateError",
          message: `Cannot run the backward pass of '${name}': call forward first`,
        })
      );
    }
    using model = sequential(backend, { input: [2], layers: [dense(2)] });
    backend.scope(() =>
      assert.throws(() => model.backward(backend.scratch(1, 2), { kind: "capture" }), {
        name: "StateError",
        message: "Cannot run the backward pass of 'dense1': call forward first",
      })
    );
  }));

Deno.test("backward() computes no gradient of the inputs unless asked", () =>
  onReference((backend) => {
    using model = sequential(backend, { input: [2, 1, 2], layers: [flatten(), dense(2)] });
    backend.scope(() => {
      model.forward(scratchOf(backend, 2, 2, [1, 2, 3, 4]), 1);
      const g = scratchOf(backend, 1, 2, [1, 1]);
      assert.equal(model.backward(g, { kind: "capture" }), undefined);
      const { rows, cols } = model.backward(g, { kind: "capture" }, true)!;
      assert.deepEqual([rows, cols], [2, 2]);
    });
  }));

Deno.test("a step allocates scratch only: owned memory stays as it is after building", () => {
  using backend = createReference();
  using model = sequential(backend, { input: [4, 4, 1], layers: [conv2d(2, { kernel: 2 })] });
  const before = backend.memory();
  backend.scope(() => {
    const z = model.forward(scratchOf(backend, 32, 1, new Float64Array(32)), 2);
    model.backward(z, { kind: "gradient", scale: 1, decay: 0 }, true);
    assert.equal(backend.memory().handles, before.handles);
  });
  assert.equal(backend.memory().liveBytes, before.liveBytes);
});
