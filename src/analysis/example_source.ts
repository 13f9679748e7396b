/**
 * Where examples come from: a batch of any size, several batches, or a data set.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";
import { isRecord } from "../core/schema.ts";
import { batches } from "../data/batches.ts";
import type { Dataset } from "../data/dataset.ts";
import { type BatchLike, splitBatch } from "../nn/batch.ts";
import { sizeOf } from "../nn/example_shape.ts";
import { ModelObjective } from "../nn/model_objective.ts";
import type { Objective } from "../optim/objective.ts";

/**
 * Examples with their targets: one batch, which models of this library take in parts, several, or a data set, in its
 * stored order. Example i is the i-th in this order.
 *
 * @typeParam B What a batch of the model is.
 */
export type ExampleSource<B> = B | readonly B[] | Dataset;

/** Some examples of a source. */
export interface SourceBatch<B> {
  /** As the model takes them. Valid until the next one is asked for. */
  readonly batch: B;
  /** How many. */
  readonly examples: number;
  /** Number of the first one, counted from 0. */
  readonly first: number;
}

/**
 * Streams through examples, `size` at a time where they come in one piece.
 *
 * @throws {ShapeError | DataError} When a batch does not fit the model, or there is no example.
 */
export function* streamOf<B>(
  objective: Objective<B>,
  source: ExampleSource<B>,
  size: number,
): Generator<SourceBatch<B>, void, undefined> {
  let first = 0;
  for (const batch of batchesOf(objective, source, size)) {
    const examples = objective.examplesOf(batch);
    yield { batch, examples, first };
    first += examples;
  }
  if (first === 0) throw new DataError("examples", "expected at least one example, received none");
}

/** Number of examples; checks all of them. */
export function countOf<B>(
  objective: Objective<B>,
  source: ExampleSource<B>,
  size: number,
): number {
  let count = 0;
  for (const { examples } of streamOf(objective, source, size)) count += examples;
  return count;
}

function batchesOf<B>(
  objective: Objective<B>,
  source: ExampleSource<B>,
  size: number,
): Iterable<B> {
  if (Array.isArray(source)) return source;
  if (isDataset(source)) return batches(source, { size }) as Iterable<B>;
  return objective instanceof ModelObjective && isRecord(source)
    ? parts(objective, source as unknown as BatchLike, size) as Iterable<B>
    : [source as B];
}

function isDataset(source: unknown): source is Dataset {
  return isRecord(source) && "shape" in source && "inputs" in source && "source" in source;
}

/** A batch in parts. A size that does not fit is left to the model, which says what it expects. */
function parts(
  { model }: ModelObjective,
  batch: BatchLike,
  size: number,
): Iterable<BatchLike> {
  const inputs = sizeOf(model.input);
  const examples = (batch.inputs?.length ?? 0) / inputs;
  const targets = (batch.targets?.length ?? 0) / examples;
  const fits = Number.isInteger(examples) && examples > 0 && Number.isInteger(targets);
  return fits ? splitBatch(batch, { inputs, targets }, size) : [batch];
}
