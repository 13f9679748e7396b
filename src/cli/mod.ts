/**
 * What commands are made of: arguments, data, files, progress and exit codes. For this project's own
 * commands, here and in `lab/`; no part of the package.
 *
 * @module
 */

export * from "./arguments.ts";
export * from "./chart_library.ts";
export { readWhole, tryWriting, writeWhole } from "./files.ts";
export * from "./load_data.ts";
export * from "./open_backend.ts";
export * from "./options.ts";
export * from "./own_files.ts";
export * from "./progress_bar.ts";
export * from "./terminal_bar.ts";
export * from "./run.ts";
export { attempt, Saving } from "./saving.ts";
