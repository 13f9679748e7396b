/**
 * Weights that another framework has trained.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";
import { checkChoice, checkKnownKeys } from "../core/options.ts";
import type { Parameter } from "../core/parameter.ts";
import { decodeSafetensors, type NamedArray } from "../core/safetensors.ts";
import { channelsOf, sizeOf } from "../nn/example_shape.ts";
import type { ExampleShape, Layer } from "../nn/module.ts";
import type { Sequential } from "../nn/sequential.ts";
import { allLayers } from "../nn/through_layers.ts";
import { toPublicOrder, toStoredOrder } from "../nn/weights.ts";
import { bytesOf, type ModelSource } from "./bytes.ts";
import { type ForeignLayer, type ForeignLayout, type Part, partsOf } from "./foreign_layouts.ts";

/** Arrays by their names. */
export type NamedArrays = Readonly<Record<string, NamedArray>>;

/** Options of {@linkcode importWeights}. */
export interface ImportOptions {
  /**
   * Whose habits the arrays follow. `"pytorch"`: `fc1.weight` [out, in] (of convolutions [out, in, height, width]),
   * `fc1.bias`, `running_mean`, `running_var`, `in_proj_weight`, features flattened channel by channel. `"tensorflow"`:
   * `fc1/kernel` [in, out] ([height, width, in, out]), `fc1/bias`, `gamma`, `beta`, `moving_mean`, `moving_variance`,
   * `embeddings`.
   */
  readonly layout: ForeignLayout;
  /**
   * What layers are called there: `{ dense1: "fc1", conv1: "features.0" }`. The projections of an attention layer are
   * `attention1` together, or `attention1.qkv` and `attention1.out` where they are linear layers. @default {as here}
   */
  readonly names?: Readonly<Record<string, string>>;
  /** Whether it is an error if something does not fit; else what fits is taken. @default {true} */
  readonly strict?: boolean;
}

/** What became of the arrays of a file. */
export interface ImportReport {
  /** For each layer that got numbers, the arrays they came from. */
  readonly loaded: Readonly<Record<string, readonly string[]>>;
  /** Arrays that layers would have taken, and that are not there. */
  readonly missing: readonly string[];
  /** Arrays of another shape than their layer's, and which shape was expected. */
  readonly misfits: readonly string[];
  /** Arrays that no layer takes. */
  readonly unused: readonly string[];
}

/** PyTorch counts the batches of its running moments, which nothing here needs. */
const NEEDLESS = /\.num_batches_tracked$/;

/**
 * Overwrites a model's weights and running moments with arrays of PyTorch or TensorFlow, by name, transposed where
 * their order is another.
 *
 * @param model Of the same layers; made by hand. Changed only when everything is in order, or not `strict`.
 * @param source A safetensors file, from wherever `loadModel` takes one, or arrays by name.
 * @returns What was taken, and what did not fit.
 * @throws {OptionError} When an option is unknown or wrong.
 * @throws {DataError} When the file cannot be read; and, if `strict`, when arrays are missing, left over, of another
 * shape, or hold numbers that are not finite. The message lists all of them.
 *
 * @example A linear layer of PyTorch
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { importWeights } from "@tekfac/tekfac/model";
 * import { dense, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [dense(1)], seed: 1 });
 * const arrays = {
 *   "fc.weight": { shape: [1, 2], data: Float32Array.of(3, 4) },
 *   "fc.bias": { shape: [1], data: Float32Array.of(5) },
 * };
 * const options = { layout: "pytorch", names: { dense1: "fc" } } as const;
 * const { loaded } = await importWeights(model, arrays, options);
 * assert.deepEqual(loaded, { dense1: ["fc.weight", "fc.bias"] });
 * assert.deepEqual([...await objective(model, squaredError()).predict([1, 1])], [12]);
 * ```
 */
export async function importWeights(
  model: Sequential,
  source: ModelSource | NamedArrays,
  options: ImportOptions,
): Promise<ImportReport> {
  const subject = "Cannot import weights";
  checkKnownKeys(subject, options, ["layout", "names", "strict"]);
  const { layout, names = {}, strict = true } = options;
  checkChoice(subject, "layout", layout, ["pytorch", "tensorflow"]);
  const arrays = isArrays(source) ? source : decodeSafetensors(await bytesOf(source)).arrays;
  const layers = foreignLayers(model, names, layout);
  checkKnownKeys(
    `${subject}: names`,
    names,
    layers.flatMap(({ layer, parent }) => [
      layer.name,
      ...parent === undefined ? [] : [parent],
    ]),
  );

  const loaded: Record<string, string[]> = {};
  const [missing, misfits]: string[][] = [[], []];
  const found: { readonly layer: Layer; readonly part: Part; readonly data: NamedArray["data"] }[] =
    [];
  for (const { layer, foreign } of layers) {
    for (const part of partsOf(layout, foreign)) {
      const array = Object.hasOwn(arrays, part.name) ? arrays[part.name] : undefined;
      if (array === undefined) {
        missing.push(part.name);
      } else if (array.shape.join() !== part.shape.join()) {
        const received = `[${array.shape.join(", ")}]`;
        misfits.push(
          `${part.name} for '${layer.name}': expected [${
            part.shape.join(", ")
          }], received ${received}`,
        );
      } else if (!array.data.every(Number.isFinite)) {
        misfits.push(`${part.name} for '${layer.name}': expected finite numbers`);
      } else {
        found.push({ layer, part, data: array.data });
        (loaded[layer.name] ??= []).push(part.name);
      }
    }
  }
  const wanted = new Set(
    layers.flatMap(({ foreign }) => partsOf(layout, foreign).map((p) => p.name)),
  );
  const unused = Object.keys(arrays).filter((name) => !wanted.has(name) && !NEEDLESS.test(name));
  const report: ImportReport = { loaded, missing, misfits, unused };
  if (strict) checkComplete(report);
  await write(model, found);
  return report;
}

