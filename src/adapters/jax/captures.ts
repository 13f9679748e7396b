/**
 * Differentiates a loss of jax-js and keeps what its layers saw: a zero is added to every layer's
 * outputs, and the gradient with respect to it is the gradient of the outputs.
 *
 * @module
 */

import { jit, lax, makeJaxpr, numpy as np, tree, valueAndGrad } from "npm:@jax-js/jax@0.1.25";
import { OptionError, ShapeError } from "../../core/errors.ts";
import type { JaxArray, JaxLayers, JaxParams } from "./layers.ts";

/**
 * Passes a layer's outputs on and notes its inputs. Consumes both arrays, as every function of jax-js.
 *
 * @param name Of the layer.
 * @param inputs [N, dIn], or images [N, channels, height, width].
 * @param outputs Before their activation: [N, dOut], or [N, dOut, height, width].
 */
export type Probe = (name: string, inputs: JaxArray, outputs: JaxArray) => JaxArray;

/** What a batch left behind. Consumed by `update`. */
export interface JaxObservation {
  /** N. */
  readonly examples: number;
  /** The mean loss. */
  readonly loss: JaxArray;
  /** By name of the layer; channels last. */
  readonly captures: Readonly<
    Record<string, { readonly inputs: JaxArray; readonly outputGradients: JaxArray }>
  >;
}

type Arrays = Record<string, JaxArray>;

/**
 * Makes a function that differentiates a loss, compiled by `jit` for every size of batch.
 *
 * @param layers The layers whose curvature is seen; the loss calls `probe` once for each.
 * @param loss The **mean** of the examples' losses, a scalar; each example's own loss must depend on that
 * example alone. Takes the parameters, the probe, and arrays that all begin with the examples.
 * @returns Gradients in the form of the parameters, and an observation. Consumes its arguments, as every
 * function of jax-js; use `tree.ref(params)` to keep them.
 * @throws {OptionError} When the loss probes an unknown layer, one of them twice, or not all of them.
 * @throws {ShapeError} When the outputs of a layer do not begin with the examples.
 */
export function captured<P extends JaxParams>(
  layers: JaxLayers,
  loss: (params: P, probe: Probe, ...batch: JaxArray[]) => JaxArray,
): (params: P, ...batch: JaxArray[]) => [gradients: P, observation: JaxObservation] {
  const run = jit(
    (params: P, probes: Arrays, ...batch: JaxArray[]) => {
      const examples = batch[0].shape[0];
      const differentiate = valueAndGrad(
        (params: P, probes: Arrays, ...batch: JaxArray[]) => {
          const inputs: Arrays = {};
          const value = loss(params, (name, x, z) => {
            // An untouched argument cannot be handed out; and captures are constants.
            inputs[name] = lax.stopGradient(x);
            return z.add(probes[name]);
          }, ...batch);
          return [value, inputs] as unknown as JaxArray;
        },
        { argnums: [0, 1], hasAux: true },
      ) as unknown as (...args: unknown[]) => [[JaxArray, Arrays], [P, Arrays]];
      const [[value, inputs], [gradients, g]] = differentiate(params, probes, ...batch);
      const captures = Object.fromEntries(
        Object.keys(layers).map((name) => [name, {
          inputs: channelsLast(inputs[name]),
          // Of each example's own loss, not of the mean.
          outputGradients: channelsLast(g[name]).mul(examples),
        }]),
      );
      return { value, gradients, captures } as unknown as JaxArray;
    },
  ) as unknown as (...args: unknown[]) => {
    value: JaxArray;
    gradients: P;
    captures: JaxObservation["captures"];
  };
  /** Shapes of the outputs by shapes of the batch. */
  const known = new Map<string, Record<string, number[]>>();
  return (params, ...batch) => {
    const key = JSON.stringify(batch.map(({ shape }) => shape));
    const shapes = known.get(key) ?? outputShapes(layers, loss, params, batch);
    known.set(key, shapes);
    const probes = Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => [name, np.zeros(shape)]),
    );
    const examples = batch[0].shape[0];
    const { value, gradients, captures } = run(params, probes, ...batch);
    return [gradients, { examples, loss: value, captures }];
  };
}

/** Shapes of all layers' outputs, from a pass that computes nothing. */
function outputShapes<P extends JaxParams>(
  layers: JaxLayers,
  loss: (params: P, probe: Probe, ...batch: JaxArray[]) => JaxArray,
  params: P,
  batch: readonly JaxArray[],
): Record<string, number[]> {
  const subject = "Cannot differentiate the loss";
  const shapes: Record<string, number[]> = {};
  const probe: Probe = (name, x, z) => {
    if (!(name in layers) || name in shapes) {
      const expectation = name in shapes
        ? "must be probed once"
        : `must be one of ${Object.keys(layers).map((layer) => `'${layer}'`).join(", ")}`;
      throw new OptionError(subject, "probe", expectation, name);
    }
    if (z.shape[0] !== batch[0].shape[0]) {
      const expected = `outputs of '${name}' that begin with the ${batch[0].shape[0]} examples`;
      throw new ShapeError(subject, expected, `[${z.shape.join(", ")}]`);
    }
    shapes[name] = z.shape;
    x.dispose();
    return z;
  };
  makeJaxpr((params: P, ...batch: JaxArray[]) => loss(params, probe, ...batch))(params, ...batch);
  const missing = Object.keys(layers).find((name) => !(name in shapes));
  if (missing !== undefined) {
    throw new OptionError(subject, `layers.${missing}`, "must be probed by the loss", "no probe");
  }
  return shapes;
}

/** Images [N, channels, height, width] as [N, height, width, channels]; anything else as it is. */
function channelsLast(x: JaxArray): JaxArray {
  return x.shape.length === 4 ? np.transpose(x, [0, 2, 3, 1]) : x;
}

/** Adds updates to parameters. Consumes both. */
export function applyUpdates<P extends JaxParams>(params: P, updates: P): P {
  return tree.map((p: JaxArray, u: JaxArray) => p.add(u), params, updates) as unknown as P;
}
