/** Sums by subgroups, which no adapter of Deno's offers, in Chromium on SwiftShader. */
import assert from "#assert";
import { fileURLToPath } from "node:url";
import { chromium, launchChromium, SWIFTSHADER } from "./_chromium.ts";
import { run } from "./_packages.ts";
import { runtimeTest } from "./_table.ts";

const ROOT = new URL("../../", import.meta.url);

/** What the page says. */
interface Found {
  readonly passed: boolean;
  readonly text: string;
  readonly sums: readonly number[];
  readonly kernels: number;
  readonly withSubgroups: number;
}

/** A server of an empty page that runs a program of this folder. */
async function serve(program: string): Promise<AsyncDisposable & { url: string }> {
  const path = fileURLToPath(new URL(`programs/${program}`, import.meta.url));
  const code = await run(Deno.execPath(), ["bundle", "--quiet", "--platform=browser", path], ROOT);
  const server = Deno.serve({ hostname: "localhost", port: 0, onListen: () => {} }, ({ url }) => {
    const [text, type] = url.endsWith(".js")
      ? [code, "text/javascript"]
      : ['<script type="module" src="program.js"></script>', "text/html"];
    return new Response(text, { headers: { "content-type": type } });
  });
  return {
    url: `http://localhost:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

runtimeTest(
  "Chromium",
  "the GPU's kernels are right with subgroups and without, on SwiftShader",
  async () => {
    await using site = await serve("subgroups.js");
    const browser = await launchChromium(SWIFTSHADER);
    try {
      const page = await browser.newPage();
      await page.goto(site.url);
      await page.waitForFunction("globalThis.checkSubgroups !== undefined");
      const check = (subgroups: string) => page.evaluate<Found>(`checkSubgroups("${subgroups}")`);
      const [by, without] = [await check("auto"), await check("off")];
      assert(by.passed, by.text);
      assert(without.passed, without.text);
      assert(by.kernels > 0 && by.withSubgroups === by.kernels, "all sums take subgroups");
      assert.equal(without.kernels, by.kernels);
      assert.equal(without.withSubgroups, 0);
      // 12500 times 0 + 1 + ... + 7, and the sum of their squares; the last number is 0.
      assert.deepEqual(by.sums, [350_000, 1_750_000]);
      assert.deepEqual(without.sums, by.sums);
    } finally {
      await browser.close();
    }
    return { gpu: "yes" };
  },
  { missing: chromium === undefined },
);
