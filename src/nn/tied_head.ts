/**
 * Logits from the table of an embedding.
 *
 * @module
 */

import { OptionError, ShapeError } from "../core/errors.ts";
import { isRecord } from "../core/schema.ts";
import { denseLayer } from "./dense.ts";
import { channelsOf, expectNoImages } from "./example_shape.ts";
import type { OwnedParameter } from "./layer_parameter.ts";
import type { BuildContext, Layer, LayerSpec } from "./module.ts";
import { tiedCapture } from "../curvature/tied_capture.ts";

/**
 * A head whose weights are the table E of an embedding (Press & Wolf 2017, arXiv 1608.05859): `s = E a`, a logit for
 * every token. Takes [features] or, every position for itself, [positions, width], and gives as many outputs as the
 * table has tokens; no bias.
 *
 * The table stays one parameter, `embedding1` [vocabulary, width], with the gradient of both uses. For the curvature it
 * is a dense layer, whose locations are those of the head and the looked-up tokens: of the Kronecker factors, one is
 * vocabulary x vocabulary, as it is for a head that is not tied; optimizers of low rank keep a few of its directions.
 *
 * @param tokens The description of the embedding, which must stand before it in the model.
 * @throws {OptionError} When `tokens` is no embedding. When the model is built, `ShapeError` if it does not hold the
 * embedding, or if what comes in is not as wide as the table.
 *
 * @example One table, read in both directions
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { embedding, sequential, tiedHead } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * const tokens = embedding({ vocabulary: 7, width: 4 });
 * using model = sequential(backend, { input: [3], layers: [tokens, tiedHead(tokens)], seed: 1 });
 * assert.deepEqual(model.output, [3, 7]);
 * assert.equal(model.parameters.length, 1);
 * ```
 */
export function tiedHead(tokens: LayerSpec): LayerSpec {
  if (!isRecord(tokens) || tokens["kind"] !== "embedding") {
    const expectation = "must be the embedding(...) that stands in front of the model";
    throw new OptionError("Cannot create tiedHead", "tokens", expectation, tokens);
  }
  return {
    kind: "tiedHead",
    options: { tokens },
    build(context: BuildContext): Layer {
      const parameter = tableOf(context, tokens);
      const width = channelsOf(expectNoImages(context));
      if (width !== parameter.value.cols) {
        throw new ShapeError(
          `Cannot build '${context.name}'`,
          `${parameter.value.cols} channels, the width of '${parameter.name}', whose table it shares`,
          `${width}`,
        );
      }
      parameter.layer = { kind: "dense", bias: false };
      parameter.joinCaptures = tiedCapture;
      return denseLayer(context, parameter, false);
    },
  };
}

function tableOf({ shared, name }: BuildContext, tokens: LayerSpec): OwnedParameter {
  const parameter = shared?.knows(tokens)
    ? shared.find<OwnedParameter>(shared.nameOf(tokens))
    : undefined;
  if (parameter !== undefined) return parameter;
  throw new ShapeError(
    `Cannot build '${name}'`,
    "the embedding that it is tied to among the layers before it, the same object",
    "a model without it",
  );
}
