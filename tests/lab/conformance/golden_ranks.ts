/** Golden trajectories, each rank with its part of every batch. */

import { createBackendSync } from "@tekfac/tekfac/backend";
import type { Group } from "@tekfac/tekfac/distributed";
import { runCase, type Verdict } from "../../../lab/cli/conformance/run_case.ts";

/** Texts of the cases by the names of their files. */
export type GoldenCases = Readonly<Record<string, string>>;

export default async function (group: Group, cases: unknown): Promise<readonly Verdict[]> {
  using backend = createBackendSync({ prefer: ["reference"] });
  const verdicts: Verdict[] = [];
  for (const [file, text] of Object.entries(cases as GoldenCases)) {
    verdicts.push(await runCase(backend, file, text, group));
  }
  return verdicts;
}
