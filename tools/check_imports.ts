/**
 * The import rule of this project, as a program: `deno run -A tools/check_imports.ts`.
 *
 * Imports only go down the layers, no file imports itself through others (in `src` not even for a type), packages are named with
 * their exact version and only where they belong, and only the command line speaks to Deno itself,
 * so that the library runs wherever JavaScript does. {@linkcode LAYERS} is the picture:
 *
 *     core <- linalg <- backend <- distributed <- curvature <- optim <- training
 *                                                 curvature <- nn    <- training
 *     core <- data, pages                             <- training      everything above <- cli
 *     core, linalg, backend, curvature, optim, nn, data <- analysis
 *
 * Outside `src`, everybody sees the library as its users do. `lab` and tests may besides use the parts that this
 * project's commands are made of, `src/cli/mod.ts`.
 *
 * @module
 */

/** What each folder of `src` may import, besides itself. `testing` is imported by none of them. */
export const LAYERS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  linalg: ["core"],
  backend: ["core", "linalg"],
  distributed: ["core", "backend"],
  curvature: ["core", "linalg", "backend", "distributed"],
  optim: ["core", "linalg", "backend", "distributed", "curvature"],
  nn: ["core", "linalg", "backend", "curvature"],
  data: ["core"],
  model: ["core", "backend", "nn", "data"],
  predict: ["core", "linalg", "nn", "data", "model"],
  analysis: ["core", "linalg", "backend", "curvature", "optim", "nn", "data"],
  pages: ["core"],
  training: [
    "core",
    "linalg",
    "backend",
    "distributed",
    "curvature",
    "optim",
    "nn",
    "data",
    "model",
    "pages",
  ],
  adapters: ["core", "backend", "curvature", "optim", "nn", "data", "model"],
  cli: [
    "core",
    "linalg",
    "backend",
    "distributed",
    "curvature",
    "optim",
    "nn",
    "data",
    "pages",
    "training",
    "analysis",
  ],
  testing: ["core", "linalg", "backend", "curvature", "optim", "nn", "data"],
};

/** Packages a folder of `src` may use. A folder without an entry stands on nothing but the language. */
const PACKAGES: Readonly<Record<string, readonly string[] | "any">> = {
  backend: ["@assemblyscript/loader"],
  training: "any",
  adapters: "any",
  cli: "any",
};

/** Folders of programs and tests: they see the library as its users do, and their own neighbours. */
const OUTSIDE = ["tests", "bench", "examples", "lab"];

/** Folders that the library has no part of. */
const UNPUBLISHED = ["tools", "bench", "examples", "lab"];

/** Places in the library that may speak to Deno itself: programs, what reads directories for them, and libraries of C. */
const SPEAKS_TO_DENO = ["src/cli/", "src/data/files.ts", "src/distributed/mpi/"];

/** One `import` or `export ... from`, static or dynamic. */
interface Import {
  /** The specifier as written. */
  readonly specifier: string;
  /** Whether it brings in types only, and is gone before anything runs. */
  readonly typeOnly: boolean;
  /** Line of the specifier, counted from 1. */
  readonly line: number;
}

/**
 * All breaches of the rule, one sentence each, in the order of the files.
 *
 * @param files Text of every TypeScript file, keyed by its path from the project's root with `/`.
 * @returns `"path:line: what is wrong"`; empty when the rule holds.
 */
export function checkImports(files: ReadonlyMap<string, string>): string[] {
  const breaches: string[] = [];
  const graph = new Map<string, string[]>();
  for (const [path, source] of files) {
    const code = withoutComments(source);
    const targets: string[] = [];
    for (const { specifier, typeOnly, line } of importsOf(code)) {
      const target = specifier.startsWith(".") ? join(path, specifier) : undefined;
      // What only names a type is gone before anything runs, but whoever reads goes round just the same.
      if (target !== undefined && (!typeOnly || path.startsWith("src/"))) targets.push(target);
      const problem = target === undefined
        ? packageProblem(path, specifier)
        : fileProblem(path, target, files);
      if (problem !== undefined) {
        breaches.push(`${path}:${line}: may not import '${specifier}': ${problem}`);
      }
    }
    graph.set(path, targets);
    const line = deniedGlobal(path, code);
    if (line !== undefined) {
      breaches.push(`${path}:${line}: may not use 'Deno': only ${SPEAKS_TO_DENO.join(", ")} may`);
    }
  }
  return [...breaches, ...cyclesOf(graph), ...cyclesOf(wingsOf(graph))];
}

/** The folders of the backend as a graph of their own: each is one subject, and imports go one way. */
function wingsOf(graph: ReadonlyMap<string, readonly string[]>): Map<string, string[]> {
  const wings = new Map<string, string[]>();
  // Its mod.ts, which all of it comes out of, belongs to none.
  const isInside = (path: string): boolean => /^src\/backend\/(?!mod\.ts)/.test(path);
  const wingOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));
  for (const [path, targets] of graph) {
    if (!isInside(path)) continue;
    const wing = wingOf(path);
    const others = targets.filter(isInside).map(wingOf).filter((other) => other !== wing);
    wings.set(wing, [...wings.get(wing) ?? [], ...others]);
  }
  return wings;
}

