/**
 * Scores of training examples for queries, as they come in.
 *
 * @module
 */

import { type ScoredExample, Top } from "./top.ts";

/** What {@linkcode influence} found. */
export interface Influence {
  /** Number of queries. */
  readonly queries: number;
  /** Number of training examples. */
  readonly examples: number;
  /** For each query the training examples with the lowest scores, the lowest first: they lower its loss. */
  readonly helpful: readonly (readonly ScoredExample[])[];
  /** For each query those with the highest scores, the highest first: they raise its loss. */
  readonly harmful: readonly (readonly ScoredExample[])[];
  /** All scores, [queries * examples], a row per query; where they were asked for. */
  readonly scores?: Float64Array;
  /** The parts of the layers, by name, whose sum they are; where they were asked for. */
  readonly layers?: Readonly<Record<string, Float64Array>>;
}

/** What a sheet is for. */
export interface SheetOptions {
  /** Number of queries. */
  readonly queries: number;
  /** Number of training examples. */
  readonly examples: number;
  /** How many of the most helpful and most harmful examples are named. */
  readonly top: number;
  /** Whether all scores are kept. */
  readonly scores: boolean;
  /** Layers whose parts are kept, or none. */
  readonly layers: readonly string[];
}

/** A rectangle of the sheet: some queries, some examples. */
export interface SheetPlace {
  /** Number of the first query. */
  readonly query: number;
  /** Number of the first example. */
  readonly example: number;
  /** Number of examples. */
  readonly width: number;
}

/** Takes scores in, keeps what was asked for. */
export class ScoreSheet {
  readonly #options: SheetOptions;
  readonly #best: readonly { readonly low: Top; readonly high: Top }[];
  readonly #scores: Float64Array | undefined;
  readonly #layers: readonly Float64Array[];

  /** Without scores. */
  constructor(options: SheetOptions) {
    const { queries, examples, top, scores, layers } = options;
    const all = (): Float64Array => new Float64Array(queries * examples);
    this.#options = options;
    this.#best = Array.from({ length: queries }, () => ({ low: new Top(top), high: new Top(top) }));
    this.#scores = scores ? all() : undefined;
    this.#layers = layers.map(all);
  }

  /**
   * Takes a rectangle in.
   *
   * @param total Scores, a row per query.
   * @param parts The same of each layer, where they are kept.
   */
  add(
    { query, example, width }: SheetPlace,
    total: ArrayLike<number>,
    parts: readonly ArrayLike<number>[],
  ): void {
    const { examples } = this.#options;
    for (let at = 0; at < total.length; at++) {
      const q = query + Math.floor(at / width);
      const i = example + at % width;
      this.#best[q].high.offer(i, total[at]);
      this.#best[q].low.offer(i, -total[at]);
      if (this.#scores !== undefined) this.#scores[q * examples + i] = total[at];
      this.#layers.forEach((layer, l) => layer[q * examples + i] = parts[l][at]);
    }
  }

  /** What was found. */
  result(): Influence {
    const { queries, examples, layers } = this.#options;
    const negated = ({ example, score }: ScoredExample) => ({ example, score: -score });
    return {
      queries,
      examples,
      helpful: this.#best.map(({ low }) => low.sorted().map(negated)),
      harmful: this.#best.map(({ high }) => high.sorted()),
      ...(this.#scores === undefined ? {} : { scores: this.#scores }),
      ...(layers.length === 0
        ? {}
        : { layers: Object.fromEntries(layers.map((name, l) => [name, this.#layers[l]])) }),
    };
  }
}
