/**
 * `deno task conformance DIR [--backend auto|wasm|webgpu|reference] [--group mpi]`: checks every golden case (`*.json`) in a
 * directory against the public classes of the library.
 *
 * A line per case; the last line is `N passed, N failed`. Exit code 0 when all passed, 1 when one
 * failed, 2 when there was nothing to run.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { type BackendName, createBackend } from "@tekfac/tekfac/backend";
import { DataError, OptionError } from "@tekfac/tekfac/core";
import { mpiGroup } from "@tekfac/tekfac/distributed";
import { helpText, readArguments, readWhole, run, sharedOptions } from "../../src/cli/mod.ts";
import { verdictLine } from "./conformance/printing.ts";
import { runCase, type Verdict } from "./conformance/run_case.ts";

const OPTIONS = {
  backend: sharedOptions.backend,
  group: {
    kind: "choice",
    choices: ["mpi"],
    help: "takes the steps of trajectories with the other ranks that mpirun has started",
  },
  help: sharedOptions.help,
} as const;

const PURPOSE = "Checks every golden case (*.json) in DIR; tests/fixtures/golden holds seventeen.";

/** What the user asked for. `DIR`, the one argument that is no option, may stand anywhere. */
function readRequest(
  args: readonly string[],
): { directory: string; backend: "auto" | BackendName; group: "mpi" | undefined } {
  const { tokens } = parseArgs({
    args: [...args],
    options: { backend: { type: "string" }, group: { type: "string" }, help: { type: "boolean" } },
    strict: false,
    tokens: true,
  });
  const places = tokens.filter(({ kind }) => kind === "positional").map(({ index }) => index);
  const options = args.filter((_, i) => !places.includes(i));
  const { backend = "auto", group } = readArguments("conformance", options, OPTIONS);
  if (places.length === 1) return { directory: args[places[0]], backend, group };
  throw new OptionError(
    "Cannot run 'conformance'",
    "DIR",
    "must be one directory, as in 'deno task conformance DIR --backend wasm'",
    places.length === 0 ? "nothing" : places.map((i) => args[i]).join(" "),
  );
}

/** Names of the cases in a directory, sorted. */
async function casesIn(directory: string): Promise<string[]> {
  let entries: Deno.DirEntry[];
  try {
    entries = await Array.fromAsync(Deno.readDir(directory));
  } catch (cause) {
    const problem = "expected a directory of golden cases, received none under this name";
    throw new DataError(directory, problem, { cause });
  }
  const cases = entries.filter(({ name, isDirectory }) => !isDirectory && name.endsWith(".json"));
  if (cases.length === 0) {
    throw new DataError(directory, "expected golden cases (*.json), received no such file");
  }
  return cases.map(({ name }) => name).sort();
}

async function conformance(args: readonly string[]): Promise<void> {
  if (args.includes("--help")) {
    return console.log(helpText("conformance DIR", PURPOSE, OPTIONS));
  }
  const { directory, backend: name, group: kind } = readRequest(args);
  const files = await casesIn(directory);
  const width = Math.max(...files.map((file) => file.length));
  // Right or wrong does not depend on how fast it is: a GPU in software will do where it is named.
  const backend = await createBackend(
    name === "auto" ? {} : { prefer: [name], allowSoftware: true },
  );
  const verdicts: Verdict[] = [];
  const group = kind === undefined ? undefined : mpiGroup();
  const say = (line: string) => (group?.rank ?? 0) > 0 || console.log(line);
  try {
    say(`${files.length} cases on ${backend.info.description}`);
    for (const file of files) {
      const text = new TextDecoder().decode(await readWhole(`${directory}/${file}`));
      const verdict = await runCase(backend, file, text, group);
      verdicts.push(verdict);
      say(verdictLine(verdict, width));
    }
  } finally {
    group?.[Symbol.dispose]();
    backend[Symbol.dispose]();
  }
  const failed = verdicts.filter(({ passed }) => !passed).length;
  say(`${files.length - failed} passed, ${failed} failed`);
  if (failed > 0) Deno.exit(1);
}

if (import.meta.main) await run(conformance);
