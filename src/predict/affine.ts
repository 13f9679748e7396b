/**
 * Layers with a matrix of weights.
 *
 * @module
 */

import { attention } from "../linalg/attention.ts";
import { type DenseMatrix, denseMatrix, transposed } from "../linalg/dense_matrix.ts";
import { gemm } from "../linalg/gemm.ts";
import { rotaryTurns, rotatePairs } from "../linalg/rotate_pairs.ts";
import { gatherRows } from "../linalg/table_rows.ts";
import type { ExampleShape } from "../nn/module.ts";
import { expect, type Site, type Stage, take } from "./stage.ts";

/** `x W^T + b` for every row. */
export function dense(site: Site): Stage {
  const { outFeatures, bias } = site.options;
  return affine(site, site.name, site.input, outFeatures, bias);
}

function affine(
  site: Site,
  name: string,
  input: ExampleShape,
  outputs: number,
  bias: boolean,
): Stage {
  expect(input.length < 3, site, "rows of features or sequences");
  const inputs = input[input.length - 1]!;
  const weights = take(site, `${name}.weights`, outputs, inputs + +bias);
  const kernel = denseMatrix(inputs, outputs);
  const offset = new Float64Array(outputs);
  const columns = transposed(weights).data;
  kernel.data.set(columns.subarray(0, kernel.data.length));
  offset.set(columns.subarray(kernel.data.length));
  return {
    output: input.length === 1 ? [outputs] : [input[0], outputs],
    run(x) {
      const out = gemm(x, kernel);
      if (bias) out.data.forEach((y, i) => out.data[i] = y + offset[i % outputs]);
      return out;
    },
  };
}

/** A dense layer without a bias whose weights are the table of an embedding. */
export function tiedHead(site: Site): Stage {
  const name = site.nameOf(site.options.tokens);
  const rows = site.arrays[`${name}.weights`]?.shape[0] ?? 0;
  return affine(site, name, site.input, rows, false);
}

/** A dense layer and a correction of low rank. */
export function lora(site: Site): Stage {
  const { outFeatures, bias, rank, alpha } = site.options;
  const { name, input } = site;
  const base = affine(site, `${name}.base`, input, outFeatures, bias);
  const a = affine(site, `${name}.a`, input, rank, false);
  const b = affine(site, `${name}.b`, a.output, outFeatures, false);
  return {
    output: base.output,
    run(x) {
      const out = base.run(x);
      b.run(a.run(x)).data.forEach((y, i) => out.data[i] += alpha / rank * y);
      return out;
    },
  };
}

/** Attention between its two projections. */
export function attentionStage(site: Site): Stage {
  const { heads, causal, bias, rotary } = site.options;
  const { name, input } = site;
  expect(input.length === 2, site, "sequences");
  const [positions, channels] = input as readonly [number, number];
  expect(channels % heads === 0, site, `channels that ${heads} heads divide evenly`);
  const project = affine(site, `${name}.qkv`, input, 3 * channels, bias);
  const collect = affine(site, `${name}.out`, input, channels, bias);
  const shape = { positions, heads, causal };
  const turns = rotary ? rotaryTurns(positions, channels / heads) : undefined;
  return {
    output: input,
    run(x) {
      const qkv = project.run(x);
      const turned = turns === undefined ? qkv : rotatePairs(qkv, turns, 2 * channels);
      return collect.run(attention(turned, shape));
    },
  };
}

/** Rows of a table, and of one for positions. */
export function embedding(site: Site): Stage {
  const { vocabulary, width, positions, padding } = site.options;
  expect(padding === undefined, site, "loadModel() for sequences with padding");
  expect(site.input.length === 1, site, "sequences of tokens");
  const [length] = site.input;
  const table = take(site, `${site.name}.weights`, vocabulary, width);
  let places: DenseMatrix | undefined;
  if (positions !== undefined) {
    expect(length <= positions, site, `at most ${positions} positions`);
    places = take(site, `${site.count("position")}.weights`, positions, width);
  }
  return {
    output: [length, width],
    run(x) {
      x.data.forEach((token) =>
        expect(Number.isInteger(token) && token >= 0 && token < vocabulary, site, "tokens")
      );
      const out = gatherRows(table, x);
      if (places !== undefined) {
        out.data.forEach((y, i) => out.data[i] = y + places.data[i % (length * width)]);
      }
      return out;
    },
  };
}
