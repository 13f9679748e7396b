/**
 * Differentiates a loss of jax-js and keeps what its layers saw: a zero is added to every layer's
 * outputs, and the gradient with respect to it is the gradient of the outputs.
 *
 * @module
 */

import { jit, lax, makeJaxpr, numpy as np, tree, valueAndGrad } from "npm:@jax-js/jax@0.1.25";
import { OptionError, ShapeError } from "../../core/errors.ts";
import type { JaxLayer, JaxLayers } from "./layers.ts";
import type { JaxArray, JaxParams } from "./tree.ts";

/**
 * Passes a layer's outputs on and notes its inputs. Consumes both arrays, as every function of jax-js.
 *
 * @param name Of the layer. Once for each time that its weights are used.
 * @param inputs [N, ..., dIn]; images [N, channels, height, width] of a convolution; integers [N, ...] of a table;
 * what is to be scaled and shifted.
 * @param outputs Before their activation: [N, ..., dOut], or [N, dOut, height, width].
 */
export type Probe = (name: string, inputs: JaxArray, outputs: JaxArray) => JaxArray;

/** What a layer saw where it was probed once. */
export type JaxUse =
  /** Of a dense layer with its positions, of a convolution channels last. */
  | { readonly inputs: JaxArray; readonly outputGradients: JaxArray; readonly positions?: number }
  /** Of a table. */
  | { readonly tokens: JaxArray; readonly outputGradients: JaxArray }
  /** Of scales and shifts: of each example, [N, C] or [N, 2 C]. */
  | { readonly gradients: JaxArray };

/** What a batch left behind. Consumed by `update`. */
export interface JaxObservation {
  /** N. */
  readonly examples: number;
  /** The mean loss. */
  readonly loss: JaxArray;
  /** By name of the layer, one for each time that it was probed. */
  readonly captures: Readonly<Record<string, readonly JaxUse[]>>;
}

type Arrays = Record<string, JaxArray>;

