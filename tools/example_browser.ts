/**
 * Bundles `examples/browser` for browsers and serves it, or writes it to a directory.
 *
 *     deno task example:browser               serves it at http://localhost:8000/
 *     deno task example:browser --out DIR     writes the files, for any server of static files
 *
 * Pages may use threads only when they are isolated from other origins, which takes two headers. They
 * are sent, unless `--no-isolation` asks to see how the page does without.
 *
 * @module
 */

import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import uplotStyle from "npm:uplot@1.6.32/dist/uPlot.min.css" with { type: "text" };

const SOURCE = new URL("../examples/browser/", import.meta.url);

/** What a browser fetches by name; the rest are chunks that these import. */
const ENTRY_POINTS = ["page.ts", "worker.ts", "text_page.ts", "text_worker.ts"];

/** Files that are served as they are. */
const STATIC_FILES = ["index.html", "text.html", "style.css"];

/** Media types by the end of a file's name. */
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  map: "application/json",
};

const HELP = `Usage: deno task example:browser [options]

Bundles examples/browser and serves it until it is interrupted.

Options:
  --port N         where to listen, 0 for any free port (default: 8000)
  --no-isolation   without the headers that let the page use several threads
  --out DIR        write the files to a directory instead of serving them
  --help           this text`;

/** Files of the page by name. */
type Site = ReadonlyMap<string, Uint8Array>;

/** Bundles the page's modules and puts its other files beside them. */
async function bundle(): Promise<Site> {
  const { errors, outputFiles = [] } = await Deno.bundle({
    entrypoints: ENTRY_POINTS.map((name) => fileURLToPath(new URL(name, SOURCE))),
    outputDir: "site",
    platform: "browser",
    format: "esm",
    codeSplitting: true,
    minify: true,
    sourcemap: "linked",
    write: false,
  });
  if (errors.length > 0) throw new Error(errors.map(({ text }) => text).join("\n"));
  const site = new Map<string, Uint8Array>();
  for (const { path, contents } of outputFiles) site.set(basename(path), contents!);
  for (const name of STATIC_FILES) site.set(name, await Deno.readFile(new URL(name, SOURCE)));
  return site.set("uplot.css", new TextEncoder().encode(uplotStyle));
}

/** Serves the files until the process ends. */
async function serve(site: Site, port: number, isolated: boolean): Promise<void> {
  const isolation: Record<string, string> = isolated
    ? {
      "Cross-Origin-Opener-Policy": "same-origin",
      "Cross-Origin-Embedder-Policy": "require-corp",
    }
    : {};
  const onListen = ({ port }: Deno.NetAddr) => console.log(`http://localhost:${port}/`);
  await Deno.serve({ port, hostname: "localhost", onListen }, (request) => {
    const name = new URL(request.url).pathname.slice(1) || "index.html";
    const bytes = site.get(name);
    if (bytes === undefined) return new Response("Not found", { status: 404 });
    const type = MEDIA_TYPES[name.split(".").at(-1)!];
    const headers = { "Content-Type": type, "Cache-Control": "no-cache", ...isolation };
    return new Response(bytes as Uint8Array<ArrayBuffer>, { headers });
  }).finished;
}

async function write(site: Site, directory: string): Promise<void> {
  await Deno.mkdir(directory, { recursive: true });
  for (const [name, bytes] of site) await Deno.writeFile(join(directory, name), bytes);
  console.log(`${site.size} files written to ${directory}`);
}

/** Ends the program with one sentence about a mistake. */
function refuse(sentence: string): never {
  console.error(`Cannot run 'example:browser': ${sentence}`);
  return Deno.exit(2);
}

function readOptions(): { port: number; isolated: boolean; out: string | undefined } {
  let values;
  try {
    ({ values } = parseArgs({
      options: {
        port: { type: "string", default: "8000" },
        "no-isolation": { type: "boolean", default: false },
        out: { type: "string" },
        help: { type: "boolean" },
      },
    }));
  } catch (error) {
    return refuse((error as Error).message.split("\n")[0]);
  }
  if (values.help) {
    console.log(HELP);
    Deno.exit(0);
  }
  const port = Number(values.port);
  if (values.port === "" || !(Number.isInteger(port) && port >= 0 && port < 65536)) {
    refuse(`'--port' must be an integer from 0 to 65535: received '${values.port}'`);
  }
  return { port, isolated: !values["no-isolation"], out: values.out };
}

if (import.meta.main) {
  const { port, isolated, out } = readOptions();
  const site = await bundle();
  if (out === undefined) await serve(site, port, isolated);
  else await write(site, out);
}
