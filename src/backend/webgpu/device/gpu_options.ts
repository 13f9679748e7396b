/**
 * What a user may say of the GPU backend, and what it has found out of an adapter.
 *
 * @module
 */

import { DataError, OptionError } from "../../../core/errors.ts";
import { checkChoice, checkKnownKeys, checkNumber } from "../../../core/options.ts";
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
   * Where the eigenproblems of background refreshes are solved that need not be deterministic: by Jacobi
   * on the device, or on the host in WebAssembly, on `threads` threads. `"auto"` tries both once per size
   * and takes what keeps training waiting for less. All others are solved on the device.
   *
   * @default {"auto"}
   */
  readonly eigh?: "auto" | "device" | "host";
  /**
   * Whether sums over many numbers (`dot`, `sum`, `trace`, `loss`) use subgroups where the device has
   * them and its compiler knows them. Their order is then the adapter's: equal on equal runs, but results
   * differ from those without by some roundings. @default {"auto"}
   */
  readonly subgroups?: "auto" | "off";
  /**
   * Most bytes of a matrix that a kernel sees at a time; verbs with larger ones run by rows. Lower than
   * the device's own limit it is of use in tests. @default {the device's `maxStorageBufferBindingSize`}
   */
  readonly bindingBytes?: number;
}

/**
 * What a choice is about: tiles of products that fill the device with large ones, tiles of the others, or
 * where eigenproblems of a size are solved.
 */
export type TuningKind = TileKind | `eigh ${number}`;

/**
 * What was found to be fastest, by adapter: tiles of matrix products, places of eigenproblems. Kept
 * by the caller: over several backends, or over runs of a program, as JSON.
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
  readonly #choices = new Map<string, string>();

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
    for (const [key, name] of entries) {
      if (typeof name !== "string") {
        const expected = "expected an object of names, as JSON.stringify writes a TuningCache";
        throw new DataError("tuning cache", `${expected}, received ${text}`);
      }
      cache.#choices.set(key, name);
    }
    return cache;
  }

  /**
   * What can be chosen of a kind: tiles by rows, columns and depth, `"128x128x8 vec4"` where four numbers
   * are loaded at a time; `"device"` and `"host"` of eigenproblems. The first is taken unmeasured.
   */
  static namesOf(kind: TuningKind): readonly string[] {
    if (kind === "large" || kind === "small") return TILES[kind].map(({ name }) => name);
    return ["device", "host"];
  }

  /** Name of the fastest, if it is known. */
  get(adapter: string, kind: TuningKind): string | undefined {
    return this.#choices.get(`${adapter} | ${kind}`);
  }

  /**
   * Remembers what is fastest.
   *
   * @param adapter Name of the adapter.
   * @param kind Of the choice.
   * @param name One of {@linkcode TuningCache.namesOf}.
   * @throws {OptionError} When there is no such name.
   */
  set(adapter: string, kind: TuningKind, name: string): void {
    const names = TuningCache.namesOf(kind);
    if (!names.includes(name)) {
      const expected = `must be one of [${names.map((known) => `'${known}'`).join(", ")}]`;
      throw new OptionError("Cannot remember a choice", kind, expected, name);
    }
    this.#choices.set(`${adapter} | ${kind}`, name);
  }

  /** A plain object, for `JSON.stringify`. */
  toJSON(): Record<string, string> {
    return Object.fromEntries(this.#choices);
  }
}

/** Names of the options. */
const OPTIONS: readonly (keyof GpuOptions)[] = [
  "tuning",
  "tunings",
  "eigh",
  "subgroups",
  "bindingBytes",
];

/**
 * Checks the options.
 *
 * @throws {OptionError} For an unknown key or a value outside its range.
 */
export function checkGpuOptions(subject: string, options: GpuOptions): void {
  checkKnownKeys(subject, options, OPTIONS, "gpu.");
  const { tuning, tunings, eigh, subgroups, bindingBytes = 1024 } = options;
  if (tuning !== undefined) checkChoice(subject, "gpu.tuning", tuning, ["auto", "always", "off"]);
  if (eigh !== undefined) checkChoice(subject, "gpu.eigh", eigh, ["auto", "device", "host"]);
  if (subgroups !== undefined) checkChoice(subject, "gpu.subgroups", subgroups, ["auto", "off"]);
  checkNumber(subject, "gpu.bindingBytes", bindingBytes, { min: 1024, integer: true });
  if (tunings !== undefined && !(tunings instanceof TuningCache)) {
    throw new OptionError(subject, "gpu.tunings", "must be a TuningCache", tunings);
  }
}
