/**
 * What a step of many ranks takes, from the speed of kernels and of a network.
 *
 * @module
 */

import {
  type Network,
  sharedSeconds,
  type SharedTask,
  workerCounts,
} from "@tekfac/tekfac/distributed";
import { presets } from "@tekfac/tekfac/optim";
import type { LayerShape, NetworkShape } from "./shapes.ts";

/** How fast things are. */
export interface Speeds extends Network {
  /** Of products of matrices, operations per second. */
  readonly products: number;
  /** Of eigenproblems: cubes of their sizes per second. */
  readonly cubes: number;
}

/** What is trained with. */
export type Method = "sgd" | "low rank" | "full";

/** Directions a side at low rank. */
const RANK = Number(presets.default.rank);

/** Share of a batch that is observed. */
const OBSERVED = presets.default.observe.share;

/** Steps between bases of full rank. */
const FULL_BASES = 100;

const BYTES = 4;

const sumOf = (layers: readonly LayerShape[], of: (layer: LayerShape) => number): number =>
  layers.reduce((sum, layer) => sum + of(layer), 0);

const isLow = ({ dOut, dIn }: LayerShape): boolean => Math.max(dOut, dIn) > RANK;

/** Bytes that a rank hands over for sums in a step, on average. */
export function summedBytes({ layers }: NetworkShape, method: Method): number {
  const gradients = sumOf(layers, ({ dOut, dIn }) => dOut * dIn);
  if (method === "sgd") return BYTES * gradients;
  const triangles = ({ dOut, dIn }: LayerShape) => (dOut * (dOut + 1) + dIn * (dIn + 1)) / 2;
  const full = (layer: LayerShape) => triangles(layer) + layer.dOut * layer.dIn;
  const low = ({ dOut, dIn }: LayerShape) => {
    const [k, l] = [Math.min(RANK, dOut), Math.min(RANK, dIn)];
    return k * dOut + l * dIn + (k + 1) * (l + 1);
  };
  const observed = method === "low rank"
    ? sumOf(layers, (layer) => isLow(layer) ? low(layer) : full(layer)) / 2
    : sumOf(layers, full) / 10;
  return BYTES * (gradients + observed);
}

/**
 * Bytes of bases that a rank hands over in a step, on average over steps and ranks: where all keep all, new ones; where
 * some keep each layer, those that the others are lent when they observe.
 *
 * @param workers Ranks that keep each layer.
 */
export function basesBytes(
  { layers }: NetworkShape,
  method: Method,
  ranks: number,
  workers: number,
): number {
  if (method === "sgd") return 0;
  const full = ({ dOut, dIn }: LayerShape) => dOut ** 2 + dIn ** 2;
  if (workers === ranks) {
    return method === "full" ? BYTES * sumOf(layers, full) / FULL_BASES / ranks : 0;
  }
  const lentFull = (layer: LayerShape) => full(layer) + layer.dOut + layer.dIn;
  const low = ({ dOut, dIn }: LayerShape) => {
    const [k, l] = [Math.min(RANK, dOut), Math.min(RANK, dIn)];
    return 2 * (k * dOut + l * dIn) + (k + 1) ** 2 + (l + 1) ** 2;
  };
  const lent = method === "low rank"
    ? sumOf(layers, (layer) => isLow(layer) ? low(layer) : lentFull(layer)) / 2
    : sumOf(layers, lentFull) / 10;
  const renewed = method === "full" ? sumOf(layers, full) / FULL_BASES * (workers - 1) : 0;
  return BYTES * (lent * (ranks - workers) + renewed) / ranks;
}

/**
 * Bytes of directions that a rank hands over in a step, on average over ranks.
 *
 * @param workers Ranks that make each direction.
 */
export function directionBytes({ layers }: NetworkShape, ranks: number, workers: number): number {
  const columns = ranks / workers;
  // Each is sent to the other ranks of the row.
  return BYTES * sumOf(layers, ({ dOut, dIn }) => dOut * dIn) * (columns - 1) / columns;
}

/** Seconds of a sum over ranks: round a ring or along a tree, whichever is faster. */
export function sumSeconds(bytes: number, ranks: number, { latency, bandwidth }: Network): number {
  if (ranks === 1) return 0;
  const ring = 2 * (ranks - 1) * (latency + bytes / ranks / bandwidth);
  const tree = 2 * Math.ceil(Math.log2(ranks)) * (latency + bytes / bandwidth);
  return Math.min(ring, tree);
}

