/**
 * The tiles in which a product can be computed. All of them add up in the same order, so that the choice
 * among them is of speed alone.
 *
 * @module
 */

/**
 * `large` for products that keep a device busy with large tiles, `small` for the others; which of the two
 * it is depends on the sizes alone.
 */
export type TileKind = "large" | "small";

/** A way to compute a product. */
export interface Tile {
  /** Rows, columns and depth of what a workgroup works on, and `vec4` where it loads vectors. */
  readonly name: string;
  /** The shared text. */
  readonly text: "tiles" | "tiles_small";
  /** Rows of a workgroup's sums. */
  readonly rows: number;
  /** Columns of a workgroup's sums. */
  readonly cols: number;
  /** Rows of invocations. */
  readonly threadsI: number;
  /** Columns of invocations. */
  readonly threadsJ: number;
  /** Terms that are staged in shared memory at a time; a multiple of 4. */
  readonly depth: number;
  /** Whether operands that allow it are loaded four numbers at a time. */
  readonly vectors: boolean;
}

function tile(
  text: Tile["text"],
  threadsI: number,
  threadsJ: number,
  depth: number,
  vectors = true,
): Tile {
  // Sums of an invocation, each way: MICRO of the text.
  const micro = text === "tiles" ? 8 : 4;
  const [rows, cols] = [micro * threadsI, micro * threadsJ];
  const name = `${rows}x${cols}x${depth}${vectors ? " vec4" : ""}`;
  return { name, text, rows, cols, threadsI, threadsJ, depth, vectors };
}

/** What there is of each kind; the first is taken where nothing was measured. */
export const TILES: Readonly<Record<TileKind, readonly Tile[]>> = {
  large: [
    tile("tiles", 16, 16, 8),
    tile("tiles", 16, 16, 8, false),
    tile("tiles", 8, 16, 8),
    tile("tiles", 8, 8, 16),
    tile("tiles", 16, 16, 16),
  ],
  small: [
    tile("tiles_small", 8, 8, 16),
    tile("tiles_small", 8, 8, 16, false),
    tile("tiles_small", 8, 8, 32),
    tile("tiles_small", 16, 16, 16),
  ],
};

/** Bytes of shared memory of a tile: a vector of padding to every line. */
export function sharedBytes({ rows, cols, depth }: Tile): number {
  return 16 * depth * (rows / 4 + cols / 4 + 2);
}
