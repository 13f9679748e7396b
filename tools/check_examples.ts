/**
 * Every function and class of every entry point is used by a runnable example that a reader meets beside
 * it: `deno run -A tools/check_examples.ts [ENTRY...]`.
 *
 * Beside it is: in its own documentation, in that of a neighbour from the same file, or in that of an
 * entry point as a whole. The examples themselves are run by `deno test --doc`.
 *
 * Code that a page quotes from a file, in a block that is not run, must occur in that file.
 *
 * @module
 */

const ROOT = new URL("../", import.meta.url);

/** Pages whose blocks that are not run are quotations. */
const QUOTING: readonly string[] = ["docs/START_HERE.md"];

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

/**
 * Lines that a page quotes from files and that do not occur there. A block quotes the file of the last
 * link above it; comments at the ends of lines are the page's own.
 *
 * @param page Markdown; blocks that quote are fenced as `ts ignore`.
 * @param textOf Text of a linked file, by its address as the page has it.
 * @returns `"file: line"`, in the order of the page.
 */
export function misquotes(page: string, textOf: (link: string) => string): string[] {
  const pattern = /\]\(([^)#\s]+\.ts)\)|```ts ignore\n([^]*?)```/g;
  const found: string[] = [];
  let link: string | undefined;
  for (const [, target, code] of page.matchAll(pattern)) {
    if (target !== undefined) {
      link = target;
      continue;
    }
    if (link === undefined) throw new Error("A quotation has no link to a file above it");
    const bare = (line: string): string => line.replace(/\s*\/\/ .*$/, "").trim();
    const lines = new Set(textOf(link).split("\n").map(bare));
    for (const line of code.split("\n").map(bare)) {
      if (!lines.has(line) && line !== "") found.push(`${link}: ${line}`);
    }
  }
  return found;
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
  const misquoted = QUOTING.flatMap((path) => {
    const url = new URL(path, ROOT);
    return misquotes(Deno.readTextFileSync(url), (link) => {
      return Deno.readTextFileSync(new URL(link, url));
    }).map((line) => `${path}: not in ${line}`);
  });
  misquoted.forEach((line) => console.error(line));
  if (missing.length + misquoted.length > 0) Deno.exit(1);
  console.log(`every function and class of ${entries.join(", ")} is used by an example`);
}
