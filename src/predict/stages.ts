/**
 * Layers that predict, from their descriptions.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";
import type { NamedArray } from "../core/safetensors.ts";
import { isRecord } from "../core/schema.ts";
import { softmax } from "../linalg/losses.ts";
import { averagePool, maxPool } from "../linalg/pool.ts";
import type { ExampleShape } from "../nn/module.ts";
import { attentionStage, dense, embedding, lora, tiedHead } from "./affine.ts";
import { convolution, convolution1d, transposedConvolution } from "./convolutions.ts";
import {
  batchNormStage,
  concatenate,
  elementwise,
  flatten,
  groupNormStage,
  identity,
  lastPosition,
  meanOfAll,
  pool,
  residual,
  rowNormStage,
} from "./plain.ts";
import type { Site, Stage, StageMaker } from "./stage.ts";

const MAKERS: Readonly<Record<string, StageMaker>> = {
  attention: attentionStage,
  averagePool: pool(averagePool),
  batchNorm: batchNormStage,
  concatenate,
  conv: convolution,
  conv1d: convolution1d,
  convTranspose: transposedConvolution,
  dense,
  dropout: identity,
  embedding,
  flatten,
  gelu: (site) => elementwise(site.options.form === "tanh" ? "geluTanh" : "gelu")(site),
  globalAveragePool: meanOfAll,
  groupNorm: groupNormStage,
  lastPosition,
  layerNorm: rowNormStage("layer"),
  lora,
  maxPool: pool(maxPool),
  meanPositions: meanOfAll,
  relu: elementwise("relu"),
  residual,
  rmsNorm: rowNormStage("rms"),
  sigmoid: elementwise("sigmoid"),
  silu: elementwise("silu"),
  softmax: ({ input }) => ({ output: input, run: softmax }),
  softplus: elementwise("softplus"),
  tanh: elementwise("tanh"),
  tiedHead,
};

/**
 * Makes the layers of a file.
 *
 * @param descriptions As `architectureOf` describes them.
 * @param input Shape of an example.
 * @throws {DataError} When a layer is of no kind that is known here, or its weights are missing.
 */
export function stagesOf(
  descriptions: unknown,
  input: ExampleShape,
  arrays: Readonly<Record<string, NamedArray>>,
): Stage[] {
  const counts: Record<string, number> = {};
  const repeated = new Map<
    unknown,
    { readonly name: string; readonly from: string; stage: Stage }
  >();
  const count = (kind: string): string => `${kind}${counts[kind] = (counts[kind] ?? 0) + 1}`;
  const make = (descriptions: unknown, input: ExampleShape): Stage[] => {
    if (!Array.isArray(descriptions) || descriptions.length === 0) {
      throw new DataError("model", "expected a list of layers");
    }
    const stages: Stage[] = [];
    for (const description of descriptions) {
      const { kind, options, id } = isRecord(description)
        ? description
        : {} as Record<string, unknown>;
      const from = stages.at(-1)?.output ?? input;
      const again = kind === "again" && isRecord(options) ? repeated.get(options["id"]) : undefined;
      if (again?.from === `${from}`) {
        stages.push(again.stage);
        continue;
      }
      if (typeof kind !== "string" || !Object.hasOwn(MAKERS, kind) || !isRecord(options)) {
        throw new DataError("model", `its layer '${kind}' is of no kind that this version can run`);
      }
      const site: Site = {
        ...{ name: count(kind), input: from, options, arrays, count },
        inner: (body) => make(body, from),
        nameOf: (id) => repeated.get(id)?.name,
      };
      const stage = MAKERS[kind](site);
      if (id !== undefined) repeated.set(id, { name: site.name, from: `${from}`, stage });
      stages.push(stage);
    }
    return stages;
  };
  return make(descriptions, input);
}