/** Why one file may not import another, or `undefined` when it may. */
function fileProblem(
  path: string,
  target: string,
  files: ReadonlyMap<string, string>,
): string | undefined {
  if (!files.has(target) && target.endsWith(".ts")) return "there is no such file";
  const [top, folder] = path.split("/");
  const [targetTop, targetFolder] = target.split("/");
  if (top === "src") {
    if (targetTop !== "src") return "src imports nothing outside itself";
    if (folder === targetFolder) return undefined;
    const below = LAYERS[folder];
    if (below === undefined) return `'src/${folder}' is not in the table of layers`;
    if (below.includes(targetFolder)) return undefined;
    return `${folder} may import ${below.length === 0 ? "nothing" : below.join(", ")}`;
  }
  if (top === "asm") return targetTop === "asm" ? undefined : "asm imports nothing outside itself";
  if (OUTSIDE.includes(top) && targetTop !== top) {
    // Tests of what is no part of the library have no other way to reach it.
    if (top === "tests" && [folder, targetTop].every((name) => UNPUBLISHED.includes(name))) {
      return undefined;
    }
    if (["lab", "tests"].includes(top) && target === "src/cli/mod.ts") return undefined;
    return `${top} sees the library through '@tekfac/tekfac' or a declared sub-path`;
  }
  return undefined;
}

/** Why a file may not import a package or an alias, or `undefined` when it may. */
function packageProblem(path: string, specifier: string): string | undefined {
  const [top, folder] = path.split("/");
  if (top !== "src" || specifier.startsWith("node:")) return undefined;
  const named = /^npm:((?:@[^/]+\/)?[^@/]+)@(\d+\.\d+\.\d+)(?:\/|$)/.exec(specifier);
  if (named === null) return "src names packages in full, 'npm:name@1.2.3'";
  const allowed = PACKAGES[folder] ?? [];
  if (allowed === "any" || allowed.includes(named[1])) return undefined;
  return allowed.length === 0
    ? `${folder} uses no packages`
    : `${folder} uses only ${allowed.join(", ")}`;
}

/** Line of the first use of the global `Deno` in a file of the library that may not use it. */
function deniedGlobal(path: string, code: string): number | undefined {
  if (!path.startsWith("src/") || SPEAKS_TO_DENO.some((place) => path.startsWith(place))) {
    return undefined;
  }
  const use = /\bDeno\s*\./.exec(code);
  return use === null ? undefined : lineAt(code, use.index);
}

/** One sentence per cycle of imports; each cycle is told once. */
function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      found.push(`${path}:1: import cycle: ${[...trail.slice(start), path].join(" -> ")}`);
      return;
    }
    if (done.has(path)) return;
    trail.push(path);
    for (const target of graph.get(path) ?? []) visit(target);
    trail.pop();
    done.add(path);
  };
  for (const path of graph.keys()) visit(path);
  return found;
}

/**
 * Specifiers of a file. Formatted code begins every static import and export at the start of a line
 * or closes it with `} from`; a dynamic import may stand anywhere.
 */
function importsOf(code: string): Import[] {
  const forms = [
    /^(?:import|export)\b[^"';]*?\bfrom\s*"([^"]+)"/gm,
    /^import\s*"([^"]+)"/gm,
    /\bimport\(\s*"([^"]+)"/g,
  ];
  return forms
    .flatMap((form) => [...code.matchAll(form)])
    .map((match) => ({
      specifier: match[1],
      typeOnly: /^(?:import|export) type\b/.test(match[0]),
      line: lineAt(code, match.index + match[0].length),
    }))
    .sort((a, b) => a.line - b.line);
}

/** The same text with comments blanked out and whatever looks like an import in a string disguised. */
function withoutComments(source: string): string {
  const token =
    /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[^]*?\*\//g;
  return source.replace(
    token,
    (text) =>
      text.startsWith("/")
        ? text.replace(/[^\n]/g, " ")
        : text.replace(/import\(/g, "import (").replace(/\n(?=import|export)/g, "\n "),
  );
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

/** The path that a relative specifier means, seen from a file. */
function join(path: string, specifier: string): string {
  const parts = path.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** What the project's tools make, and what is installed: not its own source. */
const FOREIGN: readonly string[] = ["node_modules", "npm", "runs"];

/**
 * Text of all TypeScript files of the project, keyed by path.
 *
 * @param root The project's directory.
 * @param folder The part of it to read, with `/` at its end. @default {""}
 */
export async function readTree(root: URL, folder = ""): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const entries = await Array.fromAsync(Deno.readDir(new URL(folder, root)));
  for (const { name, isDirectory } of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
    if (name.startsWith(".") || FOREIGN.includes(name)) continue;
    const path = folder + name;
    if (isDirectory) {
      for (const [inner, text] of await readTree(root, path + "/")) files.set(inner, text);
    } else if (name.endsWith(".ts")) {
      files.set(path, await Deno.readTextFile(new URL(path, root)));
    }
  }
  return files;
}

if (import.meta.main) {
  const files = await readTree(new URL("../", import.meta.url));
  const breaches = checkImports(files);
  breaches.forEach((breach) => console.error(breach));
  if (breaches.length > 0) Deno.exit(1);
  console.log(`${files.size} files keep the import rule`);
}
