/** The example of a head on embeddings, built by Vite and visited with Chromium. */
import assert from "#assert";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";
import { type Browser, chromium, HANGS, launchChromium } from "./_chromium.ts";
import { installedProject, run } from "./_packages.ts";
import { RUNTIMES } from "./_table.ts";

const EXAMPLE = new URL("../../examples/vite_head/", import.meta.url);

/** What the example has its server send. */
const { headers } = await import(new URL("headers.js", EXAMPLE).href) as {
  readonly headers: Readonly<Record<string, string>>;
};

/** Most bytes with brotli: of the page, and of its worker with the package in one piece, as Vite loads it. */
const MOST = { page: 16_000, worker: 150_000 } as const;

/** Files of a built page by their paths. */
type Site = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/** Builds the example in a project of its own, with the packed library. */
async function build(): Promise<Site> {
  using project = await installedProject();
  const { devDependencies: { vite } } = JSON.parse(
    await Deno.readTextFile(new URL("package.json", EXAMPLE)),
  );
  const options = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
  await run("npm", ["install", ...options, `vite@${vite}`], project.folder);
  for (const name of ["index.html", "vite.config.js", "headers.js", "src", "public"]) {
    await run("cp", ["-r", fileURLToPath(new URL(name, EXAMPLE)), "."], project.folder);
  }
  await run("node", ["node_modules/vite/bin/vite.js", "build"], project.folder);
  const site = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const folder of ["dist/", "dist/assets/"]) {
    for (const { name, isFile } of Deno.readDirSync(project.path(folder))) {
      if (!isFile) continue;
      site.set(`${folder.slice(5)}${name}`, Deno.readFileSync(project.path(folder + name)));
    }
  }
  return site;
}

/** Serves a site to a browser, and returns what the page shows once it has learned. */
async function visit(site: Site, isolated: boolean) {
  const types: Record<string, string> = {
    html: "text/html",
    js: "text/javascript",
    css: "text/css",
  };
  const sent = isolated
    ? headers
    : { "Content-Security-Policy": headers["Content-Security-Policy"] };
  const loaded: string[] = [];
  const server = Deno.serve({ port: 0, hostname: "localhost", onListen: () => {} }, (request) => {
    const name = new URL(request.url).pathname.slice(1) || "index.html";
    const bytes = site.get(name);
    if (bytes === undefined) return new Response("", { status: 404 });
    loaded.push(name);
    const type = types[name.split(".").at(-1)!];
    return new Response(bytes, { headers: { ...sent, "Content-Type": type } });
  });
  const browser: Browser = await launchChromium();
  try {
    const page = await browser.newPage({ viewport: { width: 800, height: 900 } });
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    await page.goto(`http://localhost:${server.addr.port}/`);
    const text = async (selector: string) => await page.locator(selector).textContent() ?? "";
    // The policy keeps the page from evaluating a condition.
    const end = Date.now() + HANGS;
    while (!/^(Learned|That failed)/.test(await text("#status")) && Date.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await Deno.mkdir(new URL("../../npm/screenshots/", import.meta.url), { recursive: true });
    await page.screenshot({
      path: fileURLToPath(new URL("../../npm/screenshots/vite-head.png", import.meta.url)),
      fullPage: true,
    });
    const right = await page.locator("figcaption[data-right=true]").count();
    const seen = {
      ...{ status: await text("#status"), backend: await text("#backend") },
      ...{ last: await text("#epochs li:last-child"), right, complaints, loaded },
    };
    return seen;
  } finally {
    await browser.close();
    await server.shutdown();
  }
}

Deno.test({
  name: "/runtimes/ the Vite example learns in a worker, with threads where it is isolated",
  ignore: !RUNTIMES || chromium === undefined,
  async fn() {
    const site = await build();
    for (const isolated of [true, false]) {
      const { status, backend, last, right, complaints, loaded } = await visit(site, isolated);
      assert.match(status, /^Learned/);
      assert.deepEqual(complaints, []);
      assert.equal(/threads/.test(backend), isolated, backend);
      assert(parseInt(last) >= 80, last);
      assert(right >= 9, `${right} of 12 digits`);

      const weight = (names: readonly string[]) =>
        names.reduce((sum, name) => sum + brotliCompressSync(site.get(name)!).length, 0);
      const first = loaded.findIndex((name) => /worker/.test(name));
      const weights = { page: weight(loaded.slice(0, first)), worker: weight(loaded.slice(first)) };
      console.log(weights);
      for (const part of ["page", "worker"] as const) assert(weights[part] <= MOST[part]);
    }
  },
});
