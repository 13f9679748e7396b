/**
 * Which data there are.
 *
 * @module
 */

import type { DataFolder } from "./row.ts";

/** Whether a directory of data has a folder. */
export async function hasFolder(directory: string, folder: DataFolder): Promise<boolean> {
  try {
    return (await Deno.stat(`${directory}/${folder}`)).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
