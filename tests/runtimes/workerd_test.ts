/** A worker of Cloudflare's runtime, packed from the npm package and started as its users would. */
import assert from "#assert";
import { fileURLToPath } from "node:url";
import { judge } from "./_exercise.ts";
import { addPrograms, installedProject, packageFolder, run } from "./_packages.ts";
import { runtimeTest } from "./_table.ts";

/** What a worker may use at Cloudflare: what the process takes beyond the runtime as it has started. */
const MOST_MEMORY = 128e6;

/** One worker of two modules: its code and the compiled kernels. */
const CONFIGURATION = `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [
    (name = "worker.js", esModule = embed "packed/worker.js"),
    (name = "relaxed.wasm", wasm = embed "packed/relaxed.wasm"),
  ],
  compatibilityDate = "2026-11-01",
);
`;

/** Points of a sine. */
const POINTS = Array.from({ length: 40 }, (_, i) => (i - 20) / 10);

runtimeTest("workerd", "a worker takes compiled kernels and fits a model per request", async () => {
  using project = await installedProject();
  await addPrograms(project, "exercise.js", "worker.js");
  await Deno.writeTextFile(project.path("config.capnp"), CONFIGURATION);
  await run(fileURLToPath(new URL("bin/esbuild", await packageFolder("esbuild"))), [
    ...["worker.js", "--bundle", "--minify", "--format=esm", "--outdir=packed"],
    ...["--loader:.wasm=copy", "--asset-names=[name]"],
  ], project.folder);

  const workerd = new URL("bin/workerd", await packageFolder("workerd"));
  const process = new Deno.Command("taskset", {
    args: ["--cpu-list", "0", fileURLToPath(workerd), "serve", "config.capnp", "--control-fd=1"],
    cwd: project.folder,
    stdout: "piped",
  }).spawn();
  try {
    const url = `http://127.0.0.1:${await portOf(process)}`;
    const body = JSON.stringify({ inputs: POINTS, targets: POINTS.map((x) => Math.sin(2 * x)) });
    const idle = await mostMemoryOf(process.pid);
    for (let request = 0; request < 100; request++) {
      const response = await fetch(`${url}/fit`, { method: "POST", body });
      const { before, after } = await response.json();
      assert(after < before / 100, `from ${before} to ${after}`);
    }
    const memory = await mostMemoryOf(process.pid) - idle;
    assert(memory <= MOST_MEMORY, `${memory} bytes`);
    return { reached: "npm package", ...judge(await (await fetch(url)).json()) };
  } finally {
    process.kill();
    await process.status;
  }
});

/** The port that a server tells on its standard output, in a line of JSON. */
async function portOf(process: Deno.ChildProcess): Promise<number> {
  const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    text += value ?? "";
    const port = /"port":(\d+)/.exec(text);
    if (port !== null) {
      await reader.cancel();
      return Number(port[1]);
    }
    if (done) throw new Error(`workerd tells no port: ${text}`);
  }
}

/** Most memory that a process has held, in bytes. */
async function mostMemoryOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return 1024 * Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]);
}
