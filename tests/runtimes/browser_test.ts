/** The example page, in Chromium: what a visitor would do, and what the visitor would see. */
import assert from "#assert";
import { fileURLToPath } from "node:url";
import {
  type Browser,
  chromium,
  HANGS,
  launchChromium,
  type Page,
  type Session,
  SWIFTSHADER,
} from "./_chromium.ts";
import { type Cells, type Row, runtimeTest } from "./_table.ts";

const ROOT = new URL("../../", import.meta.url);

/**
 * Share of the time of a training that the page's own thread may compute, instead of taking notice of its visitor: a
 * worker trains. That thread's own clock counts, which stands still while others have the processor.
 */
const BUSIEST = 0.5;

/** Where pictures of the page are left, for people to look at. */
const PICTURES = new URL("npm/screenshots/", ROOT);

/** How a page is opened. */
interface Visit {
  /** Arguments of the server. @default {none} */
  readonly server?: readonly string[];
  /** Flags of the browser. @default {none} */
  readonly flags?: readonly string[];
  /** Which page. @default {the one of digits} */
  readonly path?: string;
}

/** Opens the example in a fresh browser; fails if the page complains about anything. */
function visit(
  row: Row["row"],
  criterion: string,
  { server = [], flags = [], path = "" }: Visit,
  body: (page: Page) => Promise<Cells>,
): void {
  runtimeTest(row, criterion, async () => {
    await using site = await startServer(server);
    const browser: Browser = await launchChromium(flags);
    try {
      const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
      page.setDefaultTimeout(HANGS);
      const complaints: string[] = [];
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) complaints.push(message.text());
      });
      await page.goto(new URL(path, site.url).href);
      const cells = await body(page);
      assert.deepEqual(complaints, []);
      return { reached: "bundled page", ...cells };
    } finally {
      await browser.close();
    }
  }, { missing: chromium === undefined });
}

/** The server of the task, on a free port. */
async function startServer(args: readonly string[]): Promise<AsyncDisposable & { url: string }> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--unstable-bundle", "tools/example_browser.ts", "--port", "0", ...args],
    cwd: ROOT,
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
async function phase(page: Page, name: string, timeout = HANGS): Promise<void> {
  await page.waitForFunction(
    `document.body.dataset.phase === "${name}" || ` +
      `document.getElementById("status").textContent.startsWith("That failed")`,
    undefined,
    { timeout },
  );
  assert.equal(await page.evaluate("document.body.dataset.phase"), name, await status(page));
}

async function status(page: Page): Promise<string> {
  return await page.locator("#status").textContent() ?? "";
}

async function backend(page: Page): Promise<string> {
  return await page.locator("#backend").textContent() ?? "";
}

/** Numbers of the first row of the table. */
async function figures(page: Page): Promise<{ step: number; loss: number; accuracy: number }> {
  const cells = await page.locator("#figures tbody tr:first-child td").allTextContents();
  const [step, loss, accuracy] = cells.map(parseFloat);
  return { step, loss, accuracy };
}

async function waitForStep(page: Page, step: number): Promise<void> {
  await page.waitForFunction(`document.getElementById("progress").value >= ${step}`);
}

/** Seconds that the page's own thread has computed since the protocol was asked to count. */
async function computed(session: Session): Promise<number> {
  const { metrics } = await session.send("Performance.getMetrics") as {
    readonly metrics: readonly { readonly name: string; readonly value: number }[];
  };
  return metrics.find(({ name }) => name === "TaskDuration")!.value;
}

/** Trains to the end; checks what comes out, and that the page has not done it itself. */
async function train(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  await page.getByRole("button", { name: "Start" }).click();
  await phase(page, "running");
  const [before, start] = [await computed(session), performance.now()];
  await phase(page, "finished");
  const share = 1000 * (await computed(session) - before) / (performance.now() - start);
  const { loss, accuracy } = await figures(page);
  assert(loss < 0.1, `loss ${loss}`);
  assert(accuracy > 95, `read ${accuracy} % of unseen digits`);
  assert(share < BUSIEST, `the page computed for ${100 * share} % of the training`);
}

visit("Chromium, isolated", "the example page trains on several threads", {}, async (page) => {
  await page.locator("[name=epochs]").fill("3");
  await train(page);
  const words = await backend(page);
  assert.match(words, /wasm \(.* SIMD, [2-9] threads\)/);
  return { kernels: /(relaxed|baseline) SIMD/.exec(words)![0], trains: "yes", threads: "yes" };
});

