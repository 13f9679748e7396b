/**
 * The error of compressed bytes; whoever reads a file tells it as a `DataError` that names the file.
 *
 * @module
 */

/** A stream is no DEFLATE stream, breaks off, or is not what its checksum says. */
export class InflateError extends Error {}
