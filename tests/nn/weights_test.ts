import assert from "#assert";
import {
  conv2d,
  dense,
  objective,
  readWeights,
  readWeightsSync,
  sequential,
  squaredError,
  writeWeights,
} from "@tekfac/tekfac/nn";
import { allClose } from "@tekfac/tekfac/testing";
import { onReference } from "./_harness.ts";

Deno.test("writeWeights() takes a convolution's columns as (channel, kernel row, kernel column)", () =>
  onReference((backend) => {
    using model = sequential(backend, {
      input: [3, 3, 2],
      layers: [conv2d(1, { kernel: [2, 3] })],
    });
    const [parameter] = model.parameters;
    // Weight of (channel c, row y, column x) is 100 c + 10 y + x, bias 0.5.
    const weights = [0, 1].flatMap((c) =>
      [0, 1].flatMap((y) => [0, 1, 2].map((x) => 100 * c + 10 * y + x))
    );
    writeWeights(backend, parameter, [...weights, 0.5]);
    const inputs = Float64Array.from({ length: 18 }, (_, i) => (i * 7) % 11);
    const pixel = (y: number, x: number, c: number) => inputs[(y * 3 + x) * 2 + c];
    const expected = [0, 1].map((top) => {
      let sum = 0.5;
      for (let c = 0; c < 2; c++) {
        for (let y = 0; y < 2; y++) {
          for (let x = 0; x < 3; x++) sum += (100 * c + 10 * y + x) * pixel(top + y, x, c);
        }
      }
      return sum;
    });
    // Small integers and a half: exact in float64.
    allClose(objective(model, squaredError()).predictSync(inputs), expected);
  }));

Deno.test("readWeights() returns what writeWeights() wrote, sync and async", () =>
  onReference(async (backend) => {
    using model = sequential(backend, {
      input: [5, 5, 3],
      layers: [conv2d(2, { kernel: [2, 3] }), conv2d(4, { kernel: 1, bias: false })],
    });
    using flat = sequential(backend, { input: [6], layers: [dense(3)] });
    for (const parameter of [...model.parameters, ...flat.parameters]) {
      const { rows, cols } = parameter.value;
      const data = Float64Array.from({ length: rows * cols }, (_, i) => i);
      writeWeights(backend, parameter, data);
      assert.deepEqual(readWeightsSync(backend, parameter), data);
      assert.deepEqual(await readWeights(backend, parameter), data);
    }
  }));

Deno.test("readWeights() reads gradients in the order in which it reads weights", () =>
  onReference((backend) => {
    using model = sequential(backend, {
      input: [1, 2, 2],
      layers: [conv2d(1, { kernel: [1, 2], init: () => 0 })],
    });
    const [parameter] = model.parameters;
    const problem = objective(model, squaredError());
    // Output 0, target -1: g = 1, so the gradient is the patch: pixels (x, c) = 1, 2; 3, 4.
    const batch = { inputs: [1, 2, 3, 4], targets: [-1] };
    backend.scope(() => problem.differentiate(batch, { decay: 0, scale: 1 }));
    assert.deepEqual([...readWeightsSync(backend, parameter, "gradient")], [1, 3, 2, 4, 1]);
  }));

Deno.test("writeWeights() refuses another number of weights and names the layer", () =>
  onReference((backend) => {
    using model = sequential(backend, { input: [2], layers: [dense(3)] });
    assert.throws(
      () => writeWeights(backend, model.parameters[0], [1, 2, 3]),
      /^ShapeError: Cannot write the weights of 'dense1': expected \[3, 3\] = 9 numbers, received 3$/,
    );
  }));
