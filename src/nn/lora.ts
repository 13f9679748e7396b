/**
 * Dense layers whose weights stay, with a correction of low rank that is trained.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Matrix } from "../core/matrix.ts";
import { checkNumber } from "../core/options.ts";
import { flag, maybe, number, optional, resolve, type SchemaOf } from "../core/schema.ts";
import { dense } from "./dense.ts";
import { type Initializer, lecunNormal, zeros } from "./init.ts";
import { initializerRule } from "./layer_parameter.ts";
import type {
  BackwardPass,
  BuildContext,
  ExampleShape,
  ForwardPass,
  Layer,
  LayerSpec,
} from "./module.ts";
import { backwardThrough, forwardThrough } from "./through_layers.ts";

/** Options of {@linkcode lora}. */
export interface LoraOptions {
  /** r, the rank of the correction, >= 1. */
  readonly rank: number;
  /** The correction is multiplied by alpha / r, > 0. @default {the rank: by 1} */
  readonly alpha?: number;
  /** Whether the layer has a bias, which stays, too. @default {true} */
  readonly bias?: boolean;
  /** Draws the initial weights of the layer itself and of A; B begins at zero. @default {lecunNormal} */
  readonly init?: Initializer;
}

/** What the options take. */
export const loraSchema = {
  rank: number({ min: 1, integer: true }),
  alpha: maybe(number({ above: 0 })),
  bias: optional(flag, true),
  init: optional(initializerRule, lecunNormal),
} satisfies SchemaOf<LoraOptions>;

/**
 * A dense layer with an adapter (Hu et al. 2021, arXiv 2106.09685): `s = W a + b + (alpha / r) B A a`. W and b are
 * frozen, A [r, dIn] and B [dOut, r] are dense layers of their own, `lora1.a` and `lora1.b`, with captures and curvature
 * of their own. B begins at zero, so at first the layer is what it was without the adapter.
 *
 * Takes and gives what `dense` does. `addAdapters` makes such layers of a trained model's, `mergeAdapters` makes them
 * dense again.
 *
 * @param outFeatures Number of outputs, dOut >= 1.
 * @throws {OptionError} When an option is unknown or outside its range.
 *
 * @example The adapter has few parameters, and they alone are trained
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { lora, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [100], layers: [lora(50, { rank: 2 })], seed: 1 });
 * const trained = model.parameters.filter(({ trainable }) => trainable);
 * assert.deepEqual(trained.map(({ name }) => name), ["lora1.a", "lora1.b"]);
 * assert.equal(trained.reduce((sum, { value }) => sum + value.rows * value.cols, 0), 2 * 150);
 * ```
 */
export function lora(outFeatures: number, options: LoraOptions): LayerSpec {
  const subject = "Cannot create lora";
  checkNumber(subject, "outFeatures", outFeatures, { min: 1, integer: true });
  const { rank, alpha = rank, bias, init } = resolve(subject, options, loraSchema);
  return {
    kind: "lora",
    options: { outFeatures, rank, alpha, bias },
    build(context: BuildContext): Layer {
      const layers: Layer[] = [];
      try {
        const part = (name: string, spec: LayerSpec, input: ExampleShape) => {
          layers.push(spec.build({ ...context, name: `${context.name}.${name}`, input }));
        };
        part("base", dense(outFeatures, { bias, init, trainable: false }), context.input);
        part("a", dense(rank, { bias: false, init }), context.input);
        part("b", dense(outFeatures, { bias: false, init: zeros }), layers[1].output);
      } catch (error) {
        layers.forEach((layer) => layer[Symbol.dispose]());
        throw error;
      }
      const [base, a, b] = layers;
      return new Adapted(context.backend, context.name, [base, a, b], alpha / rank);
    },
  };
}

class Adapted implements Layer {
  readonly output: ExampleShape;
  readonly parameter = undefined;
  readonly capture = undefined;

  constructor(
    private readonly backend: Backend,
    readonly name: string,
    readonly layers: readonly [base: Layer, a: Layer, b: Layer],
    private readonly scale: number,
  ) {
    this.output = layers[0].output;
  }

  forward(x: Matrix, examples: number, pass: ForwardPass): Matrix {
    const [base, a, b] = this.layers;
    const out = forwardThrough([base], x, examples, pass);
    this.backend.axpby(out, this.scale, forwardThrough([a, b], x, examples, pass), 1);
    return out;
  }

  backward(g: Matrix, pass: BackwardPass, needInput: boolean): Matrix | undefined {
    const [base, a, b] = this.layers;
    const scaled = this.backend.scratch(g.rows, g.cols);
    this.backend.axpby(scaled, this.scale, g, 0);
    const inner = backwardThrough(b, scaled, pass, true)!;
    const below = backwardThrough(a, inner, pass, needInput);
    // Asked for its gradients, too, where somebody has unfrozen it.
    const out = backwardThrough(base, g, pass, needInput);
    if (!needInput) return undefined;
    this.backend.axpby(out!, 1, below!, 1);
    return out;
  }

  [Symbol.dispose](): void {
    this.layers.forEach((layer) => layer[Symbol.dispose]());
  }
}
