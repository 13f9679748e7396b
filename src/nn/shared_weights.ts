/**
 * Weights that several places of a model share: a layer's description that stands in two places is one layer.
 *
 * @module
 */

/**
 * What has been made for the descriptions of one model so far; `sequential` gives it to each layer that it builds.
 *
 * @example A description keeps its name, and what was made under it
 * ```ts
 * import assert from "node:assert/strict";
 * import { dense, SharedWeights } from "@tekfac/tekfac/nn";
 *
 * const shared = new SharedWeights();
 * const [one, two] = [dense(3), dense(3)];
 * assert.deepEqual([one, two, one].map((spec) => shared.nameOf(spec)), ["dense1", "dense2", "dense1"]);
 * const weights = shared.once("dense1", () => [1, 2, 3]);
 * assert.equal(shared.once("dense1", () => [4, 5, 6]), weights);
 * assert(shared.knows(one) && shared.find("dense3") === undefined);
 * ```
 */
export class SharedWeights {
  readonly #names = new Map<{ readonly kind: string }, string>();
  readonly #counts = new Map<string, number>();
  readonly #made = new Map<string, unknown>();

  /** The name of the layers of a description: its kind and its number among the descriptions of that kind. */
  nameOf(spec: { readonly kind: string }): string {
    const known = this.#names.get(spec);
    if (known !== undefined) return known;
    const count = (this.#counts.get(spec.kind) ?? 0) + 1;
    this.#counts.set(spec.kind, count);
    const name = `${spec.kind}${count}`;
    this.#names.set(spec, name);
    return name;
  }

  /** Whether a layer has been built from a description. */
  knows(spec: { readonly kind: string }): boolean {
    return this.#names.has(spec);
  }

  /** What was made under a name before, if anything was. */
  find<T>(name: string): T | undefined {
    return this.#made.get(name) as T | undefined;
  }

  /** Makes a thing, or gives the one that was made under its name before. */
  once<T>(name: string, make: () => T): T {
    const made = this.find<T>(name) ?? make();
    this.#made.set(name, made);
    return made;
  }
}
