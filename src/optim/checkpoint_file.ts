/**
 * A checkpoint as a file, before anybody's state is touched.
 *
 * @module
 */

import { checkFinite } from "../core/array_checks.ts";
import { DataError, StateError } from "../core/errors.ts";
import { decodeSafetensors, hasDigest, type NamedArray } from "../core/safetensors.ts";

/** What is written. */
export const FORMAT = "tekfac checkpoint v2";

/** What was written before there were digests; still read. */
const FIRST_FORMAT = "tekfac checkpoint 1";

/** What a file says. */
export interface CheckpointFile {
  /** Name of the optimizer. */
  readonly method: string;
  /** Of the whole file. */
  readonly arrays: Readonly<Record<string, NamedArray>>;
  /** JSON that nobody has looked at yet. */
  readonly progress: unknown;
  /** The caller's notes. */
  readonly extra: Readonly<Record<string, string>>;
  /** Text of the library's own. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads a file.
 *
 * @throws {DataError} When it is damaged.
 * @throws {StateError} When it is no checkpoint, or of a version that is not known.
 */
export function readCheckpoint(subject: string, bytes: Uint8Array): CheckpointFile {
  const source = "checkpoint";
  const { arrays, metadata } = decodeSafetensors(bytes, source);
  const said = metadata["tekfac.format"];
  if (said !== FORMAT && said !== FIRST_FORMAT) {
    const reason = said?.startsWith("tekfac checkpoint ")
      ? "; it was written by another version of this library"
      : "; it is no checkpoint of this library";
    throw new StateError(`${subject}: expected format '${FORMAT}', received '${said}'${reason}`);
  }
  if (said === FORMAT && !hasDigest(bytes)) {
    throw new DataError(source, "its digest is missing; the file is damaged");
  }
  const method = metadata["tekfac.method"];
  if (method === undefined) throw new DataError(source, "it does not say its method");
  checkFinite(subject, arrays);
  return {
    method,
    arrays,
    progress: jsonOf(source, metadata["tekfac.progress"]),
    extra: part(metadata, (name) => !name.startsWith("tekfac.")),
    metadata: part(metadata, (name) => name.startsWith("tekfac.")),
  };
}

/** @throws {DataError} When the text is missing or no JSON. */
function jsonOf(source: string, text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch (cause) {
    throw new DataError(source, "its progress is missing or damaged", { cause });
  }
}

function part(
  metadata: Readonly<Record<string, string>>,
  belongs: (name: string) => boolean,
): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => belongs(name)));
}
