/**
 * Batch normalisation of images.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { batchNormVerbs } from "../backend/wasm/batch_norm/extension.ts";
import type { ElementsCapture } from "../core/capture.ts";
import { StateError } from "../core/errors.ts";
import { type Matrix, type OwnedMatrix, reshaped, rowsOf } from "../core/matrix.ts";
import { number, optional, resolve, type SchemaOf } from "../core/schema.ts";
import type { LayerBlock } from "../curvature/blocks/block.ts";
import { ScaleShiftBlock } from "../curvature/blocks/scale_shift.ts";
import { expectImages } from "./example_shape.ts";
import { allocateParameter, type OwnedParameter, trainableRule } from "./layer_parameter.ts";
import type {
  BackwardPass,
  BuildContext,
  ExampleShape,
  ForwardPass,
  Layer,
  LayerSpec,
} from "./module.ts";

/** Options of {@linkcode batchNorm2d}. */
export interface BatchNorm2dOptions {
  /** Added to variances, > 0, so that channels without any do not blow up. @default {1e-5} */
  readonly epsilon?: number;
  /** Weight of the past in the running moments, in [0, 1). @default {0.9} */
  readonly runningDecay?: number;
  /**
   * `false` freezes scales, shifts and running moments; predictions and training then both use the running
   * moments. `model.freeze` and `model.unfreeze` change it. @default {true}
   */
  readonly trainable?: boolean;
}

/** What the options take. */
export const batchNorm2dSchema = {
  epsilon: optional(number({ above: 0 }), 1e-5),
  runningDecay: optional(number({ min: 0, below: 1 }), 0.9),
  trainable: trainableRule,
} satisfies SchemaOf<BatchNorm2dOptions>;

/**
 * Batch normalisation (Ioffe & Szegedy 2015): every channel c is brought to mean 0 and variance 1 over all
 * pixels of the batch, then scaled and shifted, `y = scale_c (x - mean_c) / sqrt(variance_c + epsilon) +
 * shift_c`. Scales start at 1, shifts at 0.
 *
 * In training the moments are the batch's own, so every example takes part in the outputs of all others:
 * gradients go through the moments. Each pass that leaves gradients moves the running moments by
 * `1 - runningDecay` towards the batch's (variances with division by n - 1); predictions use those. They are
 * in the model's `state` and in checkpoints.
 *
 * The Kronecker-factored optimizers give every channel its 2 x 2 block of scale and shift, measured from each
 * example's own gradient with the moments taken as constants (from the mean gradient, where the curvature is that of
 * the data's own targets); weight decay leaves them out by default. A convolution in front needs no bias.
 *
 * Takes and gives [height, width, channels].
 *
 * @throws {OptionError} When an option is unknown or outside its range.
 *
 * @example Between a convolution and its activation
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { batchNorm2d, conv2d, relu, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, {
 *   input: [8, 8, 3],
 *   layers: [conv2d(4, { kernel: 3, bias: false }), batchNorm2d(), relu()],
 *   seed: 1,
 * });
 * assert.deepEqual(model.parameters.map(({ layer }) => layer.kind), ["conv2d", "normalization"]);
 * ```
 */
export function batchNorm2d(options: BatchNorm2dOptions = {}): LayerSpec {
  const subject = "Cannot create batchNorm2d";
  const numbers = resolve(subject, options, batchNorm2dSchema);
  return {
    kind: "batchNorm",
    options: { epsilon: numbers.epsilon, runningDecay: numbers.runningDecay },
    build(context: BuildContext): Layer {
      const output = expectImages(context);
      context.backend.extend(batchNormVerbs);
      const channels = output[2];
      // Scales and variances start at 1, shifts and means at 0.
      const unit = new Float64Array(2 * channels).fill(1, 0, channels);
      const shape = [2, channels] as const;
      const layer = { kind: "normalization" } as const;
      const { trainable } = numbers;
      const parameter = allocateParameter(context, layer, shape, () => unit, trainable);
      try {
        const make = (): OwnedMatrix => {
          const moments = context.backend.alloc(2, channels);
          context.backend.write(rowsOf(moments, 1, 2), unit.subarray(0, channels));
          return moments;
        };
        const moments = context.shared?.once(`${context.name}.runningMoments`, make) ?? make();
        return new BatchNorm2d(context.backend, output, parameter, moments, numbers);
      } catch (error) {
        parameter[Symbol.dispose]();
        throw error;
      }
    },
  };
}

