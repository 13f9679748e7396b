/**
 * Files that only this page can see and that outlive it: the origin-private file system (OPFS).
 *
 * A saved training is a folder of files. It gets a number of its own and, when everything else is
 * written, a file that says so; only then is the one before it deleted. So a page that is closed in
 * the middle leaves the last whole one behind.
 *
 * @module
 */

/// <reference lib="dom" />

/** The folder of this example, in which every saved training is a folder. */
const HOME = "tekfac-example";

/** Written last. */
const SEAL = "complete";

/** Keeps files, in the place of those kept before. */
export async function keep(files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  const home = await homeFolder();
  const before = await numbersIn(home);
  const folder = await home.getDirectoryHandle(String(Math.max(0, ...before) + 1), {
    create: true,
  });
  for (const [name, bytes] of Object.entries(files)) await write(folder, name, bytes);
  await write(folder, SEAL, new Uint8Array());
  for (const number of before) await home.removeEntry(String(number), { recursive: true });
}

/** The files kept last, by name, or `undefined` when there are none. */
export async function kept(): Promise<ReadonlyMap<string, File> | undefined> {
  const home = await homeFolder();
  for (const number of (await numbersIn(home)).sort((a, b) => b - a)) {
    const files = await filesIn(await home.getDirectoryHandle(String(number)));
    if (files.delete(SEAL)) return files;
  }
  return undefined;
}

async function homeFolder(): Promise<FileSystemDirectoryHandle> {
  if (navigator.storage?.getDirectory === undefined) {
    throw new Error("This browser has no private files for pages, or not for this address");
  }
  const root = await navigator.storage.getDirectory();
  return await root.getDirectoryHandle(HOME, { create: true });
}

async function numbersIn(home: FileSystemDirectoryHandle): Promise<number[]> {
  const numbers = [];
  for await (const name of home.keys()) numbers.push(Number(name));
  return numbers;
}

async function filesIn(folder: FileSystemDirectoryHandle): Promise<Map<string, File>> {
  const files = new Map<string, File>();
  for await (const handle of folder.values()) {
    if (handle.kind === "file") {
      files.set(handle.name, await (handle as FileSystemFileHandle).getFile());
    }
  }
  return files;
}

async function write(
  folder: FileSystemDirectoryHandle,
  name: string,
  bytes: Uint8Array,
): Promise<void> {
  const file = await folder.getFileHandle(name, { create: true });
  const stream = await file.createWritable();
  await stream.write(bytes as Uint8Array<ArrayBuffer>);
  await stream.close();
}
