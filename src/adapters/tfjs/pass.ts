/**
 * One forward and backward pass of a TensorFlow.js model that leaves captures behind, without a change
 * to the model.
 *
 * @module
 */

import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
import { ShapeError, StateError } from "../../core/errors.ts";
import type { Matrix } from "../../core/matrix.ts";
import type { ExternalUse } from "../../optim/external_capture.ts";
import type { Site, WatchedLayer } from "./layers.ts";
import { type Destination, type SeenUse, type Trace, watch } from "./watch.ts";
import { toMatrix } from "./weights.ts";

/** What a pass left behind; matrices are scratch of the caller's scope. */
export interface Pass {
  /** The loss as the framework computed it, penalties included. The caller disposes it. */
  readonly value: tf.Scalar;
  /** N. */
  readonly examples: number;
  /** By site, one for each use; of those that leave captures. */
  readonly captures: ReadonlyMap<Site, readonly ExternalUse[]>;
  /** Gradients of the loss by what the captures do not tell: of penalties, and of layers without captures. */
  readonly gradients: ReadonlyMap<Site, Matrix>;
}

/**
 * Runs `f` and its backward pass.
 *
 * @param f Computes the loss: the mean of per-example losses, plus penalties.
 * @param layers All trained layers of the model that `f` calls.
 * @param destination The weights, and the backend that takes what is found, inside a scope.
 * @throws {StateError} When a layer with captures is called more often than the model says, or not at all.
 */
export function recordPass(
  f: () => tf.Scalar,
  layers: readonly WatchedLayer[],
  destination: Omit<Destination, "anchor">,
): Pass {
  const anchor = tf.tidy(() => tf.variable(tf.scalar(0)));
  const to = { ...destination, anchor };
  const traces = new Map<WatchedLayer, Trace>();
  const undo: (() => void)[] = [() => anchor.dispose()];
  try {
    for (const layer of layers) {
      const watched = watch(layer, to);
      undo.push(watched.undo);
      traces.set(layer, watched.trace);
    }
    const sites = layers.flatMap((layer) => layer.sites);
    const variables = sites.flatMap((site) => site.variables);
    // Weights of watched operations have a gradient only where something else depends on them, too.
    const { value, grads } = tf.variableGrads(f, [anchor, ...variables]);
    try {
      const rest = sites.filter((site) =>
        !leavesUses(site) || site.variables.some(({ name }) => grads[name] !== undefined)
      );
      const gradients = new Map(rest.map((site) => [site, gradientOf(site, grads, to)]));
      return { value, ...collect(traces, to), gradients };
    } catch (error) {
      value.dispose();
      throw error;
    } finally {
      tf.dispose(grads);
    }
  } finally {
    while (undo.length > 0) undo.pop()!();
  }
}

function leavesUses({ parameter: { layer: { kind } } }: Site): boolean {
  return kind !== "other" && kind !== "normalization";
}

/** A site's gradient as a matrix; zeros for variables that the loss does not depend on. */
function gradientOf(site: Site, grads: tf.NamedTensorMap, to: Destination): Matrix {
  const gradient = to.external.backend.scratch(...site.parameter.shape);
  tf.tidy(() => {
    const tensors = site.variables.map((v): tf.Tensor => grads[v.name] ?? tf.zerosLike(v));
    to.exchange.write(gradient, toMatrix(site, tensors));
  });
  return gradient;
}

/** What the layers left behind, once all of them have been seen. */
function collect(
  traces: ReadonlyMap<WatchedLayer, Trace>,
  { external: { backend } }: Destination,
): Pick<Pass, "examples" | "captures"> {
  const captures = new Map<Site, readonly ExternalUse[]>();
  let examples = 0;
  for (const [{ layer: { name }, calls }, trace] of traces) {
    examples ||= trace.examples;
    for (const [site, uses] of trace.uses) {
      if (!leavesUses(site)) continue;
      if (trace.calls === 0 || trace.calls !== (calls ?? trace.calls)) {
        throw new StateError(
          `Cannot optimize layer '${name}': expected it to be called ${
            counted(calls)
          } in a step, received ` +
            `${trace.calls} calls`,
        );
      }
      if (trace.examples !== examples) {
        throw new ShapeError(
          `Cannot optimize layer '${name}'`,
          `${examples} examples, as other layers had`,
          `${trace.examples}`,
        );
      }
      captures.set(site, uses.map((use) => use.complete(outputGradientsOf(use))));
    }
  }
  return { examples, captures };

  function outputGradientsOf({ outputGradients, shape }: SeenUse): Matrix {
    if (outputGradients !== undefined) return outputGradients;
    // The loss does not depend on this use.
    const zeros = backend.scratch(...shape);
    backend.write(zeros, new Float32Array(shape[0] * shape[1]));
    return zeros;
  }
}

function counted(calls: number | undefined): string {
  if (calls === undefined) return "for every step of a sequence";
  return calls === 1 ? "once" : `${calls} times, as often as the model uses it`;
}
