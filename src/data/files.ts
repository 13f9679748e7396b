/**
 * Files as streams of bytes. The readers of formats see nothing else, so they work on a browser's files
 * as well as on a directory.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";

/** A file, or what can be read like one. A browser's `File` is one as it is. */
export interface NamedFile {
  /** The name it goes by in messages. */
  readonly name: string;
  /** Its length in bytes. */
  readonly size: number;
  /** Its bytes from the beginning; a new stream at each call. */
  stream(): ReadableStream<Uint8Array>;
}

/** Bytes that are read from a file at a time. */
const CHUNK = 1 << 18;

/**
 * Names of the files in a directory.
 *
 * @param noun What is looked for, for messages: `"IDX files"`.
 * @throws {DataError} When there is no such directory, or it may not be read.
 */
export async function fileNames(directory: string, noun: string): Promise<Set<string>> {
  const names = new Set<string>();
  try {
    for await (const entry of Deno.readDir(directory)) {
      if (!entry.isDirectory) names.add(entry.name);
    }
  } catch (cause) {
    const received = cause instanceof Deno.errors.NotFound
      ? "nothing under this name"
      : cause instanceof Deno.errors.NotADirectory
      ? "a file"
      : `an error (${reason(cause)})`;
    throw new DataError(directory, `expected a directory with ${noun}, received ${received}`, {
      cause,
    });
  }
  return names;
}

/** Names of the directories in a directory; none where there is no such directory. */
export async function directoryNames(directory: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(directory)) {
      if (entry.isDirectory) names.push(entry.name);
    }
  } catch {
    return []; // it is looked at for a hint only
  }
  return names.sort();
}

/** The path of a file in a directory. */
export function pathOf(directory: string, name: string): string {
  return `${directory.replace(/[/\\]+$/, "")}/${name}`;
}

/**
 * A file of a directory. It is opened when it is read, a chunk at a time with the next one underway.
 *
 * @throws {DataError} When there is no such file, or it may not be read; also while it is being read.
 */
export async function openFile(directory: string, name: string): Promise<NamedFile> {
  const path = pathOf(directory, name);
  const { size } = await reading(path, () => Deno.stat(path));
  const stream = () => {
    let file: Deno.FsFile | undefined;
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        file ??= await reading(path, () => Deno.open(path));
        const buffer = new Uint8Array(CHUNK);
        const count = await reading(path, () => file!.read(buffer));
        if (count !== null) return controller.enqueue(buffer.subarray(0, count));
        file.close();
        controller.close();
      },
      cancel: () => file?.close(),
    });
  };
  return { name: path, size, stream };
}

/** The whole content of a file of a directory. */
export async function readFile(
  directory: string,
  name: string,
): Promise<{ name: string; bytes: Uint8Array }> {
  const path = pathOf(directory, name);
  return { name: path, bytes: await reading(path, () => Deno.readFile(path)) };
}

async function reading<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const problem = `expected a readable file, received an error (${reason(cause)})`;
    throw new DataError(path, problem, { cause });
  }
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
