import assert from "#assert";
import { chromium, launchChromium, type Page } from "./_chromium.ts";

const root = new URL("../../", import.meta.url);

/** Flags of Chromium for WebGPU on its own software adapter. */
const softwareGpu = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
];

/** The longest time that the page may take no notice of its visitor while it trains, in milliseconds. */
const LONGEST_GAP = 200;

interface Visit {
  /** Arguments of the server. @default {none} */
  readonly server?: readonly string[];
  /** Flags of the browser. @default {none} */
  readonly flags?: readonly string[];
}

/** Opens the example in a fresh browser; fails if the page complains about anything. */
function visit(
  name: string,
  { server = [], flags = [] }: Visit,
  body: (page: Page) => Promise<void>,
): void {
  Deno.test(`the browser example ${name}`, {
    ignore: chromium === undefined || !Deno.args.includes("--runtimes"),
    // Playwright leaves handles of its process behind when the browser is closed.
    sanitizeOps: false,
    sanitizeResources: false,
  }, async () => {
    await using site = await startServer(server);
    const browser = await launchChromium(flags);
    try {
      const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
      const complaints: string[] = [];
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) complaints.push(message.text());
      });
      await page.goto(site.url);
      await body(page);
      assert.deepEqual(complaints, []);
    } finally {
      await browser.close();
    }
  });
}

/** The server of the task, on a free port. */
async function startServer(args: readonly string[]): Promise<AsyncDisposable & { url: string }> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--unstable-bundle", "tools/example_browser.ts", "--port", "0", ...args],
    cwd: root,
    stdout: "piped",
  }).spawn();
  const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await reader.read();
  return {
    url: value.trim(),
    async [Symbol.asyncDispose]() {
      process.kill();
      await reader.cancel();
      await process.status;
    },
  };
}

/** Waits until the page is in a phase, or says that something failed. */
async function phase(page: Page, name: string, timeout: number): Promise<void> {
  await page.waitForFunction(
    `document.body.dataset.phase === "${name}" || ` +
      `document.getElementById("status").textContent.startsWith("That failed")`,
    undefined,
    { timeout },
  );
  const status = await page.locator("#status").textContent();
  assert.equal(await page.evaluate("document.body.dataset.phase"), name, status ?? "");
}

/** Numbers of a row of the table: step, loss, accuracy in %, ms per step. */
async function figures(page: Page, row: number): Promise<number[]> {
  const cells = await page.locator(`#figures tbody tr:nth-child(${row}) td`).allTextContents();
  return cells.map(parseFloat);
}

async function backendOf(page: Page): Promise<string> {
  return await page.locator("#backend").textContent() ?? "";
}

/** Trains to the end, with a clock in the page that notes its longest gap; returns that. */
async function train(page: Page, timeout: number): Promise<number> {
  await page.getByRole("button", { name: "Start" }).click();
  await phase(page, "running", timeout);
  await page.evaluate(`{
    globalThis.longestGap = 0;
    let last = performance.now();
    setInterval(() => {
      const now = performance.now();
      longestGap = Math.max(longestGap, now - last);
      last = now;
    }, 10);
  }`);
  await phase(page, "finished", timeout);
  return await page.evaluate("longestGap");
}

visit("learns on WebAssembly with threads where it is isolated", {}, async (page) => {
  await page.locator("[name=epochs]").fill("3");
  const gap = await train(page, 120_000);
  assert.match(await backendOf(page), /wasm \(.* SIMD, [2-9] threads\)/);
  const [step, loss, accuracy] = await figures(page, 1);
  assert.equal(step, 120);
  assert(loss < 0.1, `loss ${loss}`);
  assert(accuracy > 95, `accuracy ${accuracy} %`);
  assert(gap < LONGEST_GAP, `the page did not answer for ${gap} ms`);
});

visit("learns on one thread where it is not, and says why", {
  server: ["--no-isolation"],
}, async (page) => {
  await page.locator("[name=epochs]").fill("3");
  const gap = await train(page, 120_000);
  assert.match(await backendOf(page), /wasm \(.*one thread.*not cross-origin isolated/);
  assert((await figures(page, 1))[2] > 95);
  assert(gap < LONGEST_GAP, `the page did not answer for ${gap} ms`);
});
