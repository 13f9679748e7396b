/**
 * Which examples taught a model this: influence functions.
 *
 * @module
 */

import { flag, maybe, number, optional, resolve } from "../core/schema.ts";
import type { Curvature } from "./curvature.ts";
import { microBatchRule } from "./curvature_of.ts";
import { rankRule } from "./curvature_options.ts";
import { type InverseDamping, inverseDampingRule } from "./damping.ts";
import { writePreconditioned } from "./preconditioned_queries.ts";
import { Directions, sizeFor } from "./directions.ts";
import { captureOf, examplesOf } from "./example_gradient.ts";
import { countOf, type ExampleSource, type SourceBatch, streamOf } from "./example_source.ts";
import type { LayerCurvature } from "./layer_curvature.ts";
import { layersRule } from "./names.ts";
import { type Influence, ScoreSheet } from "./score_sheet.ts";
import { Work, type WorkOptions } from "./work.ts";

const SUBJECT = "Cannot compute influence";

/** Numbers that all directions of one pass over the training examples may take: 128 MB of float32. */
const DIRECTION_NUMBERS = 2 ** 25;

/** Options of {@linkcode influence}. */
export interface InfluenceOptions<B> extends WorkOptions {
  /** The examples that may have taught. */
  readonly train: ExampleSource<B>;
  /** The examples whose losses are asked about. */
  readonly queries: ExampleSource<B>;
  /** What is added to eigenvalues; a number alone is lambda. @default {the curvature's own} */
  readonly damping?: InverseDamping | number;
  /** Layers that count, by name. @default {all} */
  readonly layers?: readonly string[];
  /**
   * Singular vectors that are kept of each query's preconditioned gradient, where that saves work, or `"full"`: scores
   * of wide layers then take `rank (dOut + dIn')` products in the place of `dOut dIn'`. @default {64}
   */
  readonly queryRank?: number | "full";
  /** Most helpful and most harmful examples that are named for each query, >= 0. @default {10} */
  readonly top?: number;
  /** Whether all scores are kept, [queries, examples]. @default {false} */
  readonly scores?: boolean;
  /** Whether all scores of each layer are kept. @default {false} */
  readonly perLayer?: boolean;
}

/** What the options take. */
const schema = {
  damping: maybe(inverseDampingRule),
  layers: layersRule,
  queryRank: optional(rankRule, 64),
  top: optional(number({ min: 0, integer: true }), 10),
  scores: optional(flag, false),
  perLayer: optional(flag, false),
};

/**
 * Influence of training examples on the losses of queries (Koh & Liang 2017, arXiv 1703.04730; with EKFAC Grosse et
 * al. 2023, arXiv 2308.03296):
 *
 * ```text
 * score_qi = -sum_l g_ql^T (F_l + lambda_l)^-1 g_il
 * ```
 *
 * g being the gradient of an example's own loss, l the layers: how the loss of query q would begin to change if
 * training example i counted more in the mean loss. Examples that help have negative scores; without example i, the
 * loss of q would change by about `-score_qi / N`.
 *
 * Limitations: it is a derivative at the model as it is, for a model near a minimum of the mean loss, with the
 * curvature's approximations. Rankings are worth more than sizes.
 *
 * Gradients of training examples are never formed: every score is a derivative along the query's preconditioned
 * gradient (docs/MATH.md, section 8). Training examples are streamed, once per so many queries as fit 128 MB.
 *
 * @param curvature Of the model, at the weights that it has now.
 * @param options What is asked.
 * @returns Plain data.
 * @throws {OptionError} When an option is unknown or out of range, or lambda is zero in a singular layer.
 * @throws {StateError} When the model has other weights than the curvature was fitted at.
 * @throws {ShapeError | DataError} When examples do not fit the model, or there are none.
 * @throws The reason of the signal, when it is aborted.
 *
 * @example A wrong label does harm
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 * import { curvatureOf, influence } from "@tekfac/tekfac/analysis";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
 * backend.write(model.parameters[0].value, [1, 0]); // y = x
 * const train = { inputs: [-1, 0, 1, 2], targets: [-1, 0.1, 1.1, -5] };
 * const goal = objective(model, squaredError());
 * using curvature = await curvatureOf(goal, train);
 * const queries = { inputs: [1.5], targets: [2] }; // the line should be steeper
 * const { harmful: [[worst]] } = await influence(curvature, { train, queries, top: 1 });
 * assert.equal(worst.example, 3);
 * ```
 */
