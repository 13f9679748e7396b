/**
 * Packs the library for npm: `deno task build:npm` leaves `npm/tekfac-tekfac-VERSION.tgz`.
 *
 * Deno's own packer turns every module into JavaScript with a declaration file beside it. What it
 * does not know is added to the manifest here, and `npm pack` makes the tarball that a registry takes.
 *
 * @module
 */

import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import type { SimdFlavour } from "@tekfac/tekfac/backend";
import { compile } from "./build_kernels.ts";
import { type Parted, withTwins } from "./npm_parts.ts";

const ROOT = new URL("../", import.meta.url);

/** Everything this tool makes; not under version control. */
const OUTPUT = new URL("npm/", ROOT);

/** Packages that a program needs at run time. All others belong to adapters, and their users have them. */
const CORE_PACKAGES: readonly string[] = ["@assemblyscript/loader"];

/** The one module that does something when it is imported. */
const WORKER = "./src/backend/wasm/threads/entry.js";

/** The builds of all kernels, for hosts that compile WebAssembly only from files of their own. */
const BUILDS: readonly SimdFlavour[] = ["relaxed", "baseline"];

/** The part of `package.json` that is read or written here. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/**
 * Deno's manifest with what a package needs to be found, shaken and installed well.
 *
 * @param packed What `deno pack` wrote.
 * @returns The same, with frameworks as optional peers instead of dependencies.
 */
export function manifestFor(packed: Manifest): Manifest {
  const packages = Object.entries(packed.dependencies ?? {});
  const isCore = ([name]: [string, string]) => CORE_PACKAGES.includes(name);
  const peers = packages.filter((entry) => !isCore(entry));
  return {
    ...packed,
    description: "Kronecker-factored natural-gradient training (TEKFAC, TKFAC, EKFAC, KFAC) " +
      "on WebAssembly SIMD and WebGPU",
    keywords: ["natural gradient", "K-FAC", "EKFAC", "TEKFAC", "optimizer", "neural network"],
    exports: {
      ...packed.exports,
      ...Object.fromEntries(BUILDS.map((build) => [`./${build}.wasm`, `./${build}.wasm`])),
    },
    sideEffects: [WORKER],
    engines: { node: ">=20" },
    dependencies: Object.fromEntries(packages.filter(isCore)),
    ...(peers.length > 0 && {
      peerDependencies: Object.fromEntries(peers),
      peerDependenciesMeta: Object.fromEntries(peers.map(([name]) => [name, { optional: true }])),
    }),
  };
}

/**
 * Builds the tarball anew.
 *
 * @returns Where it lies.
 */
export async function buildNpm(): Promise<URL> {
  await Deno.remove(new URL("package/", OUTPUT), { recursive: true }).catch(() => {});
  await Deno.mkdir(OUTPUT, { recursive: true });
  const packed = fileURLToPath(new URL("packed.tgz", OUTPUT));
  await run(Deno.execPath(), [
    ...["pack", "--quiet", "--allow-dirty", "--no-source-maps"],
    ...["--output", packed],
  ], ROOT);
  await run("tar", ["-xzf", packed], OUTPUT);
  await Deno.remove(packed);

  const path = new URL("package/package.json", OUTPUT);
  const imports = await addTwins(new URL("package/", OUTPUT));
  const manifest = { ...manifestFor(JSON.parse(await Deno.readTextFile(path))), imports };
  for (const build of BUILDS) {
    const binary = await compile(
      build,
      "index.ts",
      "sequences.ts",
      "batch_norm.ts",
      "density_losses.ts",
      "depthwise.ts",
    );
    await Deno.writeFile(new URL(`package/${build}.wasm`, OUTPUT), binary);
  }
  await Deno.writeTextFile(path, JSON.stringify(manifest, null, 2) + "\n");
  const printed = await run("npm", ["pack", "./package", "--silent"], OUTPUT);
  return new URL(basename(printed.trim()), OUTPUT);
}

/** Writes the twins of a package's modules; the manifest's `imports`. */
async function addTwins(folder: URL): Promise<Parted["imports"]> {
  const modules = new Map<string, string>();
  for await (const path of filesBelow(folder, "")) {
    if (path.endsWith(".js")) modules.set(path, await Deno.readTextFile(new URL(path, folder)));
  }
  const { modules: changed, imports } = withTwins(modules);
  for (const [path, text] of changed) await Deno.writeTextFile(new URL(path, folder), text);
  return imports;
}

/** Paths of all files in a folder, from there. */
async function* filesBelow(folder: URL, path: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(path, folder))) {
    if (isDirectory) yield* filesBelow(folder, `${path}${name}/`);
    else yield `${path}${name}`;
  }
}

/** What a program printed; its complaints when it fails. */
async function run(program: string, args: readonly string[], cwd: URL): Promise<string> {
  const result = await new Deno.Command(program, { args: [...args], cwd }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!result.success) {
    throw new Error(`'${program} ${args.join(" ")}' failed:\n${text(result.stderr)}`);
  }
  return text(result.stdout);
}

if (import.meta.main) {
  const tarball = await buildNpm();
  const { size } = await Deno.stat(tarball);
  console.log(`${fileURLToPath(tarball)}: ${(size / 1000).toFixed(0)} kB`);
}