/** One probe of the loss, as a pass that computes nothing has met it. */
interface Place {
  readonly layer: string;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/**
 * Makes a function that differentiates a loss, compiled by `jit` for every size of batch.
 *
 * @param layers The layers whose curvature is seen; the loss calls `probe` for each, as often as it uses its weights:
 * then curvature is that of the sum over the uses.
 * @param loss The **mean** of the examples' losses, a scalar; each example's own loss must depend on that
 * example alone. Takes the parameters, the probe, and arrays that all begin with the examples.
 * @returns Gradients in the form of the parameters, and an observation. Consumes its arguments, as every
 * function of jax-js; use `tree.ref(params)` to keep them.
 * @throws {OptionError} When the loss probes an unknown layer, or not all of them; when a table is given other inputs
 * than integers, or another layer integers.
 * @throws {ShapeError} When the outputs of a layer do not begin with the examples.
 */
export function captured<P extends JaxParams>(
  layers: JaxLayers,
  loss: (params: P, probe: Probe, ...batch: JaxArray[]) => JaxArray,
): (params: P, ...batch: JaxArray[]) => [gradients: P, observation: JaxObservation] {
  const run = jit(
    (params: P, probes: Arrays, ...batch: JaxArray[]) => {
      const examples = batch[0].shape[0];
      /** Layers by the numbers of their probes. */
      const names: string[] = [];
      const differentiate = valueAndGrad(
        (params: P, probes: Arrays, ...batch: JaxArray[]) => {
          const inputs: Arrays = {};
          const value = loss(params, (name, x, z) => {
            const place = names.push(name) - 1;
            // An untouched argument cannot be handed out; and captures are constants.
            inputs[place] = lax.stopGradient(x);
            return z.add(probes[place]);
          }, ...batch);
          return [value, inputs] as unknown as JaxArray;
        },
        { argnums: [0, 1], hasAux: true },
      ) as unknown as (...args: unknown[]) => [[JaxArray, Arrays], [P, Arrays]];
      const [[value, inputs], [gradients, g]] = differentiate(params, probes, ...batch);
      const left = Object.fromEntries(names.map((name, place) => [
        place,
        // Of each example's own loss, not of the mean.
        leftBehind(layers[name], hasBias(gradients, name), inputs[place], g[place].mul(examples)),
      ]));
      return { value, gradients, left } as unknown as JaxArray;
    },
  ) as unknown as (...args: unknown[]) => {
    value: JaxArray;
    gradients: P;
    left: Record<string, JaxUse>;
  };
  /** Probes by shapes of the batch. */
  const known = new Map<string, readonly Place[]>();
  return (params, ...batch) => {
    const key = JSON.stringify(batch.map(({ shape }) => shape));
    const places = known.get(key) ?? probedPlaces(layers, loss, params, batch);
    known.set(key, places);
    const zeros = places.map(({ outputs }, place) => [place, np.zeros([...outputs])]);
    const examples = batch[0].shape[0];
    const { value, gradients, left } = run(params, Object.fromEntries(zeros), ...batch);
    const captures: Record<string, JaxUse[]> = {};
    places.forEach(({ layer, inputs }, place) => {
      const use = left[place];
      const positions = inputs.slice(1, -1).reduce((product, size) => product * size, 1);
      const whole = "inputs" in use && layers[layer].kind !== "conv2d"
        ? { ...use, positions }
        : use;
      (captures[layer] ??= []).push(whole);
    });
    return [gradients, { examples, loss: value, captures }];
  };
}

/** What a use leaves. Consumes both arrays. */
function leftBehind({ kind }: JaxLayer, shift: boolean, x: JaxArray, g: JaxArray): JaxUse {
  if (isInteger(x)) return { tokens: x, outputGradients: g };
  if (kind === "conv2d") return { inputs: channelsLast(x), outputGradients: channelsLast(g) };
  if (kind !== "scaleShift") return { inputs: x, outputGradients: g };
  const positions = Array.from({ length: g.shape.length - 2 }, (_, i) => i + 1);
  const sum = (y: JaxArray) => positions.length === 0 ? y : np.sum(y, positions);
  const scales = sum(x.mul(shift ? g.ref : g));
  return { gradients: shift ? np.concatenate([scales, sum(g)], 1) : scales };
}

/** Whether the part of a tree that a layer names has a `b`. */
function hasBias(params: JaxParams, name: string): boolean {
  const part = name.split(".").reduce((tree, key) => tree[key] as JaxParams, params);
  return "b" in part;
}

function isInteger({ dtype }: JaxArray): boolean {
  return dtype === "int32" || dtype === "uint32";
}

/** All probes in their order, from a pass that computes nothing. */
function probedPlaces<P extends JaxParams>(
  layers: JaxLayers,
  loss: (params: P, probe: Probe, ...batch: JaxArray[]) => JaxArray,
  params: P,
  batch: readonly JaxArray[],
): readonly Place[] {
  const subject = "Cannot differentiate the loss";
  const places: Place[] = [];
  const probe: Probe = (name, x, z) => {
    if (!(name in layers)) {
      const names = Object.keys(layers).map((layer) => `'${layer}'`).join(", ");
      throw new OptionError(subject, "probe", `must be one of ${names}`, name);
    }
    if (z.shape[0] !== batch[0].shape[0]) {
      const expected = `outputs of '${name}' that begin with the ${batch[0].shape[0]} examples`;
      throw new ShapeError(subject, expected, `[${z.shape.join(", ")}]`);
    }
    const expectation = wrongInputs(layers[name], isInteger(x));
    if (expectation !== undefined) {
      throw new OptionError(subject, `probe of '${name}'`, expectation, x.dtype);
    }
    places.push({ layer: name, inputs: x.shape, outputs: z.shape });
    x.dispose();
    return z;
  };
  makeJaxpr((params: P, ...batch: JaxArray[]) => loss(params, probe, ...batch))(params, ...batch);
  const missing = Object.keys(layers).find((name) => !places.some(({ layer }) => layer === name));
  if (missing !== undefined) {
    throw new OptionError(subject, `layers.${missing}`, "must be probed by the loss", "no probe");
  }
  return places;
}

/** What inputs of a layer have to be, where these are something else. */
function wrongInputs(layer: JaxLayer, integers: boolean): string | undefined {
  if (layer.kind !== "embedding") {
    return integers ? "must be of numbers: integers are looked up in a table" : undefined;
  }
  if (integers || layer.tied) return undefined;
  return "must be of integers; a table that is the weights of a head, too, says 'tied: true'";
}

/** Images [N, channels, height, width] as [N, height, width, channels]. */
function channelsLast(x: JaxArray): JaxArray {
  return np.transpose(x, [0, 2, 3, 1]);
}

/** Adds updates to parameters. Consumes both. */
export function applyUpdates<P extends JaxParams>(params: P, updates: P): P {
  return tree.map((p: JaxArray, u: JaxArray) => p.add(u), params, updates) as unknown as P;
}
