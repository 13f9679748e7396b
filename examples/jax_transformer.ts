/**
 * jax-js trains a small transformer with TEKFAC: tokens, positions, causal attention, normalisations, and a head that
 * shares the table of the tokens. Then it writes.
 *
 *     deno run -A examples/jax_transformer.ts
 *
 * @module
 */

import {
  type Array as JaxArray,
  defaultDevice,
  init,
  nn,
  numpy as np,
  tree,
} from "npm:@jax-js/jax@0.1.25";
import { cosine, createBackend, tekfac } from "@tekfac/tekfac";
import { Random } from "@tekfac/tekfac/core";
import { drawTokens, grammarText, splitText } from "@tekfac/tekfac/data";
import { applyUpdates, captured, type Probe, transformation } from "@tekfac/tekfac/jax";

await init("wasm");
defaultDevice("wasm");

const context = 24, size = 8, width = 24, heads = 2, steps = 200;
const { train, vocabulary } = splitText(grammarText({ characters: 20_000, seed: 1 }));
const tokenCount = vocabulary.characters.length;

const random = new Random(1);
const table = (rows: number, cols: number, deviation: number) =>
  np.array(Float32Array.from({ length: rows * cols }, () => deviation * random.normal()))
    .reshape([rows, cols]);
const dense = (dIn: number, dOut: number) => ({
  w: table(dIn, dOut, 1 / Math.sqrt(dIn)),
  b: np.zeros([dOut]),
});
const norm = () => ({ w: np.ones([width]), b: np.zeros([width]) });

let params = {
  tokens: { w: table(tokenCount, width, 0.1) },
  positions: { w: table(context, width, 0.1) },
  norm1: norm(),
  attention: { qkv: dense(width, 3 * width), out: dense(width, width) },
  norm2: norm(),
  wide: dense(width, 4 * width),
  narrow: dense(4 * width, width),
  norm3: norm(),
};
type Params = typeof params;

const positions = context;
const layers = {
  tokens: { kind: "embedding", tied: true },
  positions: { kind: "embedding" },
  norm1: { kind: "scaleShift" },
  "attention.qkv": { kind: "dense", positions },
  "attention.out": { kind: "dense", positions },
  norm2: { kind: "scaleShift" },
  wide: { kind: "dense", positions },
  narrow: { kind: "dense", positions },
  norm3: { kind: "scaleShift" },
} as const;

/** Logits [N, T, tokens] of what follows each of the tokens [N, T]. */
function logits(params: Params, probe: Probe, tokens: JaxArray): JaxArray {
  const [n, t] = tokens.shape;
  const lookUp = (name: "tokens" | "positions", at: JaxArray) =>
    probe(name, at.ref, np.take(params[name].w.ref, at, 0));
  const affine = (name: string, { w, b }: Params["wide"], x: JaxArray) =>
    probe(name, x.ref, np.dot(x, w.ref).add(b.ref));
  const normalised = (name: "norm1" | "norm2" | "norm3", x: JaxArray) => {
    const { w, b } = params[name];
    const normal = nn.standardize(x, -1);
    return probe(name, normal.ref, normal.mul(w.ref).add(b.ref));
  };
  const attend = (x: JaxArray) => {
    const [q, k, v] = np.split(x, 3, -1).map((part) => part.reshape([n, t, heads, -1]));
    return nn.dotProductAttention(q, k, v, { isCausal: true }).reshape([n, t, width]);
  };

  const places = np.tile(np.arange(t).astype(np.int32).reshape([1, t]), [n, 1]);
  let x = lookUp("tokens", tokens).add(lookUp("positions", places));
  const qkv = affine("attention.qkv", params.attention.qkv, normalised("norm1", x.ref));
  x = x.add(affine("attention.out", params.attention.out, attend(qkv)));
  const hidden = nn.gelu(affine("wide", params.wide, normalised("norm2", x.ref)));
  x = normalised("norm3", x.add(affine("narrow", params.narrow, hidden)));
  // The head's weights are the table again: probed under its name, it is one layer used twice.
  return probe("tokens", x.ref, np.dot(x, np.transpose(params.tokens.w.ref)));
}

const differentiate = captured(layers, (params: Params, probe, tokens, next) => {
  const logProbabilities = nn.logSoftmax(logits(params, probe, tokens));
  return np.mean(np.sum(logProbabilities.mul(nn.oneHot(next, tokenCount)), -1)).mul(-1);
});

using backend = await createBackend();
const optimizer = transformation(
  backend,
  layers,
  (model) => tekfac(model, { damping: { kind: "relative", tau: 0.1 }, annealing: cosine(steps) }),
);
let state = await optimizer.init(tree.ref(params));
console.log(state.optimizer.describe());

for (let step = 0; step < steps; step++) {
  const { inputs, targets } = drawTokens(train, { context, size, seed: 1, step });
  const [tokens, next] = [inputs, targets].map((numbers) =>
    np.array(Int32Array.from(numbers)).reshape([size, context])
  );
  const [gradients, seen] = differentiate(tree.ref(params), tokens, next);
  const [updates, after] = await optimizer.update(gradients, state, tree.ref(params), seen);
  params = applyUpdates(params, updates);
  state = after;
  if (step % 50 === 0 || step === steps - 1) {
    console.log(`step ${step}: ${state.report!.loss.toFixed(3)} nats per character`);
  }
}
state[Symbol.dispose]();

const pass: Probe = (_, x, z) => {
  x.dispose();
  return z;
};
const written = [...train.slice(0, context)];
for (let i = 0; i < 60; i++) {
  const last = np.array(Int32Array.from(written.slice(-context))).reshape([1, context]);
  const scores = await logits(params, pass, last).slice(0, -1).data();
  const weights = Array.from(scores, (score) => Math.exp(score / 0.7));
  let place = random.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
  written.push(Math.max(0, weights.findIndex((weight) => (place -= weight) < 0)));
}
console.log(JSON.stringify(vocabulary.decode(written)));
tree.dispose(params);
// The threads of jax-js would keep the program running.
Deno.exit();
