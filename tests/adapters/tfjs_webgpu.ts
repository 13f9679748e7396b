/** The framework's webgpu backend and ours on one GPU device, in Chromium. */
import { fileURLToPath } from "node:url";
import assert from "#assert";
import { allClose } from "@tekfac/tekfac/testing";
import { chromium, launchChromium } from "../runtimes/_chromium.ts";
import { ALLOWANCE, STEPS } from "./_tfjs_twin.ts";
import type { Remainder, Trained } from "./pages/tfjs_webgpu.ts";

const HTML = `<!doctype html><link rel="icon" href="data:,">
<script type="module" src="page.js"></script>`;

/** Serves the page until it is disposed. */
async function serve(): Promise<AsyncDisposable & { readonly url: string }> {
  const { errors, outputFiles = [] } = await Deno.bundle({
    entrypoints: [fileURLToPath(new URL("pages/tfjs_webgpu.ts", import.meta.url))],
    outputDir: "site",
    platform: "browser",
    format: "esm",
    write: false,
  });
  if (errors.length > 0) throw new Error(errors.map(({ text }) => text).join("\n"));
  const script = outputFiles[0].text();
  const server = Deno.serve({ port: 0, hostname: "localhost", onListen() {} }, (request) => {
    const [body, type] = request.url.endsWith("/page.js")
      ? [script, "text/javascript"]
      : [HTML, "text/html"];
    return new Response(body, { headers: { "Content-Type": `${type}; charset=utf-8` } });
  });
  return {
    url: `http://localhost:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Calls a function of the page, on a GPU that the processor imitates. */
function pageTest<T>(name: string, call: string, check: (answer: T) => void): void {
  Deno.test({
    name: `TekfacOptimizer on a GPU device shared with the framework ${name}`,
    ignore: chromium === undefined,
    async fn() {
      await using site = await serve();
      const browser = await launchChromium([
        "--enable-unsafe-webgpu",
        "--use-webgpu-adapter=swiftshader",
      ]);
      try {
        const page = await browser.newPage();
        const complaints: string[] = [];
        page.on("pageerror", (error) => complaints.push(String(error)));
        page.on("console", (message) => complaints.push(message.text()));
        await page.goto(site.url);
        check(await page.evaluate<T>(call));
        assert.deepEqual(complaints, []);
      } finally {
        await browser.close();
      }
    },
  });
}

for (const network of ["dense", "convolutions", "tokens"]) {
  pageTest<Trained>(
    `trains as nn does on the host, reading losses alone: ${network}`,
    `trainTwin("${network}")`,
    ({ tfjs, nn, bytesRead, leftover }) => {
      assert.equal(tfjs.length, STEPS);
      assert(nn.at(-1)! < 0.7 * nn[0]);
      allClose(tfjs, nn, ALLOWANCE);
      assert.equal(bytesRead, STEPS * Float32Array.BYTES_PER_ELEMENT);
      assert.equal(leftover, 0);
    },
  );
}

pageTest<Remainder>(
  "reports, goes on from a saved state, and refuses other devices",
  "tryTheRest()",
  ({ reported, resumed: [first, second], refusals }) => {
    assert.deepEqual(reported, [undefined, 2]);
    assert.deepEqual(second, first);
    assert(first[2] < first[0]);
    const [device, recovery, backend] = refusals;
    assert.match(device, /its 'webgpu' backend on another device; call tf\.setBackend/);
    assert.match(recovery, /without recovery/);
    assert.match(backend, /received its 'cpu' backend; call tf\.setBackend/);
  },
);
