/** What packers make of the npm package: how much of it a program has to load, and that it still runs. */
import assert from "#assert";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { judge } from "./_exercise.ts";
import { addPrograms, installedProject, packageFolder, type Project, run } from "./_packages.ts";
import { RUNTIMES } from "./_table.ts";

/** Most bytes, compressed by brotli as servers send them, that are loaded before the first step. */
const MOST_BYTES = 75_000;

/** The same of a page that predicts with a kept model. */
const MOST_TO_PREDICT = 12_000;

/** What esbuild tells of its work. */
interface Metafile {
  readonly outputs: Readonly<
    Record<string, {
      readonly imports: readonly { readonly path: string; readonly kind: string }[];
    }>
  >;
}

/** Packs a program of the project into its folder `packed`; the names of the files that it begins with. */
async function pack(project: Project, program: string): Promise<readonly string[]> {
  await run(fileURLToPath(new URL("bin/esbuild", await packageFolder("esbuild"))), [
    ...[`${program}.js`, "--bundle", "--splitting", "--minify", "--format=esm", "--target=es2022"],
    ...["--outdir=packed", "--metafile=metafile.json"],
  ], project.folder);
  const text = await Deno.readTextFile(project.path("metafile.json"));
  const { outputs } = JSON.parse(text) as Metafile;
  const needed = new Set([`packed/${program}.js`]);
  for (const file of needed) {
    // What is imported by a call is loaded later, if ever.
    for (const { path, kind } of outputs[file].imports) {
      if (kind === "import-statement") needed.add(path);
    }
  }
  return [...needed];
}

for (
  const { program, what, most } of [
    {
      program: "core",
      what: "all optimizers, curvature and the WASM backend",
      most: MOST_BYTES,
    },
    { program: "small", what: "a whole small program", most: MOST_BYTES },
    { program: "predict", what: "predictions of a kept model", most: MOST_TO_PREDICT },
  ]
) {
  Deno.test({
    name: `/runtimes/ ${what} are at most ${most} bytes`,
    ignore: !RUNTIMES,
    async fn() {
      using project = await installedProject();
      await addPrograms(project, `${program}.js`);
      const files = await pack(project, program);
      const texts = files.map((file) => Deno.readFileSync(project.path(file)));
      const bytes = (compress: (text: Uint8Array) => Uint8Array) =>
        texts.reduce((sum, text) => sum + compress(text).length, 0);
      const [brotli, gzip] = [bytes((t) => brotliCompressSync(t)), bytes((t) => gzipSync(t))];
      console.log(`${what}: ${brotli} bytes with brotli, ${gzip} with gzip`);
      assert(brotli <= most, `${brotli} bytes`);
    },
  });
}

Deno.test({
  name: "/runtimes/ a packed and minified program runs alone, its workers inside",
  ignore: !RUNTIMES,
  async fn() {
    using project = await installedProject();
    await addPrograms(project, "exercise.js", "main.js");
    await pack(project, "main");
    await Deno.remove(project.path("node_modules"), { recursive: true });
    const node = fileURLToPath(new URL("bin/node", await packageFolder("node22")));
    const cells = judge(JSON.parse(await run(node, ["packed/main.js"], project.folder)));
    assert.equal(cells.threads, "yes");
  },
});
