/**
 * How much each example has to say for itself.
 *
 * @module
 */

import { maybe, resolve } from "../core/schema.ts";
import type { Curvature } from "./curvature.ts";
import { microBatchRule } from "./curvature_of.ts";
import { type InverseDamping, inverseDampingRule } from "./damping.ts";
import { countOf, type ExampleSource, streamOf } from "./example_source.ts";
import { layersRule } from "./names.ts";
import { captureOf } from "./example_gradient.ts";
import { quadraticForms } from "./whitening.ts";
import { Work, type WorkOptions } from "./work.ts";

const SUBJECT = "Cannot compute self-influence";

/** Options of {@linkcode selfInfluence}. */
export interface SelfInfluenceOptions<B> extends WorkOptions {
  /** The examples. */
  readonly train: ExampleSource<B>;
  /** What is added to eigenvalues; a number alone is lambda. @default {the curvature's own} */
  readonly damping?: InverseDamping | number;
  /** Layers that count, by name. @default {all} */
  readonly layers?: readonly string[];
}

const schema = {
  damping: maybe(inverseDampingRule),
  layers: layersRule,
};

/**
 * `s_i = sum_l g_il^T (F_l + lambda_l)^-1 g_il` for every example: minus its influence on its own loss. Large where a
 * model had to learn an example by heart: wrong labels and rare cases come first (Koh & Liang 2017, section 5.4).
 *
 * A dense layer costs two rotations and one product for all examples at a time, of low rank with its few directions; a
 * layer with several locations two rotations, and what its gradients take anyway. Convolutions of low rank take one
 * example's gradient at a time.
 *
 * @param curvature Of the model, at the weights that it has now.
 * @param options The examples.
 * @returns One number >= 0 per example, in the order of the source.
 * @throws {OptionError} When an option is unknown or out of range, or lambda is zero in a singular layer.
 * @throws {StateError} When the model has other weights than the curvature was fitted at.
 * @throws {ShapeError | DataError} When examples do not fit the model, or there are none.
 * @throws The reason of the signal, when it is aborted.
 *
 * @example The example that does not fit
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 * import { curvatureOf, selfInfluence } from "@tekfac/tekfac/analysis";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
 * backend.write(model.parameters[0].value, [1, 0]); // y = x
 * const train = { inputs: [-1, 0, 1, 2], targets: [-1, 0.1, 1.1, -5] };
 * using curvature = await curvatureOf(objective(model, squaredError()), train);
 * const own = await selfInfluence(curvature, { train });
 * assert.equal(own.indexOf(Math.max(...own)), 3);
 * ```
 */
export async function selfInfluence<B>(
  curvature: Curvature<B>,
  options: SelfInfluenceOptions<B>,
): Promise<Float64Array> {
  const { train, signal, onProgress, microBatch, ...chosen } = options;
  const { damping, layers: names } = resolve(SUBJECT, chosen, schema);
  const size = microBatchRule(SUBJECT, microBatch);
  const work = new Work({ signal, onProgress });
  const { objective, backend } = curvature;
  const layers = curvature.layersOf(SUBJECT, names);
  const lambdas = layers.map((layer) => layer.lambda(damping));
  const out = new Float64Array(countOf(objective, train, size));
  await curvature.checkModel(SUBJECT);
  for (const { batch, examples, first } of streamOf(objective, train, size)) {
    const numbers = await backend.reading(() =>
      backend.scope(() => {
        objective.differentiate(batch, undefined, "prediction");
        const total = backend.scratch(1, examples);
        layers.forEach(({ block, parameter }, l) => {
          const part = quadraticForms(
            backend,
            block,
            captureOf(SUBJECT, objective, parameter),
            lambdas[l],
          );
          backend.axpby(total, 1, part, l === 0 ? 0 : 1);
        });
        return backend.read(total);
      })
    );
    out.set(numbers, first);
    await work.advance("scores", first + examples, out.length);
  }
  return out;
}
