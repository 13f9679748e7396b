/** The trajectories of an independent implementation, taken by several ranks. */

import assert from "#assert";
import type { Verdict } from "../../../lab/cli/conformance/run_case.ts";
import type { GoldenCases } from "./golden_ranks.ts";
import { eachForm, forms } from "../../distributed/ranks.ts";

const PROGRAM = new URL("golden_ranks.ts", import.meta.url);
const FOLDER = new URL("../../fixtures/golden/", import.meta.url);

/** The cases with steps: full batches and batches in turn, of full and of low rank. */
async function trajectories(): Promise<GoldenCases> {
  const names = (await Array.fromAsync(Deno.readDir(FOLDER))).map(({ name }) => name);
  const chosen = names.filter((name) => /^(traj|lowrank)_.*\.json$/.test(name)).sort();
  assert.equal(chosen.length, 10);
  const read = (name: string) => Deno.readTextFile(new URL(name, FOLDER));
  return Object.fromEntries(
    await Promise.all(chosen.map(async (name) => [name, await read(name)])),
  );
}

// No batch has fewer examples than three; those of three ranks are of unequal sizes.
for (const [size, among] of [[2, forms], [3, forms.slice(0, 1)]] as const) {
  eachForm(`golden trajectories are those of ${size} ranks`, async (run) => {
    for (const verdicts of await run(size, PROGRAM, await trajectories()) as readonly Verdict[][]) {
      const failed = verdicts.filter(({ passed }) => !passed);
      assert.deepEqual(failed, [], JSON.stringify(failed));
      assert.equal(verdicts.length, 10);
    }
  }, among);
}
