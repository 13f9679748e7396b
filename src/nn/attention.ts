/**
 * The attention layer.
 *
 * @module
 */

import { sequenceVerbs } from "../backend/wasm/sequences/extension.ts";
import { ShapeError } from "../core/errors.ts";
import type { Matrix } from "../core/matrix.ts";
import { flag, number, optional, resolve, type SchemaOf } from "../core/schema.ts";
import { attentionHeads } from "./attention_heads.ts";
import { dense } from "./dense.ts";
import { expectSequence } from "./example_shape.ts";
import { type Initializer, lecunNormal } from "./init.ts";
import { initializerRule, trainableRule } from "./layer_parameter.ts";
import type {
  BackwardPass,
  BuildContext,
  ExampleShape,
  ForwardPass,
  Layer,
  LayerSpec,
} from "./module.ts";
import { backwardThrough, firstTrained, forwardThrough } from "./through_layers.ts";

/** Options of {@linkcode attention}. */
export interface AttentionOptions {
  /** Heads, >= 1; the channels of a sequence must be a multiple. */
  readonly heads: number;
  /** Whether a position sees only itself and those before it. @default {false} */
  readonly causal?: boolean;
  /** Whether both projections have a bias. @default {true} */
  readonly bias?: boolean;
  /** Share of the weights that training drops, in [0, 1), as `dropout` does. @default {0} */
  readonly dropout?: number;
  /** Whether queries and keys are turned by their positions, pair by pair of a head's channels. @default {false} */
  readonly rotary?: boolean;
  /** Draws the initial weights of both. @default {lecunNormal} */
  readonly init?: Initializer;
  /** `false` freezes both projections; `model.freeze` and `model.unfreeze` change it. @default {true} */
  readonly trainable?: boolean;
}

/** What the options take. */
export const attentionSchema = {
  heads: number({ min: 1, integer: true }),
  causal: optional(flag, false),
  bias: optional(flag, true),
  dropout: optional(number({ min: 0, below: 1 }), 0),
  rotary: optional(flag, false),
  init: optional(initializerRule, lecunNormal),
  trainable: trainableRule,
} satisfies SchemaOf<AttentionOptions>;

/**
 * Attention of several heads with its two projections (Vaswani et al. 2017, arXiv 1706.03762, section 3.2):
 * `[q k v] = x W_qkv^T`, per head of d = C / heads consecutive channels
 * `y_t = sum_u softmax_u(q_t . k_u / sqrt(d)) v_u`, and `out = y W_out^T`. Takes and gives [positions, C].
 *
 * With `rotary` the pairs (2 i, 2 i + 1) of a head's queries and keys are turned by `t 10000^(-2 i / d)` (Su et al. 2021,
 * arXiv 2104.09864), so that a score depends on how far apart its positions are. With `dropout` a share of the softmax'
 * weights is 0 in training and the rest divided by what is left; which follows from seed and pass, and is not kept.
 * Positions of padding ({@linkcode masking}) are not looked at.
 *
 * Scores are never all in memory: a few rows of them at a time, computed again in the backward pass. The
 * projections are the dense layers `attention1.qkv` [3 C, C (+ 1)] and `attention1.out` [C, C (+ 1)], with
 * captures and curvature of their own.
 *
 * @throws {OptionError} When an option is unknown or outside its range. When the model is built, `ShapeError` if the
 * layer receives no sequence, or channels that the heads do not divide.
 *
 * @example A position's output depends on earlier ones only
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { attention, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * const layers = [attention({ heads: 2, causal: true })];
 * using model = sequential(backend, { input: [2, 4], layers, seed: 1 });
 * const goal = objective(model, squaredError());
 * const first = await goal.predict([1, 2, 3, 4, 5, 6, 7, 8]);
 * const second = await goal.predict([1, 2, 3, 4, 0, 0, 0, 0]);
 * assert.deepEqual(first.slice(0, 4), second.slice(0, 4));
 * assert.notDeepEqual(first.slice(4), second.slice(4));
 * ```
 */
export function attention(options: AttentionOptions): LayerSpec {
  const { heads, causal, dropout, rotary, ...projection } = resolve(
    "Cannot create attention",
    options,
    attentionSchema,
  );
  return {
    kind: "attention",
    options: { heads, causal, bias: projection.bias, dropout, rotary },
    build(context: BuildContext): Layer {
      const { backend, name } = context;
      backend.extend(sequenceVerbs);
      const [positions, channels] = expectSequence(context);
      if (channels % heads !== 0) {
        throw new ShapeError(
          `Cannot build '${name}'`,
          `channels that ${heads} heads divide evenly`,
          `${channels}`,
        );
      }
      if (rotary && channels / heads % 2 !== 0) {
        throw new ShapeError(
          `Cannot build '${name}'`,
          `an even number of channels for each of ${heads} heads, which rotary positions turn in pairs`,
          `${channels / heads}`,
        );
      }
      const core: LayerSpec = {
        kind: "heads",
        build: (inner) => attentionHeads(inner, { positions, heads, causal, dropout, rotary }),
      };
      const layers: Layer[] = [];
      try {
        const parts = [["qkv", dense(3 * channels, projection)], ["heads", core], [
          "out",
          dense(channels, projection),
        ]] as const;
        for (const [part, spec] of parts) {
          const input = layers.at(-1)?.output ?? context.input;
          layers.push(spec.build({ ...context, name: `${name}.${part}`, input }));
        }
      } catch (error) {
        layers.forEach((layer) => layer[Symbol.dispose]());
        throw error;
      }
      return new LayersInside(name, layers);
    },
  };
}

/** A layer that is others in a row. */
class LayersInside implements Layer {
  readonly output: ExampleShape;
  readonly parameter = undefined;
  readonly capture = undefined;

  constructor(readonly name: string, readonly layers: readonly Layer[]) {
    this.output = layers[layers.length - 1].output;
  }

  forward(x: Matrix, examples: number, pass: ForwardPass): Matrix {
    return forwardThrough(this.layers, x, examples, pass);
  }

  backward(g: Matrix, pass: BackwardPass, needInput: boolean): Matrix | undefined {
    let signal: Matrix | undefined = g;
    const last = needInput ? 0 : firstTrained(this.layers);
    for (let i = this.layers.length - 1; i >= last && signal !== undefined; i--) {
      signal = backwardThrough(this.layers[i], signal, pass, needInput || i > last);
    }
    return needInput ? signal : undefined;
  }

  [Symbol.dispose](): void {
    this.layers.forEach((layer) => layer[Symbol.dispose]());
  }
}
