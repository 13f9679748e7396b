/**
 * Fits the curvature of a model to examples, in one streaming pass for bases and one for eigenvalues.
 *
 * @module
 */

import { atLayer } from "../core/at_layer.ts";
import type { Capture } from "../core/capture.ts";
import { NumericalError, StateError } from "../core/errors.ts";
import { isTrainable, leavesCaptures, type Parameter } from "../core/parameter.ts";
import { Random } from "../core/random.ts";
import { number, optional, resolve } from "../core/schema.ts";
import type { Block } from "../curvature/blocks/block.ts";
import type { Observation } from "../curvature/moving_average.ts";
import { Refresher } from "../curvature/refresher.ts";
import { hasFailed } from "../curvature/renewal.ts";
import { checkObjective, type Objective } from "../optim/objective.ts";
import { Curvature } from "./curvature.ts";
import {
  blockFor,
  type CurvatureOptions,
  type CurvatureSettings,
  resolveSettings,
} from "./curvature_options.ts";
import { captureOf } from "./example_gradient.ts";
import { countOf, type ExampleSource, streamOf } from "./example_source.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { Work, type WorkOptions } from "./work.ts";

const SUBJECT = "Cannot fit a curvature";

/**
 * The curvature of a model's mean loss over examples, at its weights as they are: `F = E[vec G_n vec G_n^T]`, one
 * block per layer (docs/MATH.md, sections 1 and 2). Examples are streamed twice, for the bases and, in them, for the
 * eigenvalues, and once before to check them; KFAC, TKFAC and diagonals take one pass. Only one micro-batch's
 * captures are alive at a time. The model is the one that predicts: nothing is dropped, running moments are used.
 *
 * Limitations: what couples layers is dropped. Parameters whose layers leave no captures are left out, and named in
 * `facts.leftOut`. Gradients of scales and shifts of a batch normalisation take its moments as constants.
 *
 * @typeParam B What a batch of the model is.
 * @param objective The model with its loss, as `objective(model, loss)`, `externalModel` and the adapters make it. Not
 * owned.
 * @param data The examples.
 * @param options Method, rank, Fisher and damping; progress and abortion.
 * @returns The curvature; the caller disposes it, before the model.
 * @throws {OptionError} When an option is unknown or out of range.
 * @throws {ShapeError | DataError} When the examples do not fit the model, or there are none.
 * @throws {StateError} When no layer leaves captures.
 * @throws {NumericalError} When a layer's factors cannot be decomposed.
 * @throws The reason of the signal, when it is aborted. In each case nothing stays allocated.
 *
 * @example Which layer bends most
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { glyphs } from "@tekfac/tekfac/data";
 * import { mlp, objective, sequential, softmaxCrossEntropy } from "@tekfac/tekfac/nn";
 * import { curvatureOf } from "@tekfac/tekfac/analysis";
 *
 * const { train } = glyphs({ train: 200, test: 1, seed: 1 });
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [28, 28, 1], layers: mlp({ hidden: [16] }), seed: 1 });
 * const goal = objective(model, softmaxCrossEntropy());
 * using curvature = await curvatureOf(goal, train, { method: "tekfac" });
 * assert.deepEqual(curvature.layers.map(({ name }) => name), ["dense1", "dense2"]);
 * assert(curvature.trace() > 0);
 * ```
 */
export async function curvatureOf<B>(
  objective: Objective<B>,
  data: ExampleSource<B>,
  options: CurvatureOptions & WorkOptions = {},
): Promise<Curvature<B>> {
  checkObjective(SUBJECT, objective);
  const { signal, onProgress, microBatch, ...chosen } = options;
  const settings = resolveSettings(SUBJECT, objective, chosen);
  const work = new Work({ signal, onProgress });
  const size = microBatchRule(SUBJECT, microBatch);
  const examples = countOf(objective, data, size);
  const fingerprint = await fingerprintOf(objective);
  const present = capturedParameters(objective, data, size);
  let loss = 0;
  const leftOut = objective.parameters.filter((p) => isTrainable(p) && !present.includes(p));
  const blocks: Block[] = [];
  try {
    for (const parameter of present) {
      blocks.push(atLayer(parameter.name, () => blockFor(objective, parameter, settings)));
    }
    const pass = async (phase: string, visit: Pass["visit"]): Promise<void> => {
      const how = { settings, examples, size, work, phase, visit };
      loss = await observe(objective, data, blocks, how) / examples;
    };
    if (blocks.some(({ observeStatistics }) => observeStatistics !== undefined)) {
      const among = (those: readonly Block[]) =>
        pass("bases", (block, capture, how) => {
          if (capture.kind === "elements" || !those.includes(block)) return;
          block.observeStatistics?.(capture, how);
        });
      await among(blocks);
      const found = objective.backend.scope(() =>
        blocks.filter((block) => block.findBasis?.(examples) ?? false)
      );
      // Some had only a random basis so far.
      if (found.length > 0) await among(found);
      await decompose(objective, blocks);
    }
    if (blocks.some(({ observeEigenvalues }) => observeEigenvalues !== undefined)) {
      await pass("eigenvalues", (block, capture, how) => block.observeEigenvalues?.(capture, how));
    }
    const names = leftOut.map(({ name }) => name);
    const facts = { examples, loss, settings, leftOut: names, fingerprint };
    return new Curvature(objective, blocks, await eigenvaluesOf(objective, blocks), facts);
  } catch (error) {
    for (const block of blocks) block[Symbol.dispose]();
    throw error;
  }
}

