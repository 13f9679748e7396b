/**
 * What is kept small, counted: `deno task house`.
 *
 * The root exports few names, none of which is too general for a user's editor, and a reader meets each
 * in a page or an example; source files and the README are short.
 *
 * @module
 */

import { readTree } from "./check_imports.ts";

const ROOT = new URL("../", import.meta.url);

/** The bounds. */
export const LIMITS = { rootNames: 110, fileLines: 400, readmeLines: 130 } as const;

/** Where it may matter whether the host waits for numbers; everywhere else a step has no branches. */
const MAY_ASK: readonly string[] = ["src/backend/", "src/optim/gates.ts"];

/** Names that say too little where everything else is in scope, besides the globals of all hosts. */
const TOO_GENERAL: readonly string[] = [
  ...[
    "Due",
    "Frame",
    "Numbers",
    "Outcome",
    "Owner",
    "Pair",
    "Rate",
    "Refresh",
    "Storage",
    "Window",
  ],
  ...["continued", "limits", "overlap", "presets", "product", "split", "transport", "zeros"],
];

/** What the house is judged by. */
export interface House {
  /** Names that the root exports. */
  readonly rootNames: readonly string[];
  /** Pages and examples that a reader meets. */
  readonly texts: readonly string[];
  /** Text of every source file by its path. */
  readonly files: ReadonlyMap<string, string>;
  /** The README. */
  readonly readme: string;
}

/**
 * What is out of bounds, one sentence each.
 *
 * @returns Empty when everything is within {@linkcode LIMITS}.
 */
export function breachesOf({ rootNames, texts, files, readme }: House): string[] {
  const breaches: string[] = [];
  if (rootNames.length > LIMITS.rootNames) {
    breaches.push(`mod.ts exports ${rootNames.length} names: at most ${LIMITS.rootNames}`);
  }
  const words = new Set(texts.flatMap(codeWords));
  for (const name of rootNames) {
    if (name in globalThis || TOO_GENERAL.includes(name)) {
      breaches.push(`mod.ts exports '${name}': a global or too general a name; give it a sub-path`);
    }
    if (!words.has(name)) {
      breaches.push(`mod.ts exports '${name}': no page and no example uses it`);
    }
  }
  for (const [path, text] of files) {
    const lines = lineCount(text);
    if (lines > LIMITS.fileLines) {
      breaches.push(`${path} has ${lines} lines: at most ${LIMITS.fileLines}`);
    }
    const mayAsk = MAY_ASK.some((place) => path.startsWith(place));
    if (path.startsWith("src/") && !mayAsk && /\bbackend\.sync\b/.test(text)) {
      breaches.push(`${path} asks for backend.sync: that is for ${MAY_ASK.join(" and ")}`);
    }
  }
  const lines = lineCount(readme);
  if (lines > LIMITS.readmeLines) {
    breaches.push(`README.md has ${lines} lines: at most ${LIMITS.readmeLines}`);
  }
  return breaches;
}

/** Words of code: all of a program, and of a page what stands in backticks. */
function codeWords(text: string): string[] {
  const code = text.includes("`") ? text.match(/```[^]*?```|`[^`\n]+`/g) ?? [] : [];
  return [...code, ...(/^import /m.test(text) ? [text] : [])]
    .flatMap((part) => part.match(/\w+/g) ?? []);
}

function lineCount(text: string): number {
  return text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
}

/** Names of the root, from the record that a test holds against the documentation. */
export function rootNamesIn(api: string): string[] {
  const [root] = api.split("\n\n");
  return root.split("\n").slice(1).map((line) => line.trim().split(" ")[0]);
}

/** Text of the Markdown files of a folder. */
async function pagesIn(folder: string): Promise<string[]> {
  const pages: string[] = [];
  for await (const { name } of Deno.readDir(new URL(folder, ROOT))) {
    if (name.endsWith(".md")) pages.push(await Deno.readTextFile(new URL(folder + name, ROOT)));
  }
  return pages;
}

if (import.meta.main) {
  const tree = await readTree(ROOT);
  const readme = await Deno.readTextFile(new URL("README.md", ROOT));
  const examples = [...tree].filter(([path]) => path.startsWith("examples/"));
  const files = new Map([...tree].filter(([path]) => !path.endsWith(".gen.ts")));
  const rootNames = rootNamesIn(await Deno.readTextFile(new URL("tests/api.txt", ROOT)));
  const breaches = breachesOf({
    ...{ rootNames, files, readme },
    texts: [readme, ...await pagesIn("docs/"), ...examples.map(([, text]) => text)],
  });
  breaches.forEach((breach) => console.error(breach));
  if (breaches.length > 0) Deno.exit(1);
  console.log(
    `${rootNames.length} names at the root, ${files.size} files of at most ${LIMITS.fileLines} lines, ` +
      `${lineCount(readme)} lines of README.md`,
  );
}
