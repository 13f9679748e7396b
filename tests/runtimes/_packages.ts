/**
 * Packages that tests of other runtimes stand on: the runtimes themselves and tools of their users,
 * as npm packages of exact versions. They are installed once, below `npm/` of the repository.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);
const OUTPUT = new URL("npm/", ROOT);

/** How npm names this machine. */
const ARCH: string = Deno.build.arch === "aarch64" ? "arm64" : "x64";

/** A package and the version that is tested. */
interface Package {
  readonly name: string;
  readonly version: string;
}

/** Runtimes and tools, that which drives a browser too. Binaries by their machine, since scripts of packages need not be allowed. */
const PACKAGES = {
  node20: { name: `node-linux-${ARCH}`, version: "20.20.2" },
  node22: { name: `node-linux-${ARCH}`, version: "22.23.3" },
  bun: { name: `@oven/bun-linux-${ARCH === "arm64" ? "aarch64" : ARCH}`, version: "1.4.5" },
  playwright: { name: "playwright-core", version: "1.65.1" },
  loader: { name: "@assemblyscript/loader", version: "0.28.20" },
  typescript: { name: "typescript", version: "6.0.3" },
  esbuild: { name: "esbuild", version: "0.28.2" },
  vite: { name: "vite", version: "8.4.0" },
  workerd: { name: "workerd", version: "1.20261117.1" },
} as const satisfies Record<string, Package>;

/** A folder with an npm package of its own. */
export interface Project {
  /** Where it lies. */
  readonly folder: URL;
  /** Path of a file in it. */
  path(name: string): string;
  /** Deletes it. */
  [Symbol.dispose](): void;
}

/**
 * The folder of an installed package; installs it when it is not there.
 *
 * @param key Which of the packages.
 */
export async function packageFolder(key: keyof typeof PACKAGES): Promise<URL> {
  const { name, version } = PACKAGES[key];
  const home = new URL(`packages/${key}-${version}/`, OUTPUT);
  const folder = new URL(`node_modules/${name}/`, home);
  const installed = await Deno.readTextFile(new URL("package.json", folder)).catch(() => "{}");
  if (JSON.parse(installed).version !== version) {
    await Deno.mkdir(home, { recursive: true });
    await Deno.writeTextFile(new URL("package.json", home), '{ "private": true }\n');
    await npm(home, ["install", `${name}@${version}`]);
  }
  return folder;
}

/**
 * An empty project somewhere else, into which the library has been installed from its tarball as a
 * user would do it, without a network.
 */
export async function installedProject(): Promise<Project> {
  await packageFolder("loader"); // the one dependency, for npm's cache
  const folder = new URL(`file://${await Deno.makeTempDir({ prefix: "tekfac-" })}/`);
  const path = (name: string) => fileURLToPath(new URL(name, folder));
  await Deno.writeTextFile(path("package.json"), '{ "private": true, "type": "module" }\n');
  await npm(folder, ["install", "--offline", await tarball()]);
  return { folder, path, [Symbol.dispose]: () => Deno.removeSync(folder, { recursive: true }) };
}

/** Copies programs of this folder into a project. */
export async function addPrograms(project: Project, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    await Deno.copyFile(new URL(`programs/${name}`, import.meta.url), project.path(name));
  }
}

/** The tarball that `deno task build:npm` has left. */
async function tarball(): Promise<string> {
  const { version } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  return fileURLToPath(new URL(`tekfac-tekfac-${version}.tgz`, OUTPUT));
}

async function npm(folder: URL, args: readonly string[]): Promise<void> {
  await run("npm", [...args, "--no-audit", "--no-fund", "--loglevel=error"], folder);
}

/** What a program printed; fails with all it had to say unless it ends well. */
export async function run(
  program: string,
  args: readonly string[],
  cwd: URL,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const result = await new Deno.Command(program, { args: [...args], cwd, env: { ...env } })
    .output();
  const [out, error] = [result.stdout, result.stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  );
  if (!result.success) {
    throw new Error(`'${program} ${args.join(" ")}' ended with ${result.code}:\n${out}${error}`);
  }
  return out;
}