/** Examples at a time, checked. */
export function microBatchRule(subject: string, microBatch: number | undefined): number {
  const schema = { microBatch: optional(number({ min: 1, integer: true }), 256) };
  return resolve(subject, { microBatch }, schema).microBatch;
}

/** All eigenvalues of each block, on the host; what rounding leaves below zero is zero. */
export async function eigenvaluesOf<B>(
  { backend }: Objective<B>,
  blocks: readonly Block[],
): Promise<Float64Array[]> {
  const arrays: Float64Array[] = [];
  for (const block of blocks) {
    const numbers = await backend.reading(() =>
      backend.scope(() => backend.read(block.spectrum()))
    );
    arrays.push(Float64Array.from(numbers, (value) => Math.max(0, value)));
  }
  return arrays;
}

/** The parameters whose layers leave captures, found with one micro-batch. */
function capturedParameters<B>(
  objective: Objective<B>,
  data: ExampleSource<B>,
  size: number,
): readonly Parameter[] {
  const { backend, parameters } = objective;
  const [{ batch }] = streamOf(objective, data, size);
  const present = backend.scope(() => {
    objective.differentiate(batch, undefined, "prediction");
    return parameters.filter((p) => isTrainable(p) && objective.capture(p) !== undefined);
  });
  const missing = parameters.find((p) =>
    isTrainable(p) && leavesCaptures(p.layer) && !present.includes(p)
  );
  if (missing !== undefined) {
    throw new StateError(
      `${SUBJECT}: layer '${missing.name}' left no capture; hand its inputs and output gradients over ` +
        "with each batch, or freeze it",
    );
  }
  if (present.length > 0) return present;
  throw new StateError(
    `${SUBJECT}: no layer of the model leaves captures; it takes a dense layer, a convolution, an ` +
      "embedding or a normalisation that is not frozen",
  );
}

interface Pass {
  readonly settings: CurvatureSettings;
  readonly examples: number;
  readonly size: number;
  readonly work: Work;
  readonly phase: string;
  readonly visit: (block: Block, capture: Capture, how: Observation) => void;
}

/**
 * Streams through the examples once: every block sees every capture, with the same draws in every pass.
 *
 * @returns The sum of the examples' losses.
 */
async function observe<B>(
  objective: Objective<B>,
  data: ExampleSource<B>,
  blocks: readonly Block[],
  { settings: { fisher, draws, seed }, examples: total, size, work, phase, visit }: Pass,
): Promise<number> {
  const { backend } = objective;
  let loss = 0;
  const random = new Random(seed);
  const scale = 1 / (total * (fisher === "empirical" ? 1 : draws));
  let decay = 0;
  const visitAll = (): void => {
    for (const block of blocks) {
      const capture = captureOf(SUBJECT, objective, block.parameter);
      const how = { decay, scale };
      backend.scope(() => atLayer(block.parameter.name, () => visit(block, capture, how)));
    }
    decay = 1;
  };
  for (const { batch, examples, first } of streamOf(objective, data, size)) {
    const losses = await backend.reading(() =>
      backend.scope(() => {
        const losses = objective.differentiate(batch, undefined, "prediction");
        if (fisher === "empirical") visitAll();
        else {
          const from = fisher === "gaussNewton" ? "signs" : "targets";
          for (let draw = 0; draw < draws; draw++) {
            objective.differentiateSampled(random, { from, examples });
            visitAll();
          }
        }
        return backend.read(losses);
      })
    );
    for (const value of losses) loss += value;
    await work.advance(phase, first + examples, total);
  }
  return loss;
}

/** @throws {NumericalError} Where a factor cannot be decomposed. */
async function decompose<B>({ backend }: Objective<B>, blocks: readonly Block[]): Promise<void> {
  const refresher = new Refresher(backend, { kind: "immediate" }, 0);
  for (const { block, renewal } of refresher.refresh(0, blocks)) {
    if (renewal === undefined) continue;
    const status = await backend.read(renewal.status);
    if (!hasFailed(renewal.outcome(status))) continue;
    const layer = block.parameter.name;
    throw new NumericalError(
      `${SUBJECT}: the factors of layer '${layer}' could not be decomposed; are weights, inputs and ` +
        "losses finite, and inputs scaled to unit variance?",
      { layer, quantity: "basis", step: 0 },
    );
  }
}