visit("Chromium", "the example page trains on one thread, and says why", {
  server: ["--no-isolation"],
}, async (page) => {
  await page.locator("[name=epochs]").fill("3");
  await train(page);
  const words = await backend(page);
  assert.match(words, /wasm \(.*one thread.*not cross-origin isolated/);
  return { kernels: /(relaxed|baseline) SIMD/.exec(words)![0], trains: "yes", threads: "no" };
});

visit(
  "Chromium, isolated",
  "a training that was saved goes on after a reload",
  {},
  async (page) => {
    const button = (name: string) => page.getByRole("button", { name });
    await page.locator("[name=network]").selectOption("small");
    await page.locator("[name=epochs]").fill("8");
    // As somebody without a mouse would do it: back over two fields to the only button that can be used.
    for (let i = 0; i < 3; i++) await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Enter");
    await phase(page, "running");
    await waitForStep(page, 20);
    await button("Save").click();
    await page.waitForFunction(`document.getElementById("status").textContent.startsWith("Saved")`);
    const [, saved] = /at step (\d+)/.exec(await status(page))!;
    await phase(page, "finished");
    const uninterrupted = await figures(page);
    assert.equal(uninterrupted.step, 320);

    await page.reload();
    await page.waitForFunction(
      `document.getElementById("status").textContent.includes("can be restored")`,
    );
    await button("Restore").click();
    await phase(page, "paused");
    assert.equal(await status(page), `Restored at step ${saved}.`);
    assert.equal(await page.locator("[name=network]").inputValue(), "small");
    await button("Continue").click();
    await phase(page, "finished");
    assert.deepEqual(await figures(page), uninterrupted);
    return { resumes: "yes" };
  },
);

visit(
  "Chromium, isolated",
  "two optimizers are compared, on a desk and on a phone",
  {},
  async (page) => {
    await page.locator("[name=network]").selectOption("small");
    await page.locator("[name=epochs]").fill("3");
    await page.locator("[data-contestant]:last-of-type [name=optimizer]").selectOption("adam");
    await page.getByRole("button", { name: "Start" }).click();
    await phase(page, "finished");
    const rows = await page.locator("#figures tbody th").allTextContents();
    assert.deepEqual(rows, ["TEKFAC, damping 1", "Adam, rate 0.01"]);
    assert(await page.locator("#mistakes canvas").count() > 0);
    assert.equal(await page.locator("#spectra .uplot").count(), 1);
    assert.equal(await page.locator(".uplot").count(), 3);

    await Deno.mkdir(PICTURES, { recursive: true });
    await page.screenshot({ path: fileURLToPath(new URL("desk.png", PICTURES)), fullPage: true });
    await page.setViewportSize({ width: 360, height: 740 });
    await page.emulateMedia({ colorScheme: "dark" });
    await page.waitForFunction("document.querySelector('.uplot').clientWidth < 360");
    assert.equal(await page.evaluate("document.documentElement.scrollWidth"), 360);
    const table = "document.querySelector('.scroll')";
    assert(await page.evaluate(`${table}.scrollWidth <= ${table}.clientWidth`), "the table fits");
    await page.screenshot({ path: fileURLToPath(new URL("phone.png", PICTURES)), fullPage: true });
    return {};
  },
);

visit("Chromium, isolated", "a visitor's drawing is read, and explained", {}, async (page) => {
  await page.locator("[name=network]").selectOption("small");
  await page.locator("[name=epochs]").fill("3");
  const ask = page.getByRole("button", { name: "What is it?" });
  assert(await ask.isDisabled(), "there is no network yet");
  await page.getByRole("button", { name: "Start" }).click();
  await phase(page, "finished");
  // An upright line, as a one is drawn.
  const sheet = page.locator("#sheet");
  await sheet.scrollIntoViewIfNeeded();
  const { x, y, width, height } = (await sheet.boundingBox())!;
  await page.mouse.move(x + width / 2, y + height / 5);
  await page.mouse.down();
  await page.mouse.move(x + width / 2, y + 4 * height / 5, { steps: 8 });
  await page.mouse.up();
  await ask.click();
  await page.waitForFunction(`document.getElementById("answer").textContent.includes("it says")`);
  assert.match(await page.locator("#answer").textContent() ?? "", /A 1, it says/);
  assert.equal(await page.locator("#taught canvas").count(), 8);
  assert.equal(await page.locator("#against canvas").count(), 8);
  const labels = await page.locator("#taught span").allTextContents();
  assert(labels.filter((label) => label === "1").length >= 4, `taught by ${labels}`);
  await Deno.mkdir(PICTURES, { recursive: true });
  await sheet.scrollIntoViewIfNeeded();
  await page.screenshot({ path: fileURLToPath(new URL("drawing.png", PICTURES)), fullPage: true });
  return {};
});

visit("Chromium, isolated", "the example page trains on WebGPU, here on SwiftShader", {
  flags: SWIFTSHADER,
}, async (page) => {
  // Small matrices: a GPU that is imitated by the processor takes seconds for what a GPU does at once.
  await page.locator("[name=network]").selectOption("tiny");
  await page.locator("[name=backend]").selectOption("webgpu");
  await page.locator("[name=epochs]").fill("5");
  await page.locator("[name=damping] >> nth=0").fill("1");
  await page.getByRole("button", { name: "Start" }).click();
  await phase(page, "finished", 900_000);
  assert.match(await backend(page), /webgpu \(.*\), as you asked/);
  const { step, accuracy } = await figures(page);
  assert.equal(step, 200);
  // On wasm three seeds read 95.0 to 97.3 %, with Adam at the best of two rates 86 to 90.
  assert(accuracy > 93, `read ${accuracy} % of unseen digits`);
  return { trains: "yes", gpu: "yes" };
});

visit("Chromium, isolated", "the page of text writes better as it learns", {
  path: "text.html",
}, async (page) => {
  const toggle = page.locator("#toggle");
  const text = page.locator("#text");
  await text.fill("too short");
  await toggle.click();
  await page.waitForFunction(
    `document.getElementById("status").textContent.startsWith("That failed")`,
  );
  assert.match(await status(page), /That failed: .*\d/);

  await text.fill("");
  await toggle.click();
  // A tenth of the training is between two of them.
  await page.waitForFunction(`document.querySelectorAll("#samples figure").length === 3`);
  const captions = await page.locator("#samples figcaption").allTextContents();
  const [later, sooner] = captions.map((words) => Number(/([\d.]+) nats/.exec(words)?.[1]));
  assert(later < sooner && sooner < Math.log(26), `held out: ${sooner}, then ${later}`);
  assert.match(captions[2], /Before it has learned anything/);
  assert(await text.isDisabled(), "the text that is being learned can be changed");
  await toggle.click();
  assert.equal(await status(page), "Stopped.");
  assert.equal(await toggle.textContent(), "Start");
  return {};
});
