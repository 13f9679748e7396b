/**
 * Launching the kernels that are tiled matrix products: which tile, and whether the depth is shared out.
 *
 * @module
 */

import type { Matrix } from "../../../core/matrix.ts";
import type { Scalar } from "../../backend.ts";
import { combine } from "../device/_kernels.gen.ts";
import { elementGrid, type Machine } from "../device/machine.ts";
import type { Shader } from "../device/shader.ts";
import type { Tile } from "../device/tiles.ts";

/** Sizes of a product `[m, n] = [m, depth] [depth, n]`. */
export interface ProductShape {
  /** Rows of the result. */
  readonly m: number;
  /** Columns of the result. */
  readonly n: number;
  /** Terms of each sum. */
  readonly depth: number;
}

/** How a product is launched. */
export interface ProductLaunch {
  /** Whether the left operand is contiguous in k, so that neighbours load along it. @default {true} */
  readonly leftAlongK?: boolean;
  /** Whether the right operand is contiguous in k. @default {false} */
  readonly rightAlongK?: boolean;
  /** Whether only sums at and above the diagonal are wanted. @default {false} */
  readonly upperOnly?: boolean;
  /** Products computed together. @default {1} */
  readonly batches?: number;
  /**
   * Set where operands begin and continue at multiples of four numbers: the shader whose operands are in
   * the shared text `<vectors>_operands`, and as vectors in `<vectors>_operands_vec4`.
   */
  readonly vectors?: "gemm" | "second_moment" | undefined;
}

/** Fields of `Params` that every product has and its launch fills in. */
type Common = "m" | "n" | "depth" | "parts" | "partDepth";

/** Sides that decide between kinds of tiles, and into how many parts; never tuned, so that results repeat. */
const LARGE = 128;
const SMALL = 32;

/** With fewer workgroups than this a device is not busy, and smaller tiles or parts are taken. */
const BUSY = 128;

/** Terms of a sum below which sharing them out costs more than it saves. */
const LEAST_DEPTH = 256;

/** Numbers of all parts together: beyond, less is shared out. */
const MOST_PART_NUMBERS = 1 << 22;

/** Enqueues a product whose depth is not shared out. */
export function product<B extends string, P extends string>(
  machine: Machine,
  shader: Shader<B, P>,
  operands: Readonly<Record<B, Scalar | undefined>>,
  numbers: Readonly<Record<Exclude<P, Common>, number>>,
  shape: ProductShape,
  launch: ProductLaunch = {},
): void {
  launchProduct(machine, shader, operands, numbers, shape, launch, 1);
}

/**
 * Enqueues an accumulating product, `c = decay c + scale (sums)`: many terms of few sums are shared out
 * over workgroups, and their parts combined in order.
 *
 * @param operands Without the output `c`.
 * @param c The output.
 * @param flush Whether denormals become 0.
 */
export function accumulate<B extends string, P extends string>(
  machine: Machine,
  shader: Shader<B | "c", P | "decay" | "scale" | "cBatch">,
  c: Matrix,
  operands: Readonly<Record<Exclude<B, "c">, Scalar | undefined>>,
  numbers: Readonly<Record<Exclude<P, Common | "decay" | "scale" | "cBatch">, number>>,
  { decay = 0, scale = 1 }: { readonly decay?: number; readonly scale?: number },
  shape: ProductShape,
  launch: ProductLaunch & { readonly flush?: boolean } = {},
): void {
  const { m, n } = shape;
  const parts = partsOf(shape);
  const run = (target: Matrix, blend: { decay: number; scale: number }): void => {
    const all = { ...operands, c: target } as Record<B | "c", Scalar | undefined>;
    const every = { ...numbers, ...blend, cBatch: m * n } as unknown as Record<string, number>;
    launchProduct(machine, shader as Shader<string, string>, all, every, shape, launch, parts);
  };
  if (parts === 1) return run(c, { decay, scale });
  machine.scope(() => {
    const partials = machine.temporary(parts * m, n);
    run(partials, { decay: 0, scale: 1 });
    machine.run(
      combine,
      { out: c, parts: partials },
      { rows: m, cols: n, count: parts, decay, scale, flush: launch.flush ? 1 : 0 },
      elementGrid(m * n),
    );
  });
}

/** Into how many runs of terms a product is worth dividing. */
function partsOf({ m, n, depth }: ProductShape): number {
  const tiles = Math.ceil(m / SMALL) * Math.ceil(n / SMALL);
  const wanted = Math.floor(BUSY / tiles);
  const most = Math.min(Math.floor(depth / LEAST_DEPTH), Math.floor(MOST_PART_NUMBERS / (m * n)));
  return Math.max(1, Math.min(wanted, most));
}

function launchProduct(
  machine: Machine,
  shader: Shader<string, string>,
  operands: Readonly<Record<string, Scalar | undefined>>,
  numbers: Readonly<Record<string, number>>,
  shape: ProductShape,
  launch: ProductLaunch,
  parts: number,
): void {
  const { m, n, depth } = shape;
  const layers = (launch.batches ?? 1) * parts;
  const busy = Math.ceil(m / LARGE) * Math.ceil(n / LARGE) * layers >= BUSY;
  const tile = machine.tuner.tileOf(busy ? "large" : "small", m * n * depth);
  launchInTile(machine, shader, operands, numbers, shape, launch, parts, tile);
}

/**
 * Enqueues a product in a given tile.
 *
 * @param parts Runs into which the sums are divided; each has a multiple of four terms, but the last.
 */
export function launchInTile(
  machine: Machine,
  shader: Shader<string, string>,
  operands: Readonly<Record<string, Scalar | undefined>>,
  numbers: Readonly<Record<string, number>>,
  { m, n, depth }: ProductShape,
  launch: ProductLaunch,
  parts: number,
  tile: Tile,
): void {
  const { leftAlongK = true, rightAlongK = false, upperOnly = false, batches = 1 } = launch;
  const vectors = tile.vectors ? launch.vectors : undefined;
  const operandsOf = `${vectors}_operands`;
  machine.run(
    shader,
    operands,
    { ...numbers, m, n, depth, parts, partDepth: 4 * Math.ceil(depth / parts / 4) },
    [Math.ceil(n / tile.cols), Math.ceil(m / tile.rows), batches * parts],
    {
      texts: {
        tiles: tile.text,
        ...(vectors && { loads: "loads_vec4", [operandsOf]: `${operandsOf}_vec4` }),
      },
      overrides: {
        THREADS_I: tile.threadsI,
        THREADS_J: tile.threadsJ,
        DEPTH: tile.depth,
        LEFT_ALONG_K: leftAlongK,
        RIGHT_ALONG_K: rightAlongK,
        ...(upperOnly && { UPPER_ONLY: true }),
      },
    },
  );
}

/** Whether the rows of an operand begin at multiples of four numbers and hold a multiple of four. */
export function isInFours({ offset, stride, cols }: Matrix, batch = 0): boolean {
  return (offset | stride | cols | batch) % 4 === 0;
}
