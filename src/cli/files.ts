/**
 * Files that are written whole or not at all.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";

/**
 * Writes a file under a temporary name beside it and renames it, so that nobody ever sees a part of it, even if the
 * machine stops in between. A link stays a link, and the file keeps its mode. What writers have left behind that
 * died is removed.
 *
 * @param path The file; replaced if it exists.
 * @param content What it shall hold.
 * @throws {DataError} When it cannot be written. The file is as it was, and nothing is left behind.
 */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  try {
    const target = await targetOf(path);
    const info = await stat(target);
    // A device or a pipe takes what it is given.
    if (info !== undefined && !info.isFile) return await Deno.writeFile(target, bytes);
    await removeLeftovers(target);
    await replace(target, bytes, info?.mode ?? undefined);
    await syncDirectory(partsOf(target).directory);
  } catch (cause) {
    throw new DataError(path, reasonOf(cause), { cause, doing: "Cannot write" });
  }
}

/**
 * Finds out whether {@linkcode writeWhole} could write a file, and leaves all as it is.
 *
 * @throws {DataError} When it could not.
 */
export async function tryWriting(path: string): Promise<void> {
  try {
    const target = await targetOf(path);
    const info = await stat(target);
    if (info !== undefined) (await Deno.open(target, { append: true })).close();
    if (info?.isFile === false) return;
    const { temporary, file } = await begin(target);
    file.close();
    await Deno.remove(temporary);
  } catch (cause) {
    throw new DataError(path, reasonOf(cause), { cause, doing: "Cannot write" });
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
      : `an error (${reasonOf(cause)})`;
    throw new DataError(path, `expected a file, received ${reason}`, { cause });
  }
}

/** What is under a name, links followed; `undefined` for nothing. */
export async function stat(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch {
    return undefined;
  }
}

/** The file that a name means in the end, even if it does not exist yet. */
export async function targetOf(path: string): Promise<string> {
  for (let links = 0, name = path; links < 40; links++) {
    const { directory, base } = partsOf(name);
    let next: string;
    try {
      next = await Deno.readLink(name);
    } catch {
      // A directory that is missing is told by whoever uses it.
      return `${await Deno.realPath(directory).catch(() => directory)}/${base}`;
    }
    name = /^([/\\]|[A-Za-z]:)/.test(next) ? next : `${directory}/${next}`;
  }
  throw new Error("too many links");
}

/** Directory and name of a file. */
export function partsOf(path: string): { readonly directory: string; readonly base: string } {
  const base = path.replace(/^.*[/\\]/s, "");
  return { directory: path.slice(0, path.length - base.length) || ".", base };
}

/** Others may take a file that is not locked yet for that of a dead writer: then it begins again. */
async function replace(target: string, bytes: Uint8Array, mode: number | undefined): Promise<void> {
  for (let attempt = 0;; attempt++) {
    const { temporary, file } = await begin(target);
    let open = true;
    const close = (): void => {
      if (open) file.close();
      open = false;
    };
    try {
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      if (mode !== undefined && Deno.build.os !== "windows") {
        await Deno.chmod(temporary, mode & 0o7777);
      }
      await file.sync();
      // Windows renames no open file; elsewhere the lock is held until the file has its name.
      if (Deno.build.os === "windows") close();
      return await Deno.rename(temporary, target);
    } catch (error) {
      await Deno.remove(temporary).catch(() => {});
      if (!(error instanceof Deno.errors.NotFound) || attempt === 9) throw error;
    } finally {
      close();
    }
  }
}

/** A new file beside the target, under a name that nobody else has, locked as long as its writer lives. */
async function begin(target: string): Promise<{ temporary: string; file: Deno.FsFile }> {
  const temporary = `${target}.${crypto.randomUUID()}.tmp`;
  const file = await Deno.open(temporary, { write: true, createNew: true });
  // Where a file system has no locks, nothing is removed either.
  await file.tryLock(true).catch(() => {});
  return { temporary, file };
}

/** Removes temporary files of this target that no living writer holds. */
async function removeLeftovers(target: string): Promise<void> {
  const { directory, base } = partsOf(target);
  for await (const { name, isFile } of Deno.readDir(directory)) {
    const middle = name.slice(base.length + 1, -4);
    if (!isFile || name !== `${base}.${middle}.tmp` || !UUID.test(middle)) continue;
    const path = `${directory}/${name}`;
    try {
      using file = await Deno.open(path, { read: true, write: true });
      if (await file.tryLock(true)) await Deno.remove(path);
    } catch {
      // Another writer's, who has finished meanwhile, or somebody else's.
    }
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** So that the new name survives, too; not every system lets directories be opened. */
async function syncDirectory(directory: string): Promise<void> {
  try {
    using handle = await Deno.open(directory);
    await handle.sync();
  } catch {
    // The file itself is on the disk.
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
