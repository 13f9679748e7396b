/** Vite with no configuration at all, and pages whose policy forbids one thing or another. */
import assert from "#assert";
import { fileURLToPath } from "node:url";
import { chromium, HANGS, launchChromium, type Page } from "./_chromium.ts";
import { addPrograms, installedProject, packageFolder, type Project, run } from "./_packages.ts";
import { RUNTIMES } from "./_table.ts";

/** A project with a page and a worker. */
async function pageProject(): Promise<Project> {
  const project = await installedProject();
  await addPrograms(project, "vite_main.js", "vite_worker.js", "vite.html");
  await Deno.rename(project.path("vite.html"), project.path("index.html"));
  return project;
}

async function vite(): Promise<string> {
  return fileURLToPath(new URL("bin/vite.js", await packageFolder("vite")));
}

/** Opens a page; what it complained about comes along. */
async function visit(url: string, body: (page: Page, said: readonly string[]) => Promise<void>) {
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    const said: string[] = [];
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(String(error)));
    await page.goto(url);
    await body(page, said);
  } finally {
    await browser.close();
  }
}

/** What the worker of a page says in the end. */
async function fromWorker(page: Page): Promise<string> {
  await page.waitForFunction("globalThis.fromWorker !== undefined", undefined, {
    timeout: HANGS,
  });
  return await page.evaluate<string>("fromWorker");
}

const TYPES: Readonly<Record<string, string>> = { html: "text/html", js: "text/javascript" };

/** Serves a folder with headers of our own. */
function serve(
  folder: URL,
  headers: Readonly<Record<string, string>>,
): AsyncDisposable & { url: string } {
  const server = Deno.serve({ port: 0, onListen: () => {} }, async ({ url }) => {
    const name = new URL(url).pathname.replace(/^\/$/, "/index.html");
    if (name === "/favicon.ico") return new Response(null, { status: 204 });
    try {
      const bytes = await Deno.readFile(new URL(`.${name}`, folder));
      const type = TYPES[name.replace(/.*\./, "")] ?? "application/octet-stream";
      return new Response(bytes, { headers: { "Content-Type": type, ...headers } });
    } catch {
      return new Response("", { status: 404 });
    }
  });
  const { port } = server.addr as Deno.NetAddr;
  return { url: `http://localhost:${port}/`, [Symbol.asyncDispose]: () => server.shutdown() };
}

const ignore = !RUNTIMES || chromium === undefined;

const ISOLATED = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** What a backend of the page says of itself. */
interface Said {
  readonly description: string;
  readonly later: string;
  readonly rejected: readonly { readonly name: string; readonly reason: string }[];
}

const describe = (page: Page, own: boolean) => page.evaluate<Said>(`describe(${own})`);

Deno.test({
  name:
    "/runtimes/ Vite's production build, as it is, trains in a worker; policies are told and kept",
  ignore,
  async fn(t) {
    using project = await pageProject();
    await run("node", [await vite(), "build"], project.folder);
    const dist = new URL("dist/", project.folder);
    const policies: [
      string,
      string | undefined,
      (page: Page, said: readonly string[]) => Promise<void>,
    ][] = [
      ["no policy", undefined, async (page, said) => {
        assert.match(await fromWorker(page), /^wasm \(.* SIMD\), the loss fell$/);
        const { description, later } = await describe(page, false);
        assert.match(description, /SIMD, 2 threads\)$/);
        assert.equal(later, description);
        assert.deepEqual(said, []);
      }],
      [
        "no blob: workers",
        "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'",
        async (page) => {
          const { description } = await describe(page, false);
          assert.match(
            description,
            /one thread: no worker begins from blob: URLs; .*worker-src\)$/,
          );
          const { later } = await describe(page, true);
          assert.match(later, /SIMD, 2 threads\)$/, "with a script of the page's own");
        },
      ],
      ["no WebAssembly", "script-src 'self'; worker-src 'self'", async (page, said) => {
        const { description, rejected } = await describe(page, false);
        assert.match(description, /^reference/);
        const { reason } = rejected.find(({ name }) => name === "wasm")!;
        assert.match(reason, /Content Security Policy/);
        assert(said.some((text) => /Computing with the slow float64 reference/.test(text)));
      }],
    ];
    for (const [name, policy, body] of policies) {
      await t.step(name, async () => {
        const headers = policy === undefined ? {} : { "Content-Security-Policy": policy };
        await using site = serve(dist, { ...ISOLATED, ...headers });
        await visit(site.url, body);
      });
    }
  },
});

Deno.test({
  name: "/runtimes/ Vite's development server, as it is, trains in a worker",
  ignore,
  async fn() {
    using project = await pageProject();
    const server = new Deno.Command("node", {
      args: [await vite(), "--port", "0"],
      cwd: project.folder,
      env: { NO_COLOR: "1" },
      stdout: "piped",
      stderr: "null",
    }).spawn();
    try {
      let text = "", url: string | undefined;
      const reader = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
      while (url === undefined) {
        const { value = "", done } = await reader.read();
        text += value;
        assert(!done, text);
        url = /http:\/\/localhost:\d+\//.exec(text)?.[0];
      }
      await visit(url, async (page) => {
        assert.match(await fromWorker(page), /^wasm \(.* SIMD\), the loss fell$/);
      });
      await reader.cancel();
    } finally {
      server.kill();
      await server.status;
    }
  },
});
