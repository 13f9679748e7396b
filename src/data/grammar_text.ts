/**
 * A text that needs no download: sentences of a small grammar.
 *
 * @module
 */

import { checkKnownKeys, checkNumber } from "../core/options.ts";
import { Random } from "../core/random.ts";

/** Options of {@linkcode grammarText}. */
export interface GrammarTextOptions {
  /** Length of the text, an integer >= 1. @default {100000} */
  readonly characters?: number;
  /** Equal seeds give equal texts. @default {0} */
  readonly seed?: number;
}

/** Of an animate noun, what it is called once and several times. */
const ACTORS = [
  ["cat", "cats"],
  ["dog", "dogs"],
  ["bird", "birds"],
  ["child", "children"],
  ["farmer", "farmers"],
  ["mouse", "mice"],
] as const;

/** Where they are. */
const PLACES = ["house", "garden", "river", "old tree", "bridge", "market"] as const;

/** What they do to one another, of one and of several. */
const DEEDS = [
  ["sees", "see"],
  ["follows", "follow"],
  ["finds", "find"],
  ["hears", "hear"],
  ["knows", "know"],
] as const;

const QUALITIES = ["small", "quick", "quiet", "brown", "hungry", "kind"] as const;
const RELATIONS = ["near", "behind", "under", "above"] as const;
const JOINTS = ["and", "but", "while", "because"] as const;

/** A noun phrase is of one or of several. */
type Count = 0 | 1;

/**
 * Writes sentences such as `"The small cat that hears two dogs sees a bird near the river."`: verbs agree with their
 * subject across relative clauses, so that a model that looks back does better than one that does not.
 *
 * A longer text begins with the shorter one.
 *
 * @throws {OptionError} When an option is unknown or out of range.
 *
 * @example Always the same text
 * ```ts
 * import assert from "node:assert/strict";
 * import { grammarText } from "@tekfac/tekfac/data";
 *
 * const text = grammarText({ characters: 200, seed: 1 });
 * assert.equal(text.length, 200);
 * assert.equal(grammarText({ characters: 100, seed: 1 }), text.slice(0, 100));
 * assert.match(text, /^[A-Z][a-z, ]+\.\n/);
 * ```
 */
export function grammarText(options: GrammarTextOptions = {}): string {
  const subject = "Cannot write a text";
  checkKnownKeys(subject, options, ["characters", "seed"]);
  const range = { min: 1, max: 100_000_000, integer: true };
  const characters = checkNumber(subject, "characters", options.characters ?? 100_000, range);
  const seed = checkNumber(subject, "seed", options.seed ?? 0, { integer: true });
  const writer = new Writer(new Random(seed));
  const sentences: string[] = [];
  for (let length = 0; length < characters; length += sentences.at(-1)!.length) {
    sentences.push(writer.sentence());
  }
  return sentences.join("").slice(0, characters);
}

/** Writes one sentence after the other. */
class Writer {
  constructor(readonly random: Random) {}

  sentence(): string {
    const clauses = [this.#clause(), ...(this.#chance(0.3) ? [this.#joined()] : [])];
    const text = clauses.join(", ");
    return `${text[0].toUpperCase()}${text.slice(1)}.\n`;
  }

  #joined(): string {
    return `${this.#of(JOINTS)} ${this.#clause()}`;
  }

  #clause(): string {
    const count = this.#count();
    return `${this.#noun(count, 0.3)} ${this.#predicate(count)}`;
  }

  #predicate(count: Count): string {
    const deed = `${this.#of(DEEDS)[count]} ${this.#noun(this.#count(), 0.1)}`;
    return this.#chance(0.4) ? `${deed} ${this.#of(RELATIONS)} the ${this.#of(PLACES)}` : deed;
  }

  /** With a relative clause after it now and then, which has a verb of its own. */
  #noun(count: Count, clause: number): string {
    const quality = this.#chance(0.5) ? `${this.#of(QUALITIES)} ` : "";
    const name = `${quality}${this.#of(ACTORS)[count]}`;
    const article = this.#of(count === 0 ? ["the", "a"] : ["the", "some", "two", "many"]);
    const phrase = `${article} ${name}`;
    return this.#chance(clause) ? `${phrase} that ${this.#predicate(count)}` : phrase;
  }

  #count(): Count {
    return this.#chance(0.4) ? 1 : 0;
  }

  #chance(share: number): boolean {
    return this.random.uniform() < share;
  }

  #of<T>(list: readonly T[]): T {
    return list[this.random.integer(list.length)];
  }
}
