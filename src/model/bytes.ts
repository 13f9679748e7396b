/**
 * The bytes of a file, wherever it comes from.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";

/**
 * Where a kept model can come from: bytes (a `Uint8Array`, a Node `Buffer`, any other view, an `ArrayBuffer`), what
 * gives them (a `Blob` or `File`, a `Response`, a stream, an open file of Deno), or a URL, `file:` too.
 */
export type ModelSource =
  | ArrayBufferLike
  | ArrayBufferView
  | Pick<Blob, "arrayBuffer">
  | ReadableStream<Uint8Array>
  | { readonly readable: ReadableStream<Uint8Array> }
  | URL
  | string;

/**
 * All bytes of a source; a view where it has them already.
 *
 * @throws {DataError} When they cannot be had.
 */
export async function bytesOf(source: ModelSource): Promise<Uint8Array> {
  const name = nameOf(source);
  try {
    return await read(source);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    const reason = cause instanceof Error ? cause.message : `${cause}`;
    throw new DataError(name, reason, { cause });
  }
}

async function read(source: ModelSource): Promise<Uint8Array> {
  if (ArrayBuffer.isView(source)) {
    return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  }
  if (typeof source === "string" || source instanceof URL) return await fetched(new URL(source));
  if (isBuffer(source)) return new Uint8Array(source);
  if (source instanceof ReadableStream) return await read(new Response(source as BodyInit));
  if (source !== null && typeof source === "object") {
    if ("ok" in source && source.ok === false) {
      const { status } = source as unknown as Response;
      throw new DataError(nameOf(source), `the server answered with status ${status}`);
    }
    if ("arrayBuffer" in source) return new Uint8Array(await source.arrayBuffer());
    if ("readable" in source) return await read(source.readable);
  }
  throw new DataError(
    "model",
    `expected bytes, a blob, a response, a stream or a URL: ${typeof source}`,
  );
}

/** Node fetches no files. */
async function fetched(url: URL): Promise<Uint8Array> {
  const host = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  const files = url.protocol === "file:"
    ? host.process?.getBuiltinModule?.("node:fs") as Files | undefined
    : undefined;
  return files === undefined ? await read(await fetch(url)) : files.readFileSync(url);
}

interface Files {
  readFileSync(path: URL): Uint8Array;
}

/** Of this realm or another, shared or not. */
function isBuffer(source: unknown): source is ArrayBufferLike {
  const tag = Object.prototype.toString.call(source);
  return tag === "[object ArrayBuffer]" || tag === "[object SharedArrayBuffer]";
}

function nameOf(source: unknown): string {
  if (typeof source === "string" || source instanceof URL) return `${source}`;
  const { url, name } = source as { url?: unknown; name?: unknown } ?? {};
  return [url, name].find((text): text is string => typeof text === "string" && text !== "") ??
    "model";
}
