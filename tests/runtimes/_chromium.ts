/**
 * Chromium as its users see it, driven by Playwright, which is typed here by what is used of it.
 *
 * @module
 */

import { createRequire } from "node:module";
import { packageFolder } from "./_packages.ts";

/** Where distributions put Chromium; the variable says it otherwise. */
const PLACES: readonly (string | undefined)[] = [
  Deno.env.get("CHROMIUM"),
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];

/** Path of the browser, or `undefined` where there is none. */
export const chromium: string | undefined = PLACES.find((path) => {
  try {
    return path !== undefined && Deno.statSync(path).isFile;
  } catch {
    return false;
  }
});

/** Milliseconds after which a page hangs; on a machine that is busy with other things it may take minutes. */
export const HANGS = 600_000;

/** Flags for WebGPU on the software adapter that Chromium brings along. */
export const SWIFTSHADER: readonly string[] = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
];

/** Something on a page. */
export interface Locator {
  click(): Promise<void>;
  fill(text: string): Promise<void>;
  selectOption(value: string): Promise<unknown>;
  inputValue(): Promise<string>;
  textContent(): Promise<string | null>;
  allTextContents(): Promise<string[]>;
  count(): Promise<number>;
  isDisabled(): Promise<boolean>;
  scrollIntoViewIfNeeded(): Promise<void>;
  boundingBox(): Promise<
    | { readonly x: number; readonly y: number; readonly width: number; readonly height: number }
    | null
  >;
}

/** The browser's own protocol, for what pages cannot say of themselves. */
export interface Session {
  send(method: string, parameters?: object): Promise<unknown>;
}

/** A page in the browser. Code is given as text: it runs over there. */
export interface Page {
  context(): { newCDPSession(page: Page): Promise<Session> };
  setDefaultTimeout(milliseconds: number): void;
  readonly keyboard: { press(key: string): Promise<void> };
  readonly mouse: {
    move(x: number, y: number, options?: { readonly steps: number }): Promise<void>;
    down(): Promise<void>;
    up(): Promise<void>;
  };
  goto(url: string): Promise<unknown>;
  reload(): Promise<unknown>;
  locator(selector: string): Locator;
  getByRole(role: string, options: { readonly name: string }): Locator;
  evaluate<T>(code: string): Promise<T>;
  waitForFunction(
    code: string,
    argument?: unknown,
    options?: { readonly timeout: number },
  ): Promise<unknown>;
  screenshot(options: { readonly path: string; readonly fullPage: boolean }): Promise<unknown>;
  setViewportSize(size: { readonly width: number; readonly height: number }): Promise<void>;
  emulateMedia(options: { readonly colorScheme: "light" | "dark" }): Promise<void>;
  on(event: "console", listener: (message: { type(): string; text(): string }) => void): void;
  on(event: "pageerror", listener: (error: Error) => void): void;
}

/** A running browser. */
export interface Browser {
  newPage(options?: { viewport: { width: number; height: number } }): Promise<Page>;
  close(): Promise<void>;
}

/** Starts the browser without a window. The caller closes it. */
export async function launchChromium(flags: readonly string[] = []): Promise<Browser> {
  // It is CommonJS: `import` would need Deno's own installation of it.
  const load = createRequire(await packageFolder("playwright"));
  const { chromium: engine } = load("./index.js") as {
    readonly chromium: { launch(options: object): Promise<Browser> };
  };
  // Containers run everything as root, where Chromium's sandbox does not work.
  const args = ["--no-sandbox", "--disable-dev-shm-usage", ...flags];
  return await engine.launch({ executablePath: chromium, args });
}
