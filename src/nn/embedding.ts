/**
 * Embeddings: tables whose rows stand for tokens, and for positions.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { sequenceVerbs } from "../backend/wasm/sequences/extension.ts";
import type { EmbeddingCapture } from "../core/capture.ts";
import { DataError, ShapeError } from "../core/errors.ts";
import { columnsOf, type Matrix, reshaped } from "../core/matrix.ts";
import { maybe, number, optional, resolve, type SchemaOf } from "../core/schema.ts";
import type { LayerBlock } from "../curvature/blocks/block.ts";
import { EmbeddingBlock } from "../curvature/blocks/embedding.ts";
import { formatShape } from "./example_shape.ts";
import type { Initializer } from "./init.ts";
import {
  allocateParameter,
  expectForward,
  initializerRule,
  type OwnedParameter,
  trainableRule,
} from "./layer_parameter.ts";
import type {
  BackwardPass,
  BuildContext,
  ForwardPass,
  Layer,
  LayerSpec,
  PositionMask,
} from "./module.ts";
import { maskOfRows } from "./position_mask.ts";
import { backwardThrough } from "./through_layers.ts";

/** Options of {@linkcode embedding}. */
export interface EmbeddingLayerOptions {
  /** V, the number of tokens, >= 1. */
  readonly vocabulary: number;
  /** Channels that stand for a token, >= 1. */
  readonly width: number;
  /** Longest sequence of a second table, whose row t is added at position t. @default {no such table} */
  readonly positions?: number;
  /**
   * Token that fills sequences up, an integer: what it stands at is padding, see {@linkcode masking}. It is looked up in
   * no table, gives zeros and learns nothing. @default {none}
   */
  readonly padding?: number;
  /** Draws the initial rows of both tables. @default {normal with deviation 0.02 (Radford et al. 2019)} */
  readonly init?: Initializer;
  /** `false` freezes both tables; `model.freeze` and `model.unfreeze` change it. @default {true} */
  readonly trainable?: boolean;
}

const count = number({ min: 1, integer: true });
const smallNormal: Initializer = (_, random) => 0.02 * random.normal();

/** What the options take. */
export const embeddingSchema = {
  vocabulary: count,
  width: count,
  positions: maybe(count),
  padding: maybe(number({ integer: true })),
  init: optional(initializerRule, smallNormal),
  trainable: trainableRule,
} satisfies SchemaOf<EmbeddingLayerOptions>;

/**
 * The first layer of a model of tokens: takes [positions], integers in [0, vocabulary), and gives
 * [positions, width], a row of the table for each. The table is a parameter [vocabulary, width]; with `positions`
 * there is another, [positions, width], named `position1`.
 *
 * With `padding` the sequences of a batch may be of unequal length: {@linkcode masking} tells what follows from it.
 *
 * Its capture holds tokens in the place of inputs. The Kronecker-factored optimizers keep a diagonal over the tokens
 * and a basis over the channels: nothing of size vocabulary^2.
 *
 * @throws {OptionError} When an option is unknown or outside its range. When the model is built, `ShapeError` if a
 * sequence is longer than `positions`; for a batch, `DataError` if a token is none.
 *
 * @example Two tokens of four channels
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { embedding, objective, sequential, squaredError, writeWeights } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * const layers = [embedding({ vocabulary: 2, width: 3 })];
 * using model = sequential(backend, { input: [2], layers, seed: 1 });
 * writeWeights(backend, model.parameters[0], [1, 2, 3, 4, 5, 6]);
 * const rows = await objective(model, squaredError()).predict([1, 0]);
 * assert.deepEqual([...rows], [4, 5, 6, 1, 2, 3]);
 * ```
 */
export function embedding(options: EmbeddingLayerOptions): LayerSpec {
  const resolved = resolve("Cannot create embedding", options, embeddingSchema);
  const { vocabulary, width, positions, padding } = resolved;
  const position: LayerSpec = {
    kind: "position",
    build: (inner) => table(inner, [positions!, width], resolved, inner.input[0]),
  };
  return {
    kind: "embedding",
    options: { vocabulary, width, positions, ...(padding === undefined ? {} : { padding }) },
    build(context: BuildContext): Layer {
      const length = expectTokens(context, positions);
      context.backend.extend(sequenceVerbs);
      const own = table(context, [vocabulary, width], resolved, length);
      if (positions === undefined) return own;
      try {
        return new EmbeddingWithPositions(
          own,
          context.build(position, context.input) as Table,
          context,
        );
      } catch (error) {
        own[Symbol.dispose]();
        throw error;
      }
    },
  };
}

/** The length of the sequences of tokens that a layer receives. */
function expectTokens({ input, name }: BuildContext, most = Infinity): number {
  const [length] = input;
  if (input.length === 1 && length <= most) return length;
  throw new ShapeError(
    `Cannot build '${name}'`,
    input.length > 1
      ? "a sequence of tokens, as in 'input: [positions]'"
      : `sequences of at most ${most} tokens (option 'positions')`,
    formatShape(input),
  );
}

function table(
  context: BuildContext,
  shape: readonly [rows: number, width: number],
  { init, trainable, padding }: Resolved,
  positions: number,
): Table {
  const { backend, random } = context;
  const draw = () =>
    Float64Array.from(
      { length: shape[0] * shape[1] },
      () => init({ in: 1, out: shape[1] }, random),
    );
  const parameter = allocateParameter(context, { kind: "embedding" }, shape, draw, trainable);
  return new Table(backend, parameter, positions, padding);
}

