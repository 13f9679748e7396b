/**
 * The trainable matrix of a layer: allocated, drawn, owned and given back in one place.
 *
 * @module
 */

import type { OwnedMatrix } from "../core/matrix.ts";
import { OptionError, ShapeError, StateError } from "../core/errors.ts";
import type { LayerKind } from "../core/parameter.ts";
import { callback, flag, optional, type Rule } from "../core/schema.ts";
import type { Fan, Initializer } from "./init.ts";
import type { BuildContext, LayerParameter } from "./module.ts";
import { writeWeights } from "./weights.ts";

/** A parameter together with the duty to give its two matrices back. */
export interface OwnedParameter extends LayerParameter, Disposable {
  /** See {@linkcode Parameter.layer}; a table becomes a dense layer when a head is tied to it. */
  layer: LayerKind;
  /** See {@linkcode Parameter.trainable}; the model sets it. */
  trainable: boolean;
}

/** What draws initial weights; its numbers are checked when they are drawn. */
export const initializerRule: Rule<Initializer> = callback("a function of fan and random");

/** What every layer with weights takes. */
export const trainableRule: Rule<boolean> = optional(flag, true);

/** Shape and initial distribution of a layer's weights. */
export interface WeightPlan {
  /** The kind of layer, for curvature. Says whether a bias column follows; it starts at zero. */
  readonly layer: Extract<LayerKind, { readonly kind: "dense" | "conv2d" }>;
  /** dOut, rows of the matrix. */
  readonly outputs: number;
  /** dIn, columns without the bias. */
  readonly inputs: number;
  /** For the initialiser. */
  readonly fan: Fan;
  /** Draws the weights, row by row in the public column order. */
  readonly init: Initializer;
  /** Whether they are trained. */
  readonly trainable: boolean;
}

/**
 * Allocates weights [dOut, dIn'] and their gradient (zeros), and draws the weights.
 *
 * @returns The parameter; the caller disposes it. When anything throws, nothing stays allocated.
 * @throws {OptionError} When the initialiser returns something that is not a finite number.
 */
export function createParameter(context: BuildContext, plan: WeightPlan): OwnedParameter {
  const bias = plan.layer.kind === "dense" ? plan.layer.bias : plan.layer.geometry.bias;
  const cols = plan.inputs + (bias ? 1 : 0);
  const shape = [plan.outputs, cols] as const;
  const initial = () => drawWeights(context, plan, cols);
  return allocateParameter(context, plan.layer, shape, initial, plan.trainable);
}

/**
 * Allocates a parameter and its gradient (zeros); or gives the one that the layer's description has made in another
 * place of the model.
 *
 * @param initial Makes the initial weights, row by row in the public order.
 * @returns The parameter; the caller disposes it. When anything throws, nothing stays allocated.
 * @throws {ShapeError} When weights are to be shared by places that need different ones.
 */
export function allocateParameter(
  context: BuildContext,
  layer: LayerKind,
  shape: readonly [rows: number, cols: number],
  initial: () => ArrayLike<number>,
  trainable: boolean,
): OwnedParameter {
  const { name, shared } = context;
  const make = () => newParameter(context, layer, shape, initial, trainable);
  const parameter = shared === undefined ? make() : shared.once(name, make);
  const { rows, cols } = parameter.value;
  if (rows === shape[0] && cols === shape[1]) return parameter;
  throw new ShapeError(
    `Cannot build '${name}' in another place`,
    `inputs that its weights [${rows}, ${cols}] fit, which both places share`,
    `inputs for weights [${shape[0]}, ${shape[1]}]; for two layers, describe two`,
  );
}

function newParameter(
  { backend, name }: BuildContext,
  layer: LayerKind,
  [rows, cols]: readonly [rows: number, cols: number],
  initial: () => ArrayLike<number>,
  trainable: boolean,
): OwnedParameter {
  const owned: OwnedMatrix[] = [];
  const dispose = (): void => owned.splice(0).forEach((matrix) => matrix[Symbol.dispose]());
  try {
    const value = backend.alloc(rows, cols);
    owned.push(value);
    const gradient = backend.alloc(rows, cols);
    owned.push(gradient);
    const parameter: OwnedParameter = {
      name,
      layer,
      value,
      gradient,
      trainable,
      [Symbol.dispose]: dispose,
    };
    writeWeights(backend, parameter, initial());
    return parameter;
  } catch (error) {
    dispose();
    throw error;
  }
}

function drawWeights(context: BuildContext, plan: WeightPlan, cols: number): Float64Array {
  const weights = new Float64Array(plan.outputs * cols);
  for (let row = 0; row < plan.outputs; row++) {
    for (let col = 0; col < plan.inputs; col++) {
      const weight = plan.init(plan.fan, context.random);
      if (!Number.isFinite(weight)) {
        const subject = `Cannot build '${context.name}'`;
        throw new OptionError(subject, "init", "must return finite numbers", weight);
      }
      weights[row * cols + col] = weight;
    }
  }
  return weights;
}

/**
 * Returns what a layer has kept from its last forward pass.
 *
 * @throws {StateError} When there is nothing: backward was called before forward.
 */
export function expectForward<T>(name: string, kept: T | undefined): T {
  if (kept !== undefined) return kept;
  throw new StateError(`Cannot run the backward pass of '${name}': call forward first`);
}
