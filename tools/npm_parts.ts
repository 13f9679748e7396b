/**
 * Parts of the package that are loaded when they are asked for, and bundlers that cannot have that.
 *
 * What few programs need is imported by a call. Vite makes of a worker one file by default and refuses whatever
 * such a call would cut off. So each module with such calls has a twin that imports the same parts at once; which
 * one is taken is decided by the conditions `development` and `production`, of which Vite and webpack set one.
 *
 * @module
 */

/** A module of a package by its path: `"src/a.js"`. */
export type Modules = ReadonlyMap<string, string>;

/** A package after the change. */
export interface Parted {
  /** All modules that are new or other than before. */
  readonly modules: Modules;
  /** The manifest's `imports`. */
  readonly imports: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const CALL = /\bimport\("([^"]+)"\)/g;

/** Gives twins to all modules that import by a call, and has them imported by a name that stands for both. */
export function withTwins(modules: Modules): Parted {
  const changed = new Map<string, string>();
  const imports: Record<string, Record<string, string>> = {};
  const names = new Map<string, string>();
  for (const [path, text] of modules) {
    const code = withoutComments(text);
    if (code.search(CALL) < 0) continue;
    const name = `#${path.replace(/^src\//, "").replace(/\.js$/, "")}`;
    const twin = path.replace(/\.js$/, ".whole.js");
    names.set(path, name);
    changed.set(path, text);
    changed.set(twin, atOnce(code));
    imports[name] = {
      development: `./${twin}`,
      production: `./${twin}`,
      default: `./${path}`,
    };
  }
  for (const [path, text] of [...modules, ...changed]) {
    const other = text.replace(/\b(from |import\()"(\.[^"]+)"/g, (all, start, specifier) => {
      const name = names.get(resolved(path, specifier));
      return name === undefined ? all : `${start}"${name}"`;
    });
    if (other !== text) changed.set(path, other);
  }
  return { modules: changed, imports };
}

/** The same module with every part imported at its beginning. */
function atOnce(code: string): string {
  const parts = [...new Set([...code.matchAll(CALL)].map(([, specifier]) => specifier))];
  const lines = parts.map((specifier, i) => `import * as part${i} from "${specifier}";\n`);
  return lines.join("") +
    code.replace(CALL, (_, specifier) => `Promise.resolve(part${parts.indexOf(specifier)})`);
}

/** Examples in comments import by calls, too. */
function withoutComments(code: string): string {
  return code.replace(/\/\*[^]*?\*\//g, "");
}

function resolved(from: string, specifier: string): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}
