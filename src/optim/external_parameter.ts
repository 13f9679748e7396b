/**
 * The trainable matrices of a model outside this library.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Capture } from "../core/capture.ts";
import { OptionError, ShapeError } from "../core/errors.ts";
import { patchLength } from "../core/geometry.ts";
import type { LayerKind } from "../core/parameter.ts";
import type { LayerBlock } from "../curvature/blocks/block.ts";

/** One trainable matrix of a model that lives elsewhere. */
export interface ExternalParameter {
  /** Unique within the model and stable over runs; keys of checkpoints: `"dense1"`. */
  readonly name: string;
  /**
   * The layer it belongs to; `{ kind: "scaleShift" }` for scales above shifts of channels that each example normalises
   * for itself, `{ kind: "normalization" }` for those that examples share, `{ kind: "other" }` for anything that has
   * no kind of its own. A dense layer without bias may be tied to an embedding, whose table [V, width] it then is.
   */
  readonly layer: LayerKind;
  /**
   * [dOut, dIn'] of `[weights | bias]`, the bias column counted. For a convolution `dIn'` is its
   * `patchLength`; a table is [V, width]; a vector of n numbers of kind `other` is [1, n].
   */
  readonly shape: readonly [rows: number, cols: number];
  /**
   * Makes its curvature, where the optimizer's own block will not do: `ownBlock` of `curvature` tells it for tables,
   * scales above shifts and convolutions with groups, which have a diagonal without it.
   */
  readonly block?: LayerBlock;
  /**
   * Makes one capture of those of several uses; `tiedCapture` of `curvature` where a table is a head's weights, too.
   *
   * @default {the uses as places of one layer, side by side}
   */
  readonly joinCaptures?: (backend: Backend, captures: readonly Capture[]) => Capture;
}

/**
 * Checks the parameters of a model.
 *
 * @throws {OptionError} On a name that is empty or used twice, or a size that is not an integer >= 1.
 * @throws {ShapeError} When the shape of a convolution does not fit its geometry.
 */
export function checkParameters(parameters: readonly ExternalParameter[]): void {
  const subject = "Cannot create a model";
  const names = new Set<string>();
  for (const { name, layer, shape } of parameters) {
    if (name === "" || names.has(name)) {
      throw new OptionError(subject, "name", "must be unique and not empty", name);
    }
    // Batches are objects by name, and these are in all of them.
    if (name in {}) {
      throw new OptionError(
        subject,
        "name",
        "must not be that of something all objects have",
        name,
      );
    }
    names.add(name);
    const least = layer.kind === "dense" && layer.bias ? 2 : 1;
    const fits = shape.length === 2 && shape.every(Number.isInteger) &&
      shape[0] >= 1 && shape[1] >= least;
    if (!fits) {
      const expectation = `of '${name}' must be two integers, rows >= 1 and columns >= ${least}`;
      throw new OptionError(subject, "shape", expectation, shape);
    }
    if (layer.kind === "conv2d" && shape[1] !== patchLength(layer.geometry)) {
      const expected = `[dOut, ${patchLength(layer.geometry)}] for the patches of its geometry`;
      throw new ShapeError(`${subject}: '${name}'`, expected, `[${shape.join(", ")}]`);
    }
  }
}
