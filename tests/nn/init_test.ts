import assert from "#assert";
import { Random } from "@tekfac/tekfac/core";
import {
  conv2d,
  dense,
  type Fan,
  glorotNormal,
  glorotUniform,
  heNormal,
  heUniform,
  lecunNormal,
  lecunUniform,
  readWeightsSync,
  sequential,
  zeros,
} from "@tekfac/tekfac/nn";
import { onReference } from "./_harness.ts";

const FAN: Fan = { in: 20, out: 12 };
const DRAWS = 50_000;

const initialisers = {
  heNormal: [heNormal, 2 / FAN.in, Infinity],
  heUniform: [heUniform, 2 / FAN.in, Math.sqrt(6 / FAN.in)],
  lecunNormal: [lecunNormal, 1 / FAN.in, Infinity],
  lecunUniform: [lecunUniform, 1 / FAN.in, Math.sqrt(3 / FAN.in)],
  glorotNormal: [glorotNormal, 2 / (FAN.in + FAN.out), Infinity],
  glorotUniform: [glorotUniform, 2 / (FAN.in + FAN.out), Math.sqrt(6 / (FAN.in + FAN.out))],
} as const;

for (const [name, [init, variance, bound]] of Object.entries(initialisers)) {
  Deno.test(`${name}() draws with mean 0, variance ${variance} and bound ${bound}`, () => {
    const random = new Random(1);
    const draws = Array.from({ length: DRAWS }, () => init(FAN, random));
    const mean = draws.reduce((a, b) => a + b, 0) / DRAWS;
    const square = draws.reduce((sum, v) => sum + v * v, 0) / DRAWS;
    const fourth = draws.reduce((sum, v) => sum + v ** 4, 0) / DRAWS;
    // Five standard errors of the mean and of the mean square.
    assert.ok(Math.abs(mean) <= 5 * Math.sqrt(square / DRAWS), `mean ${mean}`);
    const allowed = 5 * Math.sqrt((fourth - square * square) / DRAWS);
    assert.ok(Math.abs(square - variance) <= allowed, `variance ${square}, allowed ${allowed}`);
    assert.ok(draws.every((v) => Math.abs(v) <= bound));
  });
}

Deno.test("layers start with zero biases and tell the initialiser their fans", () =>
  onReference((backend) => {
    const fans: Fan[] = [];
    const init = (fan: Fan): number => {
      fans.push(fan);
      return 1;
    };
    using convolution = sequential(backend, {
      input: [5, 5, 3],
      layers: [conv2d(4, { kernel: [3, 2], init })],
    });
    using dense1 = sequential(backend, { input: [7], layers: [dense(2, { init })] });
    assert.deepEqual(fans[0], { in: 18, out: 24 });
    assert.deepEqual(fans.at(-1), { in: 7, out: 2 });
    assert.equal(fans.length, 4 * 18 + 2 * 7);
    for (const { parameters: [parameter] } of [convolution, dense1]) {
      const weights = readWeightsSync(backend, parameter);
      const { cols } = parameter.value;
      assert.ok(weights.every((weight, i) => weight === (i % cols === cols - 1 ? 0 : 1)));
    }
  }));

Deno.test("zeros() makes a layer whose outputs start at zero", () =>
  onReference((backend) => {
    using model = sequential(backend, { input: [7], layers: [dense(2, { init: zeros })] });
    assert.ok(readWeightsSync(backend, model.parameters[0]).every((weight) => weight === 0));
  }));
