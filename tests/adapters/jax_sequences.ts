/** Transformers by jax-js and by `nn`: equal weights, equal batches, equal losses. */
import assert from "#assert";
import {
  type Array as JaxArray,
  defaultDevice,
  init,
  nn,
  numpy as np,
  tree,
} from "npm:@jax-js/jax@0.1.25";
import {
  createBackend,
  objective,
  OptionError,
  sequential,
  softmaxCrossEntropy,
} from "@tekfac/tekfac";
import { leavesCaptures, Random } from "@tekfac/tekfac/core";
import {
  applyUpdates,
  captured,
  type JaxLayer,
  type JaxLayers,
  type JaxParams,
  transformation,
} from "@tekfac/tekfac/jax";
import { allClose } from "@tekfac/tekfac/testing";
import { gpt, readWeightsSync } from "@tekfac/tekfac/nn";
import { optimizers } from "@tekfac/tekfac/optim";
import { type Gpt, gptLayers, gptLogits, type GptParams } from "./_jax_gpt.ts";

await init("wasm");
defaultDevice("wasm");

const array = (data: ArrayLike<number>, shape: number[]): JaxArray =>
  np.array(Float32Array.from(data)).reshape(shape);

const [N, STEPS] = [12, 8];

/** The mean of the examples' losses, differentiated. */
const lossOf = (network: Gpt) =>
  captured(gptLayers(network), (params: GptParams, probe, x, y) => {
    const logProbabilities = nn.logSoftmax(gptLogits(network, params, probe, x));
    return np.mean(np.sum(logProbabilities.mul(nn.oneHot(y, network.vocabulary)), -1)).mul(-1);
  });

type Create = (typeof optimizers)["tekfac"];

/** Losses of a training both ways. */
async function losses(
  network: Gpt,
  differentiate: ReturnType<typeof lossOf>,
  create: Create,
): Promise<[found: number[], expected: number[]]> {
  const { vocabulary, context } = network;
  using backend = await createBackend({ prefer: ["wasm"] });
  using model = sequential(backend, { input: [context], layers: gpt(network), seed: 1 });
  // Tables begin so small that a few steps would show nothing.
  for (const { name, value } of model.parameters) {
    if (/^(embedding|position)/.test(name)) backend.axpby(value, 25, value, 0);
  }
  using ours = create(objective(model, softmaxCrossEntropy()));

  const layers = gptLayers(network);
  const entries = Object.keys(layers).map((name, i) => {
    const parameter = model.parameters[i];
    const numbers = readWeightsSync(backend, parameter);
    const { value: { rows, cols }, layer } = parameter;
    const whole = array(numbers, [rows, cols]);
    const { kind } = layers[name];
    if (kind === "embedding") return [name, { w: whole }];
    if (kind === "scaleShift") return [name, { w: whole.ref.slice(0), b: whole.slice(1) }];
    assert(leavesCaptures(layer));
    const bias = layer.kind === "dense" && layer.bias;
    const dIn = cols - (bias ? 1 : 0);
    const w = np.transpose(whole.ref.slice([], [0, dIn]));
    return [name, bias ? { w, b: whole.ref.slice([], dIn) } : { w }];
  });
  let params: GptParams = Object.fromEntries(entries);
  const theirs = transformation(backend, layers, (model) => create(model));
  let state = await theirs.init(tree.ref(params));

  const random = new Random(7), found: number[] = [], expected: number[] = [];
  const inputs = Int32Array.from({ length: N * context }, () => random.integer(vocabulary));
  const targets = inputs.map((token, i) => (token + i) % vocabulary);
  for (let step = 0; step < STEPS; step++) {
    expected.push(ours.stepSync({ inputs, targets }).loss);
    const [gradients, seen] = differentiate(
      tree.ref(params),
      np.array(inputs).reshape([N, context]),
      np.array(targets).reshape([N, context]),
    );
    const [updates, next] = await theirs.update(gradients, state, tree.ref(params), seen);
    params = applyUpdates(params, updates);
    state = next;
    found.push(state.report!.loss);
  }
  state[Symbol.dispose]();
  tree.dispose(params);
  return [found, expected];
}

const same = { fisher: { kind: "perLoss" }, takeBack: false } as const;
const network = { vocabulary: 7, context: 4, layers: 1, heads: 2, width: 6 };

/** jax-js' exponentials and logarithms are good to 1e-6; training carries that from step to step. */
const ALLOWANCE = 1e-4;

const apart = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((loss, i) => Math.abs(loss / b[i] - 1)));

for (const tied of [false, true]) {
  const differentiate = lossOf({ ...network, tied });
  const others: number[][] = [];
  for (const method of ["tekfac", "ekfac", "tkfac", "kfac", "adam"] as const) {
    const which = tied ? "a transformer whose head is its table" : "a transformer";
    Deno.test(`${method} through jax-js has the losses of our own: ${which}`, async () => {
      const create: Create = (goal, options) => {
        const own = method === "adam" ? { learningRate: 0.02 } : same;
        return optimizers[method](goal, { ...own, ...options } as object);
      };
      const [found, expected] = await losses({ ...network, tied }, differentiate, create);
      assert(apart(found, expected) <= ALLOWANCE, `${found} instead of ${expected}`);
      assert(found[STEPS - 1] < 0.9 * found[0], `${found}`);
      // A wrong method would be seen.
      for (const other of others) assert(apart(found, other) > 10 * ALLOWANCE);
      others.push(found);
    });
  }
}

