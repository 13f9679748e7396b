/**
 * What a user may say of the GPU backend, and what it has found out of an adapter.
 *
 * @module
 */

import { DataError, OptionError } from "../../core/errors.ts";
import { checkChoice, checkKnownKeys, checkNumber } from "../../core/options.ts";
import { type TileKind, TILES } from "./tiles.ts";

/** Options of the WebGPU backend. */
export interface GpuOptions {
  /**
   * Whether the tiles of matrix products are chosen by a short measurement (under 100 ms, beside the
   * first large product): `"auto"` does so on hardware, `"always"` on software adapters too. Results are
   * the same, bit by bit, whatever is chosen. @default {"auto"}
   */
  readonly tuning?: "auto" | "always" | "off";
  /** Remembers what was measured, so that it is not measured again. @default {one for this backend} */
  readonly tunings?: TuningCache;
  /**
   * Most bytes of a matrix that a kernel sees at a time; verbs with larger ones run by rows. Lower than
   * the device's own limit it is of use in tests. @default {the device's `maxStorageBufferBindingSize`}
   */
  readonly bindingBytes?: number;
}

/**
 * The fastest tiles of matrix products by adapter, kept by the caller: over several backends, or over
 * runs of a program, as JSON.
 *
 * @example Kept in a string
 * ```ts
 * import assert from "node:assert/strict";
 * import { TuningCache } from "@tekfac/tekfac/backend";
 *
 * const cache = new TuningCache();
 * cache.set("NVIDIA H200", "large", "64x64x16 vec4");
 * const later = TuningCache.parse(JSON.stringify(cache));
 * assert.equal(later.get("NVIDIA H200", "large"), "64x64x16 vec4");
 * ```
 */
export class TuningCache {
  readonly #tiles = new Map<string, string>();

  /**
   * What is in a text of `JSON.stringify(cache)`.
   *
   * @throws {DataError} When it is none.
   */
  static parse(text: string): TuningCache {
    const cache = new TuningCache();
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw new DataError("tuning cache", "it is not JSON", { cause });
    }
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    const entries: [string, unknown][] = isObject ? Object.entries(value!) : [["", value]];
    for (const [key, tile] of entries) {
      if (typeof tile !== "string") {
        const expected = "expected an object of names, as JSON.stringify writes a TuningCache";
        throw new DataError("tuning cache", `${expected}, received ${text}`);
      }
      cache.#tiles.set(key, tile);
    }
    return cache;
  }

  /** Names of the tiles there are of a kind; the first is taken where nothing was measured. */
  static namesOf(kind: TileKind): readonly string[] {
    return TILES[kind].map(({ name }) => name);
  }

  /** Name of the fastest tile of a kind, if it is known. */
  get(adapter: string, kind: TileKind): string | undefined {
    return this.#tiles.get(`${adapter} | ${kind}`);
  }

  /**
   * Remembers a tile.
   *
   * @param adapter Name of the adapter.
   * @param kind For products that fill the device with large tiles, or for the others.
   * @param tile `"128x128x8 vec4"`: rows, columns, depth, and whether four numbers are loaded at a time.
   * @throws {OptionError} When there is no such tile.
   */
  set(adapter: string, kind: TileKind, tile: string): void {
    const names = TuningCache.namesOf(kind);
    if (!names.includes(tile)) {
      const expected = `must be one of [${names.map((name) => `'${name}'`).join(", ")}]`;
      throw new OptionError("Cannot remember a tile", "tile", expected, tile);
    }
    this.#tiles.set(`${adapter} | ${kind}`, tile);
  }

  /** A plain object, for `JSON.stringify`. */
  toJSON(): Record<string, string> {
    return Object.fromEntries(this.#tiles);
  }
}

/**
 * Checks the options.
 *
 * @throws {OptionError} For an unknown key or a value outside its range.
 */
export function checkGpuOptions(subject: string, options: GpuOptions): void {
  checkKnownKeys(subject, options, ["tuning", "tunings", "bindingBytes"], "gpu.");
  const { tuning, tunings, bindingBytes = 1024 } = options;
  if (tuning !== undefined) checkChoice(subject, "gpu.tuning", tuning, ["auto", "always", "off"]);
  checkNumber(subject, "gpu.bindingBytes", bindingBytes, { min: 1024, integer: true });
  if (tunings !== undefined && !(tunings instanceof TuningCache)) {
    throw new OptionError(subject, "gpu.tunings", "must be a TuningCache", tunings);
  }
}
