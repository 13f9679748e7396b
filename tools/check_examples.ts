/**
 * Every function and class of every entry point is used by a runnable example that a reader meets beside
 * it: `deno run -A tools/check_examples.ts [ENTRY...]`.
 *
 * Beside it is: in its own documentation, in that of a neighbour from the same file, or in that of an
 * entry point as a whole. The examples themselves are run by `deno test --doc`.
 *
 * @module
 */

const ROOT = new URL("../", import.meta.url);

/** The part of `deno doc --json` that matters here. */
export interface Documentation {
  readonly nodes: Readonly<
    Record<string, {
      readonly module_doc?: unknown;
      readonly symbols: readonly {
        readonly name: string;
        readonly declarations: readonly Declaration[];
      }[];
    }>
  >;
}

/** A declaration with all its documentation, that of its members included. */
interface Declaration {
  readonly kind: string;
  readonly location: { readonly filename: string };
}

/** Kinds of declarations that do something; types are shown at work by those. */
const ACTIVE: readonly string[] = ["function", "class"];

/**
 * Public names that no example uses.
 *
 * @param documentation What `deno doc --json` says of the entry points.
 * @returns `"file: name"`, sorted.
 */
export function withoutExample({ nodes }: Documentation): string[] {
  const entries = Object.values(nodes);
  const general = entries.flatMap(({ module_doc }) => codeIn(module_doc));
  const symbols = new Map<string, { file: string; name: string }>();
  const examples = new Map<string, string[]>();
  for (const { name, declarations } of entries.flatMap(({ symbols }) => symbols)) {
    for (const declaration of declarations) {
      const file = declaration.location.filename;
      examples.set(file, [...examples.get(file) ?? [], ...codeIn(declaration)]);
      if (ACTIVE.includes(declaration.kind)) symbols.set(`${file} ${name}`, { file, name });
    }
  }
  return [...symbols.values()]
    .filter(({ file, name }) => {
      const use = new RegExp(`\\b${name}\\b`);
      return ![...general, ...examples.get(file)!].some((code) => use.test(code));
    })
    .map(({ file, name }) => `${file.replace(ROOT.href, "")}: ${name}`)
    .sort();
}

/** Fenced code anywhere in the documentation of something. */
function codeIn(documented: unknown): string[] {
  if (typeof documented === "string") {
    return [...documented.matchAll(/```ts\n([^]*?)```/g)].map(([, code]) => code);
  }
  if (typeof documented !== "object" || documented === null) return [];
  return Object.values(documented).flatMap(codeIn);
}

if (import.meta.main) {
  const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const entries = Deno.args.length > 0 ? Deno.args : Object.keys(exports);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", ...entries.map((entry) => exports[entry])],
    cwd: ROOT,
  }).output();
  const missing = withoutExample(JSON.parse(new TextDecoder().decode(stdout)));
  missing.forEach((line) =>
    console.error(`${line} is used by no example in the documentation of its file`)
  );
  if (missing.length > 0) Deno.exit(1);
  console.log(`every function and class of ${entries.join(", ")} is used by an example`);
}