class BatchNorm2d implements Layer {
  readonly name: string;
  readonly output: ExampleShape;
  readonly parameter: OwnedParameter;
  readonly #backend: Backend;
  /** Means above variances, [2, C], for predictions. */
  readonly #running: OwnedMatrix;
  readonly #numbers: Required<BatchNorm2dOptions>;
  /** Inputs [N h w, C] of the last pass and the moments [2, C] it took; `own` where they are the batch's. */
  #kept:
    | {
      readonly x: Matrix;
      readonly moments: Matrix;
      readonly own: boolean;
      readonly kind: ForwardPass["kind"];
    }
    | undefined;
  #capture: ElementsCapture | undefined;

  readonly block: LayerBlock = (backend, parameter, options) =>
    new ScaleShiftBlock(backend, parameter, options);

  constructor(
    backend: Backend,
    output: ExampleShape,
    parameter: OwnedParameter,
    running: OwnedMatrix,
    numbers: Required<BatchNorm2dOptions>,
  ) {
    this.name = parameter.name;
    this.output = output;
    this.parameter = parameter;
    this.#backend = backend;
    this.#running = running;
    this.#numbers = numbers;
  }

  /** Only passes for the curvature leave one. */
  get capture(): ElementsCapture | undefined {
    return this.#capture;
  }

  get state(): Readonly<Record<string, Matrix>> {
    return { runningMoments: this.#running };
  }

  forward(x: Matrix, _examples: number, { kind }: ForwardPass): Matrix {
    const backend = this.#backend;
    let moments: Matrix = this.#running;
    const own = kind === "training" && this.parameter.trainable;
    if (own) {
      moments = backend.scratch(2, x.cols);
      backend.columnMoments(moments, x);
    }
    this.#kept = { x, moments, own, kind };
    const out = backend.scratch(x.rows, x.cols);
    backend.batchNorm(out, x, moments, this.parameter.value, this.#numbers.epsilon);
    return out;
  }

  backward(g: Matrix, pass: BackwardPass, needInput: boolean): Matrix | undefined {
    if (
      this.#kept === undefined || (this.#kept.kind === "inference" && pass.kind === "gradient")
    ) {
      throw new StateError(
        `Cannot run the backward pass of '${this.name}': call forward for training first`,
      );
    }
    const backend = this.#backend;
    const { x: all, moments, own } = this.#kept;
    const x = rowsOf(all, 0, g.rows);
    const { value, gradient } = this.parameter;
    const { epsilon } = this.#numbers;
    const sums = backend.scratch(2, x.cols);
    if (own) backend.batchNormSums(sums, x, g, moments, epsilon);
    // Moments that do not follow from the batch pass no gradient on.
    else backend.write(sums, new Float64Array(2 * x.cols));
    this.#capture = undefined;
    if (pass.kind === "gradient" && own) {
      backend.axpby(gradient, pass.scale, sums, pass.decay);
      this.#follow(moments, x.rows);
    } else if (pass.kind === "capture" && this.parameter.trainable) {
      this.#capture = this.#perExample(x, g, moments);
    }
    if (!needInput) return undefined;
    // The moments are those of all rows; what the others' gradients would add is not asked for.
    if (x.rows < all.rows) backend.axpby(sums, x.rows / all.rows, sums, 0);
    const out = backend.scratch(x.rows, x.cols);
    backend.batchNormGradient(out, x, g, moments, value, sums, epsilon);
    return out;
  }

  /** Gradients of scales and shifts of each example, the moments being taken as constants. */
  #perExample(x: Matrix, g: Matrix, moments: Matrix): ElementsCapture {
    const backend = this.#backend;
    const [height, width, channels] = this.output as readonly [number, number, number];
    const pixels = height * width;
    const examples = x.rows / pixels;
    const gradients = backend.scratch(examples, 2 * channels);
    for (let n = 0; n < examples; n++) {
      const own = (m: Matrix): Matrix => rowsOf(m, n * pixels, (n + 1) * pixels);
      const out = reshaped(rowsOf(gradients, n, n + 1), 2, channels);
      backend.batchNormSums(out, own(x), own(g), moments, this.#numbers.epsilon);
    }
    return { kind: "elements", examples, gradients };
  }

  /** Moves the running moments towards those of n rows, unless they are not finite. */
  #follow(moments: Matrix, n: number): void {
    const backend = this.#backend;
    const step = backend.scratch(2, moments.cols);
    backend.axpby(step, 1, moments, 0);
    const variances = rowsOf(step, 1, 2);
    if (n > 1) backend.axpby(variances, 0, variances, n / (n - 1));
    backend.axpby(step, -1, this.#running, 1);
    const finite = backend.scratch(1, 1);
    backend.allFinite(finite, step);
    backend.zeroUnless(step, finite);
    backend.axpby(this.#running, 1 - this.#numbers.runningDecay, step, 1);
  }

  [Symbol.dispose](): void {
    this.parameter[Symbol.dispose]();
    this.#running[Symbol.dispose]();
  }
}
