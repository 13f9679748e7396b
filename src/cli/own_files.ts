/**
 * Checks before the work begins that its results can be written, and take the place of nothing of the user's.
 *
 * @module
 */

import { OptionError } from "../core/errors.ts";
import { partsOf, stat, targetOf, tryWriting } from "./files.ts";

/**
 * Checks that a file can be written when the work is done.
 *
 * @param subject What was being done.
 * @param option The option that names the file.
 * @param path The file.
 * @throws {OptionError} When its directory does not exist, or the path is a directory.
 * @throws {DataError} When the file or its directory is read-only.
 */
export async function checkWritable(subject: string, option: string, path: string): Promise<void> {
  const parent = await stat(partsOf(path).directory);
  if (parent === undefined || !parent.isDirectory) {
    throw new OptionError(subject, option, "must name a file in a directory that exists", path);
  }
  if ((await stat(path))?.isDirectory || partsOf(path).base === "") {
    throw new OptionError(subject, option, "must name a file, not a directory", path);
  }
  await tryWriting(path);
}

/**
 * Checks that a page takes the place of nothing but another page of this project.
 *
 * @throws {OptionError} When the file exists and is something else.
 */
export function checkOwnPage(subject: string, option: string, path: string): Promise<void> {
  return checkOwn(subject, option, path, '<meta name="generator" content="tekfac">');
}

/**
 * Checks that a saved training takes the place of nothing but another one.
 *
 * @throws {OptionError} When the file exists and is something else.
 */
function checkOwnCheckpoint(subject: string, option: string, path: string): Promise<void> {
  return checkOwn(subject, option, path, '"tekfac.format":"tekfac checkpoint ');
}

/**
 * Checks that two options do not name the same file.
 *
 * @param other The option that names the other file, and its name.
 * @throws {OptionError} When they do.
 */
async function checkDistinct(
  subject: string,
  option: string,
  path: string,
  other: readonly [option: string, path: string],
): Promise<void> {
  const [one, two] = [await stat(path), await stat(other[1])];
  const same = one && two && one.ino !== null && one.isFile
    ? one.ino === two.ino && one.dev === two.dev
    : await targetOf(path) === await targetOf(other[1]);
  if (same) throw new OptionError(subject, option, `must not name the file of '${other[0]}'`, path);
}

/** How much of a file tells what it is: notes of the user's may come first. */
const HEAD = 65_536;

/**
 * Checks that a file takes the place of nothing but one of its own kind.
 *
 * @param mark What is in the first 64 KiB of all of that kind.
 * @throws {OptionError} When the file exists and is something else.
 */
export async function checkOwn(
  subject: string,
  option: string,
  path: string,
  mark: string,
): Promise<void> {
  const info = await stat(path);
  if (info === undefined || !info.isFile || info.size === 0) return;
  const head = new Uint8Array(Math.min(HEAD, info.size));
  using file = await Deno.open(path);
  for (let at = 0; at < head.length;) at += await file.read(head.subarray(at)) ?? head.length;
  if (new TextDecoder().decode(head).includes(mark)) return;
  throw new OptionError(
    subject,
    option,
    "must not name a file that this command has not made",
    path,
  );
}

/** Nothing of the user's is overwritten, and what cannot be written is told before the training. */
export async function checkOutputs(
  subject: string,
  { report, save, load }: {
    readonly report: string;
    readonly save?: string | undefined;
    readonly load?: string | undefined;
  },
): Promise<void> {
  await checkWritable(subject, "--report", report);
  if (save !== undefined) await checkWritable(subject, "--save", save);
  for (const other of [["--save", save], ["--load", load]] as const) {
    const [option, path] = other;
    if (path !== undefined) await checkDistinct(subject, "--report", report, [option, path]);
  }
  await checkOwnPage(subject, "--report", report);
  if (save !== undefined) await checkOwnCheckpoint(subject, "--save", save);
}