export async function influence<B>(
  curvature: Curvature<B>,
  options: InfluenceOptions<B>,
): Promise<Influence> {
  const { train, queries, signal, onProgress, microBatch, ...chosen } = options;
  const { damping, layers: names, queryRank, ...kept } = resolve(SUBJECT, chosen, schema);
  const size = microBatchRule(SUBJECT, microBatch);
  const work = new Work({ signal, onProgress });
  const { objective } = curvature;
  const layers = curvature.layersOf(SUBJECT, names);
  for (const layer of layers) layer.lambda(damping);
  const [count, examples] = [countOf(objective, queries, size), countOf(objective, train, size)];
  await curvature.checkModel(SUBJECT);
  const sheet = new ScoreSheet({
    queries: count,
    examples,
    top: kept.top,
    scores: kept.scores,
    layers: kept.perLayer ? layers.map(({ name }) => name) : [],
  });
  const group = Math.min(
    count,
    Math.max(1, Math.floor(DIRECTION_NUMBERS / sizeOf(layers, queryRank))),
  );
  for (let from = 0; from < count; from += group) {
    const to = Math.min(from + group, count);
    const directions: Directions[] = [];
    try {
      for (const layer of layers) {
        directions.push(new Directions(objective.backend, layer, to - from, queryRank));
      }
      const targets = { curvature, layers, directions, damping };
      for (const batch of streamOf(objective, queries, size)) {
        if (batch.first >= to || batch.first + batch.examples <= from) continue;
        fill(targets, batch, from, to);
        await work.advance("queries", Math.min(batch.first + batch.examples, to), count);
      }
      for (const { batch, first, examples: width } of streamOf(objective, train, size)) {
        const [total, ...parts] = await scoresOf(targets, batch, to - from, kept.perLayer);
        sheet.add({ query: from, example: first, width }, total, parts);
        const done = (from * examples + (to - from) * (first + width)) / count;
        await work.advance("scores", Math.round(done), examples);
      }
    } finally {
      for (const direction of directions) direction[Symbol.dispose]();
    }
  }
  return sheet.result();
}

interface Targets<B> {
  readonly curvature: Curvature<B>;
  readonly layers: readonly LayerCurvature[];
  /** One per layer. */
  readonly directions: readonly Directions[];
  readonly damping: InverseDamping | undefined;
}

/** Sets the directions of the queries `from` to `to` to their preconditioned gradients, those of a batch. */
function fill<B>(
  { curvature: { objective }, layers, directions, damping }: Targets<B>,
  { batch, examples, first }: SourceBatch<B>,
  from: number,
  to: number,
): void {
  const { backend } = objective;
  const [begin, end] = [Math.max(0, from - first), Math.min(examples, to - first)];
  backend.scope(() => {
    objective.differentiate(batch, undefined, "prediction");
    layers.forEach((layer, l) => {
      const capture = captureOf(SUBJECT, objective, layer.parameter);
      writePreconditioned(layer, examplesOf(capture, begin, end), damping, {
        directions: directions[l],
        first: first + begin - from,
      });
    });
  });
}

/** Scores of a batch's examples, [queries, examples]: of all layers, and of each where that is asked for. */
function scoresOf<B>(
  { curvature: { objective }, layers, directions }: Targets<B>,
  batch: B,
  queries: number,
  perLayer: boolean,
): Promise<ArrayLike<number>[]> {
  const { backend } = objective;
  return backend.reading(() =>
    backend.scope(() => {
      const examples = objective.differentiate(batch, undefined, "prediction").cols;
      const parts = layers.map(({ parameter }, l) => {
        const out = backend.scratch(queries, examples);
        directions[l].derivatives(out, captureOf(SUBJECT, objective, parameter));
        backend.axpby(out, -1, out, 0);
        return out;
      });
      const total = backend.scratch(queries, examples);
      parts.forEach((part, l) => backend.axpby(total, 1, part, l === 0 ? 0 : 1));
      return Promise.all([total, ...perLayer ? parts : []].map((m) => backend.read(m)));
    })
  );
}

/** Numbers that a direction takes in all layers. */
function sizeOf(layers: readonly LayerCurvature[], rank: number | "full"): number {
  return layers.reduce((sum, { parameter: { layer, value } }) => {
    return sum + sizeFor(layer, value.rows, value.cols, rank);
  }, 0);
}
