/**
 * What a step of many ranks takes, from the speed of kernels and of a network.
 *
 * @module
 */

import type { LayerShape, NetworkShape } from "./shapes.ts";

/** How fast things are. */
export interface Speeds {
  /** Of products of matrices, operations per second. */
  readonly products: number;
  /** Of eigenproblems: cubes of their sizes per second. */
  readonly cubes: number;
  /** Of a message, seconds. */
  readonly latency: number;
  /** Bytes per second through a rank. */
  readonly bandwidth: number;
}

/** What is trained with. */
export type Method = "sgd" | "low rank" | "full, alone" | "full, bases" | "full, directions";

/** All of them. */
export const methods: readonly Method[] = [
  "sgd",
  "low rank",
  "full, alone",
  "full, bases",
  "full, directions",
];

/** Directions a side at low rank. */
const RANK = 32;

/** Share of a batch that is observed. */
const OBSERVED = 1 / 4;

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

/** Seconds of a sum over ranks: round a ring or along a tree, whichever is faster. */
export function sumSeconds(bytes: number, ranks: number, { latency, bandwidth }: Speeds): number {
  if (ranks === 1) return 0;
  const ring = 2 * (ranks - 1) * (latency + bytes / ranks / bandwidth);
  const tree = 2 * Math.ceil(Math.log2(ranks)) * (latency + bytes / bandwidth);
  return Math.min(ring, tree);
}

/** Seconds until all ranks have what each has a part of. */
function gatherSeconds(bytes: number, ranks: number, { latency, bandwidth }: Speeds): number {
  return Math.ceil(Math.log2(ranks)) * latency + (ranks - 1) / ranks * bytes / bandwidth;
}

/** Seconds of an average step. */
export function stepSeconds(
  network: NetworkShape,
  method: Method,
  ranks: number,
  speeds: Speeds,
): number {
  const { layers, batch } = network;
  const { products, cubes, latency } = speeds;
  const pass = sumOf(layers, ({ dOut, dIn, positions }) => 2 * batch * positions * dOut * dIn);
  const gradients = 3 * pass / products + sumSeconds(summedBytes(network, method), ranks, speeds);
  if (method === "sgd") return gradients;

  const rows = ({ positions }: LayerShape) => OBSERVED * batch * positions;
  const again = 2 * OBSERVED * pass; // a backward pass of what is observed
  // Messages besides the sums: places, guards, statistics, eigenvalues, curvature.
  const small = ranks === 1 ? 0 : 5 * Math.ceil(Math.log2(ranks)) * latency;
  if (method === "low rank") {
    const looking = sumOf(layers, (layer) => 6 * rows(layer) * RANK * (layer.dOut + layer.dIn));
    const bases = sumOf(layers, ({ dOut, dIn }) => 20 * RANK ** 2 * (dOut + dIn)) / 10;
    const directions = sumOf(layers, ({ dOut, dIn }) => 8 * RANK * dOut * dIn);
    return gradients + small + ((again + looking) / 2 + bases + directions) / products;
  }
  const looking = sumOf(layers, (layer) => {
    const { dOut, dIn } = layer;
    return 2 * rows(layer) * (dOut ** 2 + dIn ** 2) + 2 * rows(layer) * dOut * dIn;
  });
  const problems = layers.flatMap(({ dOut, dIn }) => [dOut ** 3, dIn ** 3]);
  const turning = layers.map(({ dOut, dIn }) => 4 * dOut * dIn * (dOut + dIn));
  // Of tasks that are given out, the longest first.
  const busiest = (tasks: readonly number[]) =>
    Math.max(Math.max(...tasks), tasks.reduce((a, b) => a + b) / ranks);
  const all = (tasks: readonly number[]) => tasks.reduce((a, b) => a + b);
  const shares = method === "full, alone" ? all : busiest;
  const moved = method === "full, alone"
    ? 0
    : gatherSeconds(BYTES * sumOf(layers, ({ dOut, dIn }) => dOut ** 2 + dIn ** 2), ranks, speeds);
  const directions = method === "full, directions"
    ? busiest(turning) / products +
      gatherSeconds(BYTES * sumOf(layers, ({ dOut, dIn }) => dOut * dIn), ranks, speeds)
    : all(turning) / products;
  return gradients + small + (again + looking) / 10 / products +
    (shares(problems) / cubes + moved) / 100 + directions;
}