/** Layers with parameters, and what they are to the other framework. */
function foreignLayers(
  model: Sequential,
  names: Readonly<Record<string, string>>,
  layout: ForeignLayout,
): {
  readonly layer: Layer;
  readonly parent: string | undefined;
  readonly foreign: ForeignLayer;
}[] {
  let input: ExampleShape = model.input;
  let feature: ForeignLayer["feature"];
  const seen = new Set<Parameter>();
  const visit = (layer: Layer): ReturnType<typeof foreignLayers> => {
    const inner = (layer.layers ?? []).flatMap(visit);
    const { name, parameter } = layer;
    // What several places share belongs to the first.
    if (parameter === undefined || seen.has(parameter)) return inner;
    seen.add(parameter);
    const [, parent, projection] = /^(.*)\.(qkv|out)$/.exec(name) ?? [];
    const module = names[name];
    const foreign: ForeignLayer = module === undefined && parent !== undefined
      ? { parameter, module: names[parent] ?? parent, projection: projection as "qkv" | "out" }
      : {
        parameter,
        module: module ?? name,
        feature,
        sequence: layer.output.length === 2,
        transposed: name.startsWith("convTranspose"),
      };
    return [...inner, { layer, parent, foreign }];
  };
  let convolved = false;
  return model.layers.flatMap((layer) => {
    if (allLayers([layer]).some(({ parameter }) => parameter?.layer.kind === "conv2d")) {
      convolved = true;
    }
    const isFlatten = layer.output.length === 1 && layer.parameter === undefined &&
      sizeOf(input) === sizeOf(layer.output);
    // Convolutions have channels first there, of images and of sequences; other sequences do not.
    if (
      isFlatten && layout === "pytorch" && (input.length === 3 || input.length === 2 && convolved)
    ) {
      feature = channelsFirst(input);
    }
    const found = visit(layer);
    // Behind a dense layer features have no order any more.
    if (layer.parameter?.layer.kind === "dense") feature = undefined;
    input = layer.output;
    return found;
  });
}

/** Place, with channels last, of the i-th number where they come first. */
function channelsFirst(shape: ExampleShape): (i: number) => number {
  const channels = channelsOf(shape);
  const places = sizeOf(shape) / channels;
  return (i) => i % places * channels + Math.floor(i / places);
}

function checkComplete({ missing, misfits, unused }: ImportReport): void {
  const problems = [
    ...misfits,
    ...missing.length === 0 ? [] : [`missing: ${missing.join(", ")}`],
    ...unused.length === 0 ? [] : [`left over: ${unused.join(", ")}`],
  ];
  if (problems.length === 0) return;
  throw new DataError(
    "weights",
    `they do not fit the model (say in 'names' what its layers are called, or strict: false): ` +
      problems.join("; "),
  );
}

/** Reads the matrices that get numbers, puts these in their places, and writes them back. */
async function write(
  { backend, state }: Sequential,
  found: readonly {
    readonly layer: Layer;
    readonly part: Part;
    readonly data: ArrayLike<number>;
  }[],
): Promise<void> {
  const before = await backend.reading(() =>
    Promise.all(found.map(async ({ layer, part: { target } }) => {
      const matrix = target === "weights"
        ? layer.parameter!.value
        : state[`${layer.name}.${target}`];
      return { matrix, stored: await backend.read(matrix) };
    }))
  );
  const numbers = new Map(before.map(({ matrix, stored }, i) => {
    const { layer, part } = found[i];
    const isWeights = part.target === "weights";
    const data = isWeights
      ? toPublicOrder(layer.parameter!.layer, stored)
      : Float64Array.from(stored);
    return [matrix, { data, isWeights, layer }];
  }));
  found.forEach(({ part, data }, i) => {
    const target = numbers.get(before[i].matrix)!.data;
    for (let k = 0; k < data.length; k++) target[part.at(k)] = data[k];
  });
  for (const [matrix, { data, isWeights, layer }] of numbers) {
    backend.write(matrix, isWeights ? toStoredOrder(layer.parameter!.layer, data) : data);
  }
}

function isArrays(source: ModelSource | NamedArrays): source is NamedArrays {
  if (typeof source !== "object" || source === null) return false;
  return [Object.prototype, null].includes(Object.getPrototypeOf(source));
}
