/**
 * Choosing tiles by measuring them on the adapter at hand, once, beside the first product that is worth
 * it. Until the answer is there, and where there is none, the first tile of each kind serves.
 *
 * @module
 */

import type { TuningCache } from "./gpu_options.ts";
import { sharedBytes, type Tile, type TileKind, TILES } from "./tiles.ts";

/** Runs a product of square matrices on the device and tells how long it took. */
export interface TileTiming {
  /** Milliseconds per run of each tile at size n; `undefined` where a tile was not measured in time. */
  measure(n: number, tiles: readonly Tile[]): Promise<readonly (number | undefined)[]>;
}

/** Fewer multiply-adds than this are no reason to measure. */
const WORTH_TUNING = 1 << 24;

/** What all measurements of a kind together may take. */
const BUDGET_MS = 40;

/** A tile has to be faster by this factor than the first to take its place: timings scatter. */
const CLEARLY = 0.97;

/** Size of the first measurement, and how it may grow. */
const SIZES: Readonly<Record<TileKind, readonly number[]>> = {
  large: [512, 1024, 2048],
  small: [128, 256, 512],
};

/** The tiles of one device. */
export class TileTuner {
  readonly #chosen: Record<TileKind, Tile>;
  readonly #adapter: string;
  readonly #cache: TuningCache;
  readonly #fitting: Readonly<Record<TileKind, readonly Tile[]>>;
  /** Kinds that are still to be measured. */
  readonly #open = new Set<TileKind>();
  readonly #least: number;
  #timing: TileTiming | undefined;
  #running: Promise<void> | undefined;

  /**
   * Takes what the cache knows of the adapter.
   *
   * @param bytes Shared memory of a workgroup.
   * @param tuning `off` measures nothing, `always` beside any product.
   */
  constructor(
    adapter: string,
    bytes: number,
    cache: TuningCache,
    tuning: "on" | "always" | "off",
  ) {
    this.#adapter = adapter;
    this.#cache = cache;
    const fitting = (kind: TileKind) => TILES[kind].filter((tile) => sharedBytes(tile) <= bytes);
    this.#fitting = { large: fitting("large"), small: fitting("small") };
    this.#chosen = { large: this.#fitting.large[0], small: this.#fitting.small[0] };
    this.#least = tuning === "always" ? 0 : WORTH_TUNING;
    for (const kind of ["large", "small"] as const) {
      const name = cache.get(adapter, kind);
      const known = this.#fitting[kind].find((tile) => tile.name === name);
      if (known !== undefined) this.#chosen[kind] = known;
      else if (tuning !== "off") this.#open.add(kind);
    }
  }

  /** Gives it something to measure with. */
  start(timing: TileTiming): void {
    this.#timing = timing;
  }

  /** The tile for a product of so many multiply-adds; measuring begins where it is due. */
  tileOf(kind: TileKind, multiplyAdds: number): Tile {
    if (this.#open.has(kind) && multiplyAdds >= this.#least && this.#running === undefined) {
      this.#running = this.#tune(kind).finally(() => this.#running = undefined);
    }
    return this.#chosen[kind];
  }

  /** Resolves when nothing is being measured. */
  async settle(): Promise<void> {
    await this.#running;
  }

  /** Measures no more. */
  stop(): void {
    this.#open.clear();
    this.#timing = undefined;
  }

  async #tune(kind: TileKind): Promise<void> {
    this.#open.delete(kind);
    // After the product that was the reason.
    await Promise.resolve();
    const tiles = this.#fitting[kind];
    try {
      const best = await this.#fastest(kind, tiles);
      if (best === undefined) return;
      this.#chosen[kind] = best;
      this.#cache.set(this.#adapter, kind, best.name);
    } catch {
      // A device that fails says so to whoever computes with it; a choice of tiles is no reason to stop.
    }
  }

  async #fastest(kind: TileKind, tiles: readonly Tile[]): Promise<Tile | undefined> {
    const [smallest] = SIZES[kind];
    const first = (await this.#timing?.measure(smallest, tiles.slice(0, 1)))?.[0];
    if (first === undefined) return undefined;
    const costOf = (n: number): number => 4 * tiles.length * first * (n / smallest) ** 3;
    const n = SIZES[kind].findLast((size) => costOf(size) <= BUDGET_MS) ?? smallest;
    const times = await this.#timing?.measure(n, tiles);
    if (times?.[0] === undefined) return undefined;
    let best = 0;
    times.forEach((time, i) => {
      if (time !== undefined && time < CLEARLY * times[best]!) best = i;
    });
    return tiles[best];
  }
}
