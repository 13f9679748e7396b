/**
 * A model of jax-js as this library sees it: matrices on a backend, and batches of plain numbers.
 *
 * @module
 */

import type { Backend } from "../../backend/backend.ts";
import { sequenceVerbs } from "../../backend/wasm/sequences/extension.ts";
import type { ExternalBatch } from "../../optim/external_batch.ts";
import type { ExternalUse } from "../../optim/external_capture.ts";
import { type ExternalModel, externalModel } from "../../optim/external_model.ts";
import type { JaxObservation, JaxUse } from "./captures.ts";
import { type JaxLayers, type Site, sitesOf } from "./layers.ts";
import { toMatrix } from "./matrices.ts";
import { arraysOf, type JaxArray, type JaxParams } from "./tree.ts";

/** The model of parameters, its weights still zero, and where each matrix is in them; the caller disposes it. */
export function modelFor(
  backend: Backend,
  layers: JaxLayers,
  params: JaxParams,
): { readonly sites: readonly Site[]; readonly model: ExternalModel } {
  const sites = sitesOf(params, layers);
  if (Object.values(layers).some(({ kind }) => kind === "embedding")) {
    backend.extend(sequenceVerbs);
  }
  return { sites, model: externalModel(backend, sites.map(({ parameter }) => parameter)) };
}

/** What a batch left, on the host. Consumes its arrays. */
export async function batchOf(
  sites: readonly Site[],
  gradients: JaxParams,
  { examples, loss, captures }: JaxObservation,
): Promise<ExternalBatch> {
  const observed = Object.entries(captures).map(async ([name, uses]) =>
    [name, await Promise.all(uses.map(readUse))] as const
  );
  return {
    examples,
    loss: Number((await loss.data())[0]),
    captures: Object.fromEntries(await Promise.all(observed)),
    gradients: await matricesOf(sites, gradients),
  };
}

/** A use on the host. Consumes its arrays. */
async function readUse(use: JaxUse): Promise<ExternalUse> {
  if ("gradients" in use) return { gradients: await numbersOf(use.gradients) };
  if ("tokens" in use) {
    const outputGradients = numbersOf(use.outputGradients);
    return { tokens: await numbersOf(use.tokens), outputGradients: await outputGradients };
  }
  const outputGradients = numbersOf(use.outputGradients);
  const inputs = await numbersOf(use.inputs);
  const { positions } = use;
  return {
    inputs,
    outputGradients: await outputGradients,
    ...(positions === undefined ? {} : { positions }),
  };
}

async function numbersOf(array: JaxArray): Promise<ArrayLike<number>> {
  return await array.data() as ArrayLike<number>;
}

/** Numbers of a tree, one matrix per site. Consumes its arrays. */
export async function matricesOf(
  sites: readonly Site[],
  params: JaxParams,
): Promise<Record<string, Float64Array>> {
  const arrays = arraysOf(params);
  const pairs = sites.map(async (site) => {
    const numbers = await Promise.all(site.paths.map((path) => arrays.get(path)!.data()));
    return [site.parameter.name, toMatrix(site, numbers as Float32Array[])] as const;
  });
  return Object.fromEntries(await Promise.all(pairs));
}
