/**
 * How sure a trained model is: Laplace's approximation.
 *
 * @module
 */

import { StateError } from "../core/errors.ts";
import { resolve } from "../core/schema.ts";
import { joined as chained } from "../nn/batch.ts";
import { ModelObjective } from "../nn/model_objective.ts";
import type { Curvature } from "./curvature.ts";
import {
  type EvidenceFacts,
  type Hyperparameters,
  maximizeEvidence,
  type PriorGroup,
} from "./evidence.ts";
import { microBatchRule } from "./curvature_of.ts";
import { bestOnHeldOut } from "./held_out.ts";
import { CANDIDATES, checkNoise, type LaplaceOptions, laplaceSchema } from "./laplace_options.ts";
import { LaplacePosterior } from "./posterior.ts";
import { weightSpectrumOf } from "./weight_spectrum.ts";
import { Work } from "./work.ts";

/** Losses whose predictions are known to it. */
const LOSSES: readonly string[] = [
  ...["softmaxCrossEntropy", "sigmoidCrossEntropy"],
  ...["halfSumSquaredError", "meanSquaredError"],
];

const SUBJECT = "Cannot make a Laplace approximation";

/**
 * The weights as a normal distribution about what was trained,
 *
 * ```text
 * N(w, (N s F + delta I)^-1)
 * ```
 *
 * with the mean curvature F of N examples, layer by layer with corrected eigenvalues, the precision delta of the prior
 * and, for targets that are numbers, `s = v / sigma^2` from the noise and the variance v in the loss's own unit (MacKay
 * 1992; Ritter, Botev & Barber 2018; Daxberger et al. 2021, arXiv 2106.14806). Predictions go through the model's
 * linearisation in its weights, and are about what the model predicts anyway (docs/MATH.md, section 8).
 *
 * Limitations: for models of this library that give K numbers, not sequences. The weights are taken to be where the
 * likelihood is largest: training has come near to a minimum, without weight decay to speak of. One prior for scales and
 * weights alike. With fewer examples than weights the marginal likelihood finds too large a noise; hold some examples back
 * and take `{ kind: "validation", data }`.
 *
 * @param curvature Of the training examples, at the weights that the model has now. Is used, not owned: keep it as long
 * as the result.
 * @param options Which layers, and how the prior and the noise are found.
 * @returns What predicts; holds nothing that would have to be disposed.
 * @throws {OptionError} When an option is unknown, out of range, or does not fit the loss.
 * @throws {StateError} When the model is not one of this library, gives sequences, has another loss (cross-entropies and
 * squared errors will do), or other weights than the
 * curvature was fitted at.
 * @throws {ShapeError | DataError} When held-out examples do not fit.
 * @throws The reason of the signal, when it is aborted.
 *
 * @example A line through three points is surest in their middle
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 * import { curvatureOf, laplace } from "@tekfac/tekfac/analysis";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
 * backend.write(model.parameters[0].value, [1, 0]); // y = x
 * const data = { inputs: [-1, 0, 1], targets: [-1.1, 0.2, 0.9] };
 * using curvature = await curvatureOf(objective(model, squaredError()), data);
 * const posterior = await laplace(curvature, { priorPrecision: 1, noise: 0.1 });
 * const { outputs, deviations } = await posterior.predict([0, 3]);
 * assert.deepEqual([...outputs], [0, 3]);
 * assert(deviations![1] > deviations![0]);
 * ```
 */
export async function laplace<B>(
  curvature: Curvature<B>,
  options: LaplaceOptions = {},
): Promise<LaplacePosterior> {
  const { objective: goal } = curvature;
  if (!(goal instanceof ModelObjective) || goal.model.output.length !== 1) {
    throw new StateError(
      `${SUBJECT}: expected a model of this library that gives numbers [K], received ` +
        (goal instanceof ModelObjective ? `outputs [${goal.model.output.join(", ")}]` : "another"),
    );
  }
  const { signal, onProgress, microBatch, ...asked } = options;
  const { layers: chosen, priorPrecision, per, noise } = resolve(SUBJECT, asked, laplaceSchema);
  const size = microBatchRule(SUBJECT, microBatch);
  const work = new Work({ signal, onProgress });
  if (!LOSSES.includes(goal.loss.kind)) {
    throw new StateError(
      `${SUBJECT}: expected one of the losses ${LOSSES.join(", ")}, received ${goal.loss.kind}`,
    );
  }
  const facts = factsOf(goal, curvature.facts);
  checkNoise(SUBJECT, noise, facts.numbers !== undefined);
  await curvature.checkModel(SUBJECT);
  const layers = typeof chosen === "string"
    ? curvature.layers.slice(chosen === "last" ? -1 : 0)
    : curvature.layersOf(SUBJECT, chosen);
  const parts: PriorGroup[] = [];
  for (const layer of layers) {
    parts.push({ eigenvalues: layer.eigenvalues, weights: await weightSpectrumOf(layer) });
  }
  const groups = per === "layer" ? parts : [joined(parts)];
  const given = typeof priorPrecision === "number" ? priorPrecision : undefined;
  const found = maximizeEvidence(facts, groups, {
    precisions: groups.map(() => given ?? 1),
    noiseVariance: typeof noise === "number" ? noise ** 2 : startingNoise(facts),
  }, {
    precisions: given === undefined,
    noise: noise === undefined || noise === "marginalLikelihood",
  });
  const posterior = (hyperparameters: Hyperparameters): LaplacePosterior =>
    new LaplacePosterior(goal, { layers, facts, groups, hyperparameters, microBatch: size });
  if (typeof priorPrecision !== "object") return posterior(found);
  return await bestOnHeldOut(
    goal,
    { data: priorPrecision.data, microBatch: size, work },
    (priorPrecision.candidates ?? CANDIDATES).map((candidate) => (noiseVariance) =>
      posterior({ precisions: groups.map(() => candidate), noiseVariance })
    ),
    { variance: found.noiseVariance, free: noise === undefined && facts.numbers !== undefined },
  );
}

/** What the loss says of its targets. */
function factsOf(
  { loss, model }: ModelObjective,
  facts: { readonly examples: number; readonly loss: number },
): EvidenceFacts {
  const count = model.output[0];
  const numbers = loss.kind === "halfSumSquaredError"
    ? { count, variance: 1 }
    : loss.kind === "meanSquaredError"
    ? { count, variance: count / 2 }
    : undefined;
  return { examples: facts.examples, loss: facts.loss, numbers };
}

/** The variance of the residuals. */
function startingNoise({ loss, numbers }: EvidenceFacts): number {
  return numbers === undefined ? 1 : Math.max(2 * loss * numbers.variance / numbers.count, 1e-12);
}

/** One group of all. */
function joined(groups: readonly PriorGroup[]): PriorGroup {
  return {
    eigenvalues: chained(groups.map(({ eigenvalues }) => eigenvalues)),
    weights: {
      values: chained(groups.map(({ weights }) => weights.values)),
      squares: chained(groups.map(({ weights }) => weights.squares)),
    },
  };
}