/** What a table is made with. */
type Resolved =
  & Pick<Required<EmbeddingLayerOptions>, "init" | "trainable">
  & { readonly padding?: number | undefined };

/** A table that is looked up. */
class Table implements Layer {
  readonly name: string;
  readonly output: readonly [positions: number, width: number];
  readonly parameter: OwnedParameter;
  readonly #backend: Backend;
  readonly #padding: number | undefined;
  /** Tokens of the last forward pass, [1, N T]. */
  #tokens: Matrix | undefined;
  #mask: PositionMask | undefined;
  #capture: EmbeddingCapture | undefined;

  constructor(
    backend: Backend,
    parameter: OwnedParameter,
    positions: number,
    padding: number | undefined,
  ) {
    this.name = parameter.name;
    this.output = [positions, parameter.value.cols];
    this.parameter = parameter;
    this.#backend = backend;
    this.#padding = padding;
  }

  maskOf(inputs: ArrayLike<number>): Float32Array | undefined {
    const padding = this.#padding;
    if (padding === undefined) return undefined;
    return Float32Array.from({ length: inputs.length }, (_, i) => +(inputs[i] !== padding));
  }

  get capture(): EmbeddingCapture | undefined {
    return this.#capture;
  }

  readonly block: LayerBlock = (backend, parameter, options) =>
    new EmbeddingBlock(backend, parameter, options);

  checkInputs(inputs: ArrayLike<number>): void {
    const { rows } = this.parameter.value;
    const [length] = this.output;
    for (let i = 0; i < inputs.length; i++) {
      const token = inputs[i];
      if (Number.isInteger(token) && token >= 0 && token < rows || token === this.#padding) {
        continue;
      }
      throw new DataError(
        "batch",
        `'${this.name}' expects tokens, integers in [0, ${
          rows - 1
        }]: received ${token} at position ` +
          `${i % length} of example ${Math.floor(i / length)}`,
      );
    }
  }

  forward(x: Matrix, _examples: number, { mask }: ForwardPass): Matrix {
    const tokens = withoutTokens(this.#backend, reshaped(x, 1, x.rows * x.cols), mask);
    this.#mask = mask;
    this.#tokens = tokens;
    const out = this.#backend.scratch(tokens.cols, this.output[1]);
    this.#backend.gatherRows(out, this.parameter.value, tokens);
    return out;
  }

  /** Tokens have no gradient. */
  backward(g: Matrix, pass: BackwardPass): undefined {
    const tokens = columnsOf(expectForward(this.name, this.#tokens), 0, g.rows);
    const examples = g.rows / this.output[0];
    const { gradient, trainable } = this.parameter;
    this.#capture = trainable
      ? {
        kind: "embedding",
        examples,
        tokens,
        outputGradients: g,
        mask: maskOfRows(this.#mask, g.rows, examples),
      }
      : undefined;
    if (trainable && pass.kind === "gradient") {
      this.#backend.scatterRows(gradient, tokens, g, pass);
    }
  }

  [Symbol.dispose](): void {
    this.parameter[Symbol.dispose]();
  }
}

/** Tokens [1, n] with -1, which no table has, in the place of padding. */
function withoutTokens(backend: Backend, tokens: Matrix, mask: PositionMask | undefined): Matrix {
  if (mask === undefined) return tokens;
  const out = backend.scratch(1, tokens.cols);
  // (token + 1) mask - 1
  const ones = backend.scratch(1, tokens.cols);
  backend.write(ones, new Float32Array(tokens.cols).fill(1));
  backend.axpby(out, 1, tokens, 0);
  backend.axpby(out, 1, ones, 1);
  const column = reshaped(out, out.cols, 1);
  backend.scaleRows(column, column, mask.weights);
  backend.axpby(out, -1, ones, 1);
  return out;
}

/** A table of tokens and one of positions, added. */
class EmbeddingWithPositions implements Layer {
  readonly name: string;
  readonly output: readonly [positions: number, width: number];
  readonly parameter = undefined;
  readonly capture = undefined;
  readonly layers: readonly [Table, Table];
  readonly #backend: Backend;

  constructor(tokens: Table, positions: Table, { backend, name }: BuildContext) {
    this.name = name;
    this.output = tokens.output;
    this.layers = [tokens, positions];
    this.#backend = backend;
  }

  checkInputs(inputs: ArrayLike<number>): void {
    this.layers[0].checkInputs(inputs);
  }

  maskOf(inputs: ArrayLike<number>): Float32Array | undefined {
    return this.layers[0].maskOf(inputs);
  }

  forward(x: Matrix, examples: number, pass: ForwardPass): Matrix {
    const backend = this.#backend;
    const [length] = this.output;
    const out = this.layers[0].forward(x, examples, pass);
    const places = backend.scratch(x.rows, length);
    backend.write(places, Float32Array.from({ length: x.rows * length }, (_, i) => i % length));
    backend.axpby(out, 1, this.layers[1].forward(places, examples, pass), 1);
    return out;
  }

  backward(g: Matrix, pass: BackwardPass): undefined {
    for (const layer of this.layers) backwardThrough(layer, g, pass, false);
  }

  [Symbol.dispose](): void {
    for (const layer of this.layers) layer[Symbol.dispose]();
  }
}
