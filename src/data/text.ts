/**
 * Text as tokens: a vocabulary of characters, and windows of tokens with their successors.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";
import { checkKnownKeys, checkNumber } from "../core/options.ts";
import { Random } from "../core/random.ts";
import type { BatchShare } from "./batch_maker.ts";

/** Characters and their numbers. */
export interface Vocabulary {
  /** The characters (code points) in the order of their numbers; token i is character i. */
  readonly characters: readonly string[];
  /**
   * The tokens of a text.
   *
   * @throws {DataError} Names the first character that is not in the vocabulary.
   */
  encode(text: string): Uint16Array<ArrayBuffer>;
  /** The text of some tokens. */
  decode(tokens: ArrayLike<number>): string;
}

/** Most characters that a vocabulary may have. */
const MOST_CHARACTERS = 65_536;

/**
 * The vocabulary of a text: each of its characters once, in the order of their code points.
 *
 * @param text What the characters come from; a list of characters gives the same vocabulary again.
 * @throws {DataError} When the text is empty, or has more than 65,536 different characters.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { vocabularyOf } from "@tekfac/tekfac/data";
 *
 * const vocabulary = vocabularyOf("banana");
 * assert.deepEqual(vocabulary.characters, ["a", "b", "n"]);
 * assert.deepEqual([...vocabulary.encode("nab")], [2, 0, 1]);
 * assert.equal(vocabulary.decode([1, 0, 2]), "ban");
 * ```
 */
export function vocabularyOf(text: Iterable<string>): Vocabulary {
  const points = Array.from(new Set(text), (character) => character.codePointAt(0)!);
  const characters = points.sort((a, b) => a - b).map((point) => String.fromCodePoint(point));
  if (characters.length === 0 || characters.length > MOST_CHARACTERS) {
    const range = `a text of 1 to ${MOST_CHARACTERS} different characters`;
    throw new DataError("text", `expected ${range}, received ${characters.length}`);
  }
  const numbers = new Map(characters.map((character, number) => [character, number]));
  const numberOf = (character: string): number => {
    const number = numbers.get(character);
    if (number !== undefined) return number;
    const known = `one of the ${characters.length} characters of the vocabulary`;
    throw new DataError("text", `expected ${known}, received ${JSON.stringify(character)}`);
  };
  return Object.freeze({
    characters: Object.freeze(characters),
    encode: (text: string) => Uint16Array.from(Array.from(text, numberOf)),
    decode: (tokens: ArrayLike<number>) =>
      Array.from(tokens, (token) => characters[token]).join(""),
  });
}

/** A text to learn from and one to be judged by. */
export interface TextSplit {
  /** The characters of both. */
  readonly vocabulary: Vocabulary;
  /** Tokens to learn from. */
  readonly train: Uint16Array<ArrayBuffer>;
  /** Tokens held back: what follows. */
  readonly test: Uint16Array<ArrayBuffer>;
  /** Where the text comes from. */
  readonly source: string;
}

/** Options of {@linkcode splitText}. */
export interface SplitTextOptions {
  /** Share of the text, at its end, that is held back, in (0, 1). @default {0.1} */
  readonly heldOut?: number;
  /** Characters to be used, as of a model that exists. @default {those of the text} */
  readonly vocabulary?: Vocabulary;
  /** Where the text comes from, for messages and reports. @default {"text"} */
  readonly source?: string;
}

/**
 * Splits a text into its beginning, to learn from, and its end, to be judged by.
 *
 * @throws {DataError} When the text is empty or has characters outside the vocabulary.
 * @throws {OptionError} When an option is unknown or out of range.
 *
 * @example Nine tenths and one
 * ```ts
 * import assert from "node:assert/strict";
 * import { splitText } from "@tekfac/tekfac/data";
 *
 * const { train, test, vocabulary } = splitText("abcabcabca");
 * assert.equal(vocabulary.decode(train), "abcabcabc");
 * assert.deepEqual([...test], [0]);
 * ```
 */
export function splitText(text: string, options: SplitTextOptions = {}): TextSplit {
  const subject = "Cannot split a text";
  checkKnownKeys(subject, options, ["heldOut", "vocabulary", "source"]);
  const range = { above: 0, below: 1 };
  const heldOut = checkNumber(subject, "heldOut", options.heldOut ?? 0.1, range);
  const { vocabulary = vocabularyOf(text), source = "text" } = options;
  const tokens = vocabulary.encode(text);
  const cut = Math.round((1 - heldOut) * tokens.length);
  return Object.freeze({
    ...{ vocabulary, source },
    train: tokens.slice(0, cut),
    test: tokens.slice(cut),
  });
}

