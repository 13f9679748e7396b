/** Values of every kind, for options that take some kinds and refuse all others. */

import assert from "node:assert/strict";
import fc from "#fast-check";
import { OptionError } from "@tekfac/tekfac";

/** Kinds of values that an option may take. */
export type Kind =
  | "number"
  | "flag"
  | "string"
  | "function"
  | "object"
  | "array"
  | "false"
  | "none";

const ofKind: Record<string, fc.Arbitrary<unknown>> = {
  number: fc.double({ min: -1e6, max: 1e6, noNaN: true }),
  flag: fc.boolean(),
  false: fc.constant(false),
  string: fc.string(),
  function: fc.constant(() => 0.5),
  object: fc.constantFrom<unknown>({}, { knid: 1 }, { kind: "absolut" }, { value: "x" }),
  array: fc.constantFrom<unknown>([], ["x"], [1, 2, 3], [-1, 0.5]),
  none: fc.constantFrom<unknown>(
    null,
    NaN,
    Infinity,
    10n,
    Symbol("x"),
    new Date(0),
    new Map(),
    new Float32Array(2),
    /x/,
  ),
};

/** A value that cannot be right: of another kind, or of none that any option takes. */
export function wrongFor(kinds: readonly Kind[]): fc.Arbitrary<unknown> {
  const wrong = Object.entries(ofKind).filter(([kind]) =>
    !kinds.includes(kind as Kind) && !(kind === "flag" && kinds.includes("false")) &&
    !(kind === "false" && kinds.includes("flag"))
  );
  const always = kinds.includes("false") ? [fc.constant(true)] : [];
  return fc.oneof(...wrong.map(([, values]) => values), ...always);
}

/** Any value of the kinds that are right: it is taken, or refused in the option's name. */
function maybeFor(kinds: readonly Kind[]): fc.Arbitrary<unknown> {
  return fc.oneof(...kinds.map((kind) => ofKind[kind]));
}

export function isAbout(error: unknown, option: string): boolean {
  return error instanceof OptionError &&
    (error.option === option || error.option.startsWith(`${option}.`));
}

/**
 * Gives every option values of the wrong kinds, which have to be refused in its name, and of the right ones, which
 * may be.
 *
 * @param path Prefix of the names in errors.
 */
export function checkOptions(
  create: (options: never) => unknown,
  options: Record<string, Kind[]>,
  path = "",
): void {
  const isAboutOwn = (error: unknown, option: string) => isAbout(error, path + option);
  for (const [option, kinds] of Object.entries(options)) {
    fc.assert(
      fc.property(wrongFor(kinds), (value) => {
        assert.throws(
          () => create({ [option]: value } as never),
          (error) => isAboutOwn(error, option),
          `${option}: ${String(value)}`,
        );
      }),
      { numRuns: 60, seed: 1 },
    );
    fc.assert(
      fc.property(maybeFor(kinds), (value) => {
        try {
          dispose(create({ [option]: value } as never));
        } catch (error) {
          assert(isAboutOwn(error, option), `${option}: ${String(value)}: ${error}`);
        }
      }),
      { numRuns: 20, seed: 1 },
    );
  }
  assert.throws(() => create({ unheardOf: 1 } as never), (error) => isAboutOwn(error, "unheardOf"));
}

function dispose(thing: unknown): void {
  (thing as Partial<Disposable>)[Symbol.dispose]?.();
}
