/**
 * Normalisation of groups of channels over all positions of an example.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { sequenceVerbs } from "../backend/wasm/sequences/extension.ts";
import { ShapeError } from "../core/errors.ts";
import { resolveWindow } from "../core/geometry.ts";
import { columnsOf, type Matrix, reshaped, rowsOf } from "../core/matrix.ts";
import { number, resolve, type SchemaOf } from "../core/schema.ts";
import { channelsOf, rowsPerExample } from "./example_shape.ts";
import type { BuildContext, Layer, LayerSpec } from "./module.ts";
import { type RowNormOptions, rowNormSchema, scaledLayer } from "./scaled_layer.ts";

/** Options of {@linkcode groupNorm}. */
export interface GroupNormOptions extends RowNormOptions {
  /** G, groups of consecutive channels, >= 1; the channels must be a multiple. */
  readonly groups: number;
}

/** What the options take. */
export const groupNormSchema = {
  groups: number({ min: 1, integer: true }),
  ...rowNormSchema,
} satisfies SchemaOf<GroupNormOptions>;

/**
 * Group normalisation (Wu & He 2018, arXiv 1803.08494): of every example, each of G groups of C / G consecutive
 * channels is brought to mean 0 and variance 1 over all its pixels (positions) and channels, then scaled and shifted
 * channel by channel. With as many groups as channels it is instance normalisation. Any shape; of features, a group is
 * some of them.
 *
 * It does not mix examples, so it takes batches of any size, and, as {@linkcode layerNorm}, leaves each example's own
 * gradient: every channel has its exact 2 x 2 block.
 *
 * @throws {OptionError} When an option is unknown or outside its range. When the model is built, `ShapeError` if the
 * groups do not divide the channels.
 *
 * @example Two groups of an image's four channels
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { conv2d, groupNorm, relu, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * const layers = [conv2d(4, { kernel: 3, bias: false }), groupNorm({ groups: 2 }), relu()];
 * using model = sequential(backend, { input: [8, 8, 3], layers, seed: 1 });
 * assert.deepEqual(model.parameters.map(({ name }) => name), ["conv1", "groupNorm1"]);
 * ```
 */
export function groupNorm(options: GroupNormOptions): LayerSpec {
  const resolved = resolve("Cannot create groupNorm", options, groupNormSchema);
  const { groups, epsilon, shift } = resolved;
  return {
    kind: "groupNorm",
    options: { groups, epsilon, shift },
    build(context: BuildContext): Layer {
      const { backend, input, name } = context;
      const channels = channelsOf(input);
      if (channels % groups !== 0) {
        throw new ShapeError(
          `Cannot build '${name}'`,
          `channels that ${groups} groups divide evenly`,
          `${channels}`,
        );
      }
      backend.extend(sequenceVerbs);
      const inGroups = new Groups(backend, groups, rowsPerExample(input));
      return scaledLayer(context, resolved, {
        forward(x, weights) {
          const [rows, scales] = [inGroups.split(x), inGroups.tiled(weights)];
          const out = inGroups.like(x);
          rows.forEach((part, i) => backend.rowNorm("layer", out[i], part, scales[i], epsilon));
          return inGroups.joined(out);
        },
        sums: (x, g) => inGroups.sums(x, g, epsilon),
        gradient(x, g, weights) {
          const [rows, gradients] = [inGroups.split(x), inGroups.split(g)];
          const [scales, out] = [inGroups.tiled(weights), inGroups.like(x)];
          rows.forEach((part, i) =>
            backend.rowNormGradient("layer", out[i], part, gradients[i], scales[i], epsilon)
          );
          return inGroups.joined(out);
        },
      });
    },
  };
}

/** Channels of [N T, C] as G matrices [N, T C / G]: what is normalised together is a row. */
class Groups {
  readonly #backend: Backend;
  readonly #count: number;
  /** T. */
  readonly #positions: number;

  constructor(backend: Backend, count: number, positions: number) {
    this.#backend = backend;
    this.#count = count;
    this.#positions = positions;
  }

  /** Matrices for the groups of another, in scratch memory. */
  like({ rows, cols }: Matrix): Matrix[] {
    const width = cols / this.#count * this.#positions;
    return Array.from(
      { length: this.#count },
      () => this.#backend.scratch(rows / this.#positions, width),
    );
  }

  /** The groups; copies. */
  split(x: Matrix): Matrix[] {
    const parts = this.like(x);
    parts.forEach((part, i) => this.#backend.axpby(this.#seen(part), 1, this.#columns(x, i), 0));
    return parts;
  }

  /** The groups side by side again, [N T, C]. */
  joined(parts: readonly Matrix[]): Matrix {
    const { rows, cols } = this.#seen(parts[0]);
    const out = this.#backend.scratch(rows, cols * this.#count);
    parts.forEach((part, i) => this.#backend.axpby(this.#columns(out, i), 1, this.#seen(part), 0));
    return out;
  }

  /** Weights [w, C] repeated for every position: G matrices [w, T C / G]. */
  tiled(weights: Matrix): Matrix[] {
    const backend = this.#backend;
    const ones = backend.scratch(1, this.#positions);
    backend.write(ones, new Float32Array(this.#positions).fill(1));
    const kinds = Array.from({ length: weights.rows }, (_, kind) => {
      const everywhere = backend.scratch(this.#positions, weights.cols);
      backend.gemm(everywhere, ones, rowsOf(weights, kind, kind + 1), { transposeA: true });
      return this.split(everywhere);
    });
    return kinds[0].map((scales, i) => {
      const out = backend.scratch(kinds.length, scales.cols);
      kinds.forEach((parts, kind) => backend.axpby(rowsOf(out, kind, kind + 1), 1, parts[i], 0));
      return out;
    });
  }

  /** `sum_t g xhat` beside `sum_t g` of each example, [N, 2 C]. */
  sums(x: Matrix, g: Matrix, epsilon: number): Matrix {
    const backend = this.#backend;
    const [count, positions] = [this.#count, this.#positions];
    const examples = x.rows / positions, width = x.cols / count;
    const window = resolveWindow("Cannot sum", [positions, 1, width], { kernel: [positions, 1] });
    const [rows, gradients] = [this.split(x), this.split(g)];
    const out = backend.scratch(examples, 2 * x.cols);
    rows.forEach((part, i) => {
      const products = backend.scratch(2 * examples, part.cols);
      backend.rowNormSums("layer", products, part, gradients[i], epsilon);
      const means = backend.scratch(2 * examples, width);
      backend.pool("average", means, this.#seen(products), window);
      const both = reshaped(means, examples, 2 * width);
      [0, 1].forEach((kind) => {
        const place = this.#columns(columnsOf(out, kind * x.cols, (kind + 1) * x.cols), i);
        backend.axpby(place, positions, columnsOf(both, kind * width, (kind + 1) * width), 0);
      });
    });
    return out;
  }

  /** A group's columns. */
  #columns(x: Matrix, index: number): Matrix {
    const width = x.cols / this.#count;
    return columnsOf(x, index * width, (index + 1) * width);
  }

  /** [N, T C / G] as [N T, C / G]. */
  #seen(part: Matrix): Matrix {
    return reshaped(part, part.rows * this.#positions, part.cols / this.#positions);
  }
}
