/**
 * Files that are written whole or not at all.
 *
 * @module
 */

import { DataError, OptionError } from "../core/errors.ts";

/**
 * Checks before the work begins that a file can be written when it is done.
 *
 * @param subject What was being done.
 * @param option The option that names the file.
 * @param path The file.
 * @throws {OptionError} When its directory does not exist, or the path is a directory.
 */
export async function checkWritable(subject: string, option: string, path: string): Promise<void> {
  const directory = path.replace(/[^/\\]*$/, "") || ".";
  const parent = await stat(directory);
  if (parent === undefined || !parent.isDirectory) {
    throw new OptionError(subject, option, "must name a file in a directory that exists", path);
  }
  if ((await stat(path))?.isDirectory) {
    throw new OptionError(subject, option, "must name a file, not a directory", path);
  }
}

/**
 * Checks that a page takes the place of nothing but another page of this project.
 *
 * @throws {OptionError} When the file exists and is something else.
 */
export async function checkOwnPage(subject: string, option: string, path: string): Promise<void> {
  if (await stat(path) === undefined) return;
  const head = new TextDecoder().decode((await readWhole(path)).subarray(0, 1000));
  if (head.includes('<meta name="generator" content="tekfac">')) return;
  throw new OptionError(
    subject,
    option,
    "must not name a file that this command has not made",
    path,
  );
}

async function stat(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch {
    return undefined;
  }
}

/**
 * Writes a file under a temporary name beside it and renames it, so that nobody ever sees a part of it.
 *
 * @param path The file; replaced if it exists.
 * @param content What it shall hold.
 * @throws {DataError} When it cannot be written. Nothing is left behind.
 */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${Deno.pid}.tmp`;
  try {
    await (typeof content === "string"
      ? Deno.writeTextFile(temporary, content)
      : Deno.writeFile(temporary, content));
    await Deno.rename(temporary, path);
  } catch (cause) {
    await Deno.remove(temporary).catch(() => {});
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DataError(path, `expected to be able to write the file: ${reason}`, { cause });
  }
}

/**
 * Reads a file.
 *
 * @throws {DataError} When there is none or it cannot be read.
 */
export async function readWhole(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotFound
      ? "nothing under this name"
      : `an error (${cause instanceof Error ? cause.message : cause})`;
    throw new DataError(path, `expected a file, received ${reason}`, { cause });
  }
}
