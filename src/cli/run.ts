/**
 * What every command does around its own work: messages and exit codes.
 *
 * @module
 */

import {
  BackendError,
  DataError,
  GroupError,
  NumericalError,
  OptionError,
  ShapeError,
  StateError,
} from "../core/errors.ts";

/** Exit codes: 0 fine, 1 the computation failed, 2 the input was wrong. */
const COMPUTATION_FAILED = 1;
const WRONG_INPUT = 2;

/**
 * Runs a command and ends the process. What the user can put right is one sentence on stderr; an
 * unexpected error keeps its stack.
 *
 * @param command Gets the arguments without the program's name.
 */
export async function run(command: (args: readonly string[]) => Promise<void>): Promise<never> {
  try {
    await command(Deno.args);
    return Deno.exit(); // with the code that the command has set, if any
  } catch (error) {
    console.error(isExpected(error) ? error.message : error);
    const computing = error instanceof NumericalError || error instanceof GroupError;
    return Deno.exit(isExpected(error) && !computing ? WRONG_INPUT : COMPUTATION_FAILED);
  }
}

function isExpected(error: unknown): error is Error {
  return [OptionError, DataError, ShapeError, StateError, BackendError, NumericalError, GroupError]
    .some((kind) => error instanceof kind);
}