/** Parameters drawn for a network of one block. */
function paramsOf({ vocabulary, context, width }: Gpt, layers: JaxLayers): GptParams {
  const random = new Random(3);
  const draw = (...shape: number[]) => {
    const size = shape.reduce((product, n) => product * n, 1);
    return array(Float32Array.from({ length: size }, () => random.normal() / 2), shape);
  };
  const sizes: Record<string, readonly [number, number]> = {
    attention1_qkv: [width, 3 * width],
    attention1_out: [width, width],
    dense1: [width, 4 * width],
    dense2: [4 * width, width],
    dense3: [width, vocabulary],
    embedding1: [vocabulary, width],
    position1: [context, width],
  };
  return Object.fromEntries(
    Object.keys(layers).map((name) => {
      const [rows, cols] = sizes[name] ?? [1, width];
      const w = name in sizes ? draw(rows, cols) : draw(cols);
      return [name, /^embedding|^position/.test(name) ? { w } : { w, b: draw(cols) }];
    }),
  ) as GptParams;
}

for (const tied of [false, true]) {
  Deno.test(`captured() leaves what jax-js' own gradients are made of, ${tied ? "" : "not "}tied`, async () => {
    const whole = { ...network, tied };
    const layers = gptLayers(whole);
    const params = paramsOf(whole, layers);
    const differentiate = lossOf(whole);
    // Shorter than the context: batches may have sequences of any length.
    for (const positions of [4, 3]) {
      const random = new Random(5);
      const tokens = () =>
        np.array(Int32Array.from({ length: N * positions }, () => random.integer(7)))
          .reshape([N, positions]);
      const [gradients, { captures }] = differentiate(tree.ref(params), tokens(), tokens());
      for (const [name, uses] of Object.entries(captures)) {
        const { w, b } = gradients[name];
        const [rows, cols = 1] = w.shape;
        const own = await w.data();
        const shift = await b?.data();
        const table = layers[name].kind === "embedding";
        const found = new Float64Array(own.length), bias = new Float64Array(shift?.length ?? 0);
        assert.equal(uses.length, tied && name === "embedding1" ? 2 : 1);
        for (const use of uses) {
          if ("gradients" in use) {
            const all = await use.gradients.data();
            all.forEach((x, i) => {
              const channel = i % (2 * rows);
              if (channel < rows) found[channel] += x / N;
              else bias[channel - rows] += x / N;
            });
            continue;
          }
          const g = await use.outputGradients.data();
          if ("tokens" in use) {
            const at = await use.tokens.data();
            g.forEach((x, i) => found[at[Math.floor(i / cols)] * cols + i % cols] += x / N);
            continue;
          }
          assert.equal(use.positions, positions);
          const x = await use.inputs.data();
          // A head that is tied has the table's rows for outputs.
          const [dIn, dOut] = table ? [cols, rows] : [rows, cols];
          for (let t = 0; t < N * positions; t++) {
            for (let j = 0; j < dOut; j++) {
              const y = g[t * dOut + j] / N;
              if (!table) bias[j] += y;
              for (let i = 0; i < dIn; i++) {
                found[table ? j * cols + i : i * cols + j] += y * x[t * dIn + i];
              }
            }
          }
        }
        const size = Math.max(...own.map(Math.abs));
        // Sums of N T products in float32, through exponentials that are good to 1e-6.
        const close = { absolute: 1e-5 * Math.max(size, 1), label: name };
        allClose(found, own, close);
        if (shift !== undefined) allClose(bias, shift, close);
      }
    }
    tree.dispose(params);
  });
}

Deno.test("captured() and transformation() name what a table or scales and shifts cannot be", async () => {
  using backend = await createBackend({ prefer: ["wasm"] });
  const layers = (layer: JaxLayer) => ({ table: layer });
  const start = (layer: JaxLayer, part: { w: JaxArray; b?: JaxArray }) =>
    transformation(backend, layers(layer), (model) => optimizers.sgd(model))
      .init({ table: part } as JaxParams);
  const zeros = () => np.zeros([3, 2]);
  await assert.rejects(start({ kind: "embedding" }, { w: zeros(), b: np.zeros([2]) }), OptionError);
  await assert.rejects(start({ kind: "scaleShift" }, { w: zeros() }), /w with 1 dimensions/);
  await assert.rejects(
    start({ kind: "dense", positions: 0 }, { w: zeros() }),
    /'layers.table.positions' must be/,
  );
  await assert.rejects(
    start({ kind: "embeding" } as unknown as JaxLayer, { w: zeros() }),
    /did you mean 'embedding'/,
  );
  const differentiate = (layer: JaxLayer, x: JaxArray) => () =>
    captured(
      layers(layer),
      ({ table }: { table: { w: JaxArray } }, probe, x) =>
        np.mean(probe("table", x, np.tile(np.sum(table.w), [2, 1]))),
    )({ table: { w: zeros() } }, x);
  const tokens = () => np.array(Int32Array.from([0, 1]));
  assert.throws(
    differentiate({ kind: "embedding" }, np.zeros([2, 2])),
    /must be of integers; .*tied/,
  );
  assert.throws(differentiate({ kind: "dense" }, tokens()), /looked up in a table/);
  assert.equal(backend.memory().handles, 0);
});
