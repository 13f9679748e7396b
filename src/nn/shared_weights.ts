/**
 * Weights that several places of a model share: a layer's description that stands in two places is one layer.
 *
 * @module
 */

/** A layer's description, as far as it tells layers apart. */
interface Description {
  /** First half of the layer's name. */
  readonly kind: string;
}

/** What has been made for the descriptions of one model so far. */
export class SharedWeights {
  readonly #names = new Map<Description, string>();
  readonly #counts = new Map<string, number>();
  readonly #made = new Map<string, unknown>();

  /** The name of the layers of a description: its kind and its number among the descriptions of that kind. */
  nameOf(spec: Description): string {
    const known = this.#names.get(spec);
    if (known !== undefined) return known;
    const count = (this.#counts.get(spec.kind) ?? 0) + 1;
    this.#counts.set(spec.kind, count);
    const name = `${spec.kind}${count}`;
    this.#names.set(spec, name);
    return name;
  }

  /** Whether a layer has been built from a description. */
  knows(spec: Description): boolean {
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