/** Sequences of tokens, and for each token the one that follows. */
export interface TokenBatch {
  /** Tokens, [N, T] row by row. */
  readonly inputs: Float32Array<ArrayBuffer>;
  /** The tokens one place later, [N, T]. */
  readonly targets: Float32Array<ArrayBuffer>;
}

/** Which windows {@linkcode drawTokens} draws. */
export interface DrawTokensOptions {
  /** T, tokens of a window, an integer >= 1. */
  readonly context: number;
  /** N, windows, an integer >= 1. */
  readonly size: number;
  /** Equal seeds give equal windows in equal steps. */
  readonly seed: number;
  /** The step, an integer >= 0: its windows depend on the seed and on it alone. */
  readonly step: number;
  /** Whose part of them: of `ranks`, each takes every `ranks`-th window. @default {all of them} */
  readonly share?: BatchShare;
}

/**
 * Windows at random places, uniformly drawn with replacement.
 *
 * @throws {DataError} When there are no T + 1 tokens.
 * @throws {OptionError} When an option is unknown or out of range.
 *
 * @example Two windows of three tokens
 * ```ts
 * import assert from "node:assert/strict";
 * import { drawTokens } from "@tekfac/tekfac/data";
 *
 * const { inputs, targets } = drawTokens([4, 5, 6, 7, 8], { context: 3, size: 2, seed: 1, step: 0 });
 * assert.equal(inputs.length, 6);
 * assert(targets.every((token, i) => token === inputs[i] + 1));
 * ```
 */
export function drawTokens(tokens: ArrayLike<number>, options: DrawTokensOptions): TokenBatch {
  const subject = "Cannot draw tokens";
  checkKnownKeys(subject, options, ["context", "size", "seed", "step", "share"]);
  const context = contextOf(subject, options.context, tokens);
  const size = checkNumber(subject, "size", options.size, { min: 1, integer: true });
  const seed = checkNumber(subject, "seed", options.seed, { integer: true });
  const step = checkNumber(subject, "step", options.step, { min: 0, integer: true });
  const { rank, ranks } = options.share ?? { rank: 0, ranks: 1 };
  checkNumber(subject, "share.ranks", ranks, { min: 1, max: size, integer: true });
  checkNumber(subject, "share.rank", rank, { min: 0, max: ranks - 1, integer: true });
  const random = new Random(new Random(seed).bits() + step);
  const starts = Array.from({ length: size }, () => random.integer(tokens.length - context));
  return windowsAt(tokens, context, starts.filter((_, n) => n % ranks === rank));
}

/** Which windows {@linkcode consecutiveTokens} takes. */
export interface ConsecutiveTokensOptions {
  /** T, tokens of a window, an integer >= 1. */
  readonly context: number;
  /** Most windows, an integer >= 1; fewer than there are lie evenly spread. @default {all} */
  readonly most?: number;
}

/**
 * Windows that follow one another, so that each token but the first is a target once; what is left at the end is no
 * window. The same in every call: what a model is judged by.
 *
 * @throws {DataError} When there are no T + 1 tokens.
 * @throws {OptionError} When an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { consecutiveTokens } from "@tekfac/tekfac/data";
 *
 * const { inputs, targets } = consecutiveTokens([1, 2, 3, 4, 5, 6], { context: 2 });
 * assert.deepEqual([...inputs], [1, 2, 3, 4]);
 * assert.deepEqual([...targets], [2, 3, 4, 5]);
 * ```
 */
export function consecutiveTokens(
  tokens: ArrayLike<number>,
  options: ConsecutiveTokensOptions,
): TokenBatch {
  const subject = "Cannot take tokens";
  checkKnownKeys(subject, options, ["context", "most"]);
  const context = contextOf(subject, options.context, tokens);
  const all = Math.floor((tokens.length - 1) / context);
  const most = checkNumber(subject, "most", options.most ?? all, { min: 1, integer: true });
  const count = Math.min(all, most);
  const starts = Array.from({ length: count }, (_, i) => Math.floor(i * all / count) * context);
  return windowsAt(tokens, context, starts);
}

function contextOf(subject: string, value: number, tokens: ArrayLike<number>): number {
  const context = checkNumber(subject, "context", value, { min: 1, integer: true });
  if (tokens.length > context) return context;
  const expected = `at least ${context + 1} tokens (context + 1)`;
  throw new DataError("text", `expected ${expected}, received ${tokens.length}`);
}

function windowsAt(
  tokens: ArrayLike<number>,
  context: number,
  starts: readonly number[],
): TokenBatch {
  const inputs = new Float32Array(starts.length * context);
  const targets = new Float32Array(starts.length * context);
  starts.forEach((start, n) => {
    for (let t = 0; t < context; t++) {
      inputs[n * context + t] = tokens[start + t];
      targets[n * context + t] = tokens[start + t + 1];
    }
  });
  return { inputs, targets };
}
