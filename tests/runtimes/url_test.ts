/** The library imported by URL: a program alone in a folder, a fresh cache, a server that sends files. */
import assert from "#assert";
import { fileURLToPath } from "node:url";
import { judge } from "./_exercise.ts";
import { run } from "./_packages.ts";
import { RUNTIMES, runtimeTest } from "./_table.ts";

const ROOT = new URL("../../", import.meta.url);

/** An empty folder and a server of this repository, as long as `body` runs. */
async function served<T>(
  body: (host: string, folder: URL, deno: (...args: string[]) => Promise<string>) => Promise<T>,
): Promise<T> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, send);
  const folder = new URL(`file://${await Deno.makeTempDir({ prefix: "tekfac-" })}/`);
  const env = { DENO_DIR: fileURLToPath(new URL("cache/", folder)), NO_COLOR: "1" };
  try {
    return await body(
      `127.0.0.1:${server.addr.port}`,
      folder,
      (...args) => run(Deno.execPath(), args, folder, env),
    );
  } finally {
    await server.shutdown();
    await Deno.remove(folder, { recursive: true });
  }
}

/** A file of the repository, as TypeScript. */
async function send(request: Request): Promise<Response> {
  const path = new URL(request.url).pathname.slice(1);
  try {
    const file = await Deno.readFile(new URL(path, ROOT));
    return new Response(file, { headers: { "content-type": "application/typescript" } });
  } catch {
    return new Response(`There is no '${path}'`, { status: 404 });
  }
}

/** Copies a program; the names by which it knows the library become URLs. */
async function addProgram(name: string, host: string, folder: URL): Promise<void> {
  const text = await Deno.readTextFile(new URL(`programs/${name}`, import.meta.url));
  const remote = text
    .replace('"@tekfac/tekfac"', `"http://${host}/mod.ts"`)
    .replace(/"@tekfac\/tekfac\/(\w+)"/g, `"http://${host}/src/$1/mod.ts"`);
  await Deno.writeTextFile(new URL(name, folder), remote);
}

runtimeTest(
  "Deno",
  "a program imports it by URL and trains without a permission",
  () =>
    served(async (host, folder, deno) => {
      await addProgram("exercise.js", host, folder);
      await addProgram("main.js", host, folder);
      const answer = await deno("run", "--no-prompt", `--allow-import=${host}`, "main.js");
      return { reached: "URL", ...judge(JSON.parse(answer)) };
    }),
);

Deno.test({
  name: "/runtimes/ Deno: deno bench runs a file that imports it by URL",
  ignore: !RUNTIMES,
  fn: () =>
    served(async (host, folder, deno) => {
      await addProgram("step_bench.js", host, folder);
      const json = await deno("bench", "--json", `--allow-import=${host}`, "step_bench.js");
      const { benches: [{ name, results: [{ ok }] }] } = JSON.parse(json);
      assert.equal(name, "step");
      assert(ok.avg > 0);
    }),
});
