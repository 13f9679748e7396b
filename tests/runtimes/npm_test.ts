/** The npm package, installed from its tarball, on the runtimes that take packages from npm. */
import assert from "#assert";
import { fileURLToPath } from "node:url";
import { judge } from "./_exercise.ts";
import { addPrograms, installedProject, packageFolder, run } from "./_packages.ts";
import { type Cells, RUNTIMES, runtimeTest } from "./_table.ts";

/** Runs the exercise by a program that takes the name of a script. */
async function exerciseBy(program: string): Promise<Cells> {
  using project = await installedProject();
  await addPrograms(project, "exercise.js", "main.js");
  const answer = await run(program, ["main.js"], project.folder);
  return { reached: "npm package", ...judge(JSON.parse(answer)) };
}

/** A file of an installed package. */
async function binary(...[key, name]: [...Parameters<typeof packageFolder>, string]) {
  return fileURLToPath(new URL(name, await packageFolder(key)));
}

runtimeTest("Node 20", "the npm package trains, without fused multiply-add", async () => {
  const cells = await exerciseBy(await binary("node20", "bin/node"));
  assert.equal(cells.kernels, "baseline SIMD");
  return cells;
});

runtimeTest("Node 22", "the npm package trains", async () => {
  return await exerciseBy(await binary("node22", "bin/node"));
});

runtimeTest("Bun", "the npm package trains", async () => {
  return await exerciseBy(await binary("bun", "bin/bun"));
});

/** The part of the answer of `programs/threads.js` that is looked at. */
interface ThreadsAnswer {
  readonly cores: number;
  readonly auto: string;
  readonly same: boolean;
  readonly description: string;
}

for (
  const { name, program } of [
    { name: "Node 20", program: () => binary("node20", "bin/node") },
    { name: "Node 22", program: () => binary("node22", "bin/node") },
    { name: "Bun", program: () => binary("bun", "bin/bun") },
  ]
) {
  Deno.test({
    name: `/runtimes/ ${name}: threads are counted by the cores, and one that dies changes nothing`,
    ignore: !RUNTIMES,
    async fn() {
      using project = await installedProject();
      await addPrograms(project, "threads.js");
      const answer = await run(await program(), ["threads.js"], project.folder);
      const { cores, auto, same, description } = JSON.parse(answer) as ThreadsAnswer;
      const expected = cores < 2 ? "there is one core" : `${Math.min(cores, 4)} threads`;
      assert(auto.includes(expected), `${auto} on ${cores} cores`);
      assert(same, "the losses are what they were");
      assert.match(description, /2 threads, 1 of them lost/);
    },
  });
}

for (
  const { module, moduleResolution } of [
    { module: "esnext", moduleResolution: "bundler" },
    { module: "nodenext", moduleResolution: "nodenext" },
  ]
) {
  Deno.test({
    name: `/runtimes/ types of the npm package hold for moduleResolution ${moduleResolution}`,
    ignore: !RUNTIMES,
    async fn() {
      using project = await installedProject();
      await addPrograms(project, "types.ts");
      const compilerOptions = {
        ...{ module, moduleResolution, target: "es2022", lib: ["esnext", "dom", "dom.iterable"] },
        ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, types: [] },
        noEmit: true,
      };
      const config = JSON.stringify({ compilerOptions, files: ["types.ts"] });
      await Deno.writeTextFile(project.path("tsconfig.json"), config);
      await run("node", [await binary("typescript", "bin/tsc"), "--project", "."], project.folder);
    },
  });
}