/** Bytes of gradients that are enough for a message while the backward pass goes on. */
const PIECE = 1 << 18;

/** Seconds of all sums of an average step: those of many numbers, and the short ones. */
export function allSumsSeconds(
  network: NetworkShape,
  method: Method,
  ranks: number,
  net: Network,
): number {
  const gradients = BYTES * sumOf(network.layers, ({ dOut, dIn }) => dOut * dIn);
  // Places, loss; and where a step observes guards, statistics, eigenvalues, curvature.
  const observing = method === "sgd" ? 0 : method === "low rank" ? 4 / 2 : 4 / 10;
  const messages = 2 + observing + Math.floor(gradients / PIECE);
  return sumSeconds(summedBytes(network, method), ranks, net) +
    messages * sumSeconds(0, ranks, net);
}

/** Seconds until all ranks have what each has a part of. */
function gatherSeconds(bytes: number, ranks: number, { latency, bandwidth }: Network): number {
  return Math.ceil(Math.log2(ranks)) * latency + (ranks - 1) / ranks * bytes / bandwidth;
}

/** The directions of a step, as tasks. */
function directionsOf(
  { layers }: NetworkShape,
  method: Method,
  { products }: Speeds,
): readonly SharedTask[] {
  return layers.map(({ dOut, dIn }) => ({
    seconds: (method === "low rank" ? 8 * RANK : 4 * (dOut + dIn)) * dOut * dIn / products,
    bytes: BYTES * dOut * dIn,
  }));
}

/** Ranks that make each direction in the fastest step, and its seconds. */
export function fastest(
  network: NetworkShape,
  method: Method,
  ranks: number,
  speeds: Speeds,
): { readonly workers: number; readonly seconds: number } {
  return workerCounts(ranks).reverse()
    .map((workers) => ({
      workers,
      seconds: stepSeconds(network, method, { ranks, workers }, speeds),
    }))
    .reduce((best, other) => other.seconds < best.seconds ? other : best);
}

/** Who does what. */
export interface Sharing {
  /** How many there are. */
  readonly ranks: number;
  /** Ranks that make each direction. */
  readonly workers: number;
  /** Whether they alone keep the layer. @default {false} */
  readonly divided?: boolean;
}

/** Seconds of an average step. */
export function stepSeconds(
  network: NetworkShape,
  method: Method,
  { ranks, workers, divided = false }: Sharing,
  speeds: Speeds,
): number {
  const { layers, batch } = network;
  const { products, cubes } = speeds;
  const pass = sumOf(layers, ({ dOut, dIn, positions }) => 2 * batch * positions * dOut * dIn);
  const gradients = 3 * pass / products + allSumsSeconds(network, method, ranks, speeds);
  if (method === "sgd") return gradients;

  const rows = ({ positions }: LayerShape) => OBSERVED * batch * positions;
  const again = 2 * OBSERVED * pass; // a backward pass of what is observed
  const directions = sharedSeconds(directionsOf(network, method, speeds), ranks, workers, speeds);
  const columns = ranks / workers;
  // A rank gets as much as it sends.
  const lent = divided && columns > 1
    ? (columns - 1) * speeds.latency +
      basesBytes(network, method, ranks, workers) / speeds.bandwidth
    : 0;
  const always = gradients + directions + lent;
  if (method === "low rank") {
    const looking = sumOf(layers, (layer) => 6 * rows(layer) * RANK * (layer.dOut + layer.dIn));
    const bases = sumOf(layers, ({ dOut, dIn }) => 20 * RANK ** 2 * (dOut + dIn)) / 10;
    return always + ((again + looking) / 2 + bases) / products;
  }
  const looking = sumOf(layers, (layer) => {
    const { dOut, dIn } = layer;
    return 2 * rows(layer) * (dOut ** 2 + dIn ** 2) + 2 * rows(layer) * dOut * dIn;
  });
  // Given out, the longest first.
  const problems = layers.flatMap(({ dOut, dIn }) => [dOut ** 3, dIn ** 3]);
  const all = problems.reduce((sum, cube) => sum + cube, 0);
  const busiest = Math.max(Math.max(...problems), all / ranks);
  const bases = BYTES * sumOf(layers, ({ dOut, dIn }) => dOut ** 2 + dIn ** 2);
  return always + (again + looking) / 10 / products +
    (busiest / cubes + gatherSeconds(bases, ranks, speeds)) / FULL_BASES;
}
