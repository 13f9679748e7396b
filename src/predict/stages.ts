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
  const count = (kind: string): string => `${kind}${counts[kind] = (counts[kind] ?? 0) + 1}`;
  /** Layers that come again, by their numbers. */
  const known = new Map<unknown, { readonly name: string; readonly description: Description }>();
  const knownAs = ({ options }: Description) => {
    const found = known.get(options["id"]);
    if (found !== undefined) return found;
    throw new DataError("model", "a layer of it comes again that has not been before");
  };
  const make = (descriptions: unknown, input: ExampleShape): Stage[] => {
    if (!Array.isArray(descriptions) || descriptions.length === 0) {
      throw new DataError("model", "expected a list of layers");
    }
    const stages: Stage[] = [];
    for (const item of descriptions) {
      const given = descriptionOf(item);
      const again = given.kind === "again" ? knownAs(given) : undefined;
      const { kind, options, id } = again?.description ?? given;
      const name = again?.name ?? known.get(id)?.name ?? count(kind);
      if (again === undefined && id !== undefined) known.set(id, { name, description: given });
      if (!Object.hasOwn(MAKERS, kind)) {
        throw new DataError("model", `its layer '${kind}' is of no kind that this version can run`);
      }
      const from = stages.at(-1)?.output ?? input;
      const site: Site = {
        ...{ name, input: from, options, arrays, count },
        inner: (body) => make(body, from),
        nameOf: (description) => knownAs(descriptionOf(description)).name,
      };
      stages.push(MAKERS[kind](site));
    }
    return stages;
  };
  return make(descriptions, input);
}

interface Description {
  readonly kind: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly id?: unknown;
}

function descriptionOf(item: unknown): Description {
  if (isRecord(item) && typeof item["kind"] === "string" && isRecord(item["options"])) {
    return item as unknown as Description;
  }
  throw new DataError("model", "expected layers with a kind and options");
}
