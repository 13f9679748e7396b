/**
 * One golden case from its text to its verdict. Whatever goes wrong is the case's failure, told in a
 * sentence; it never keeps the others from being run.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import { DataError } from "@tekfac/tekfac/core";
import type { Group } from "@tekfac/tekfac/distributed";
import { allowancesOf, type Check, Checks, shareOf } from "./checks.ts";
import { type Fields, parseFields } from "./fields.ts";
import { checkLayer } from "./layer_case.ts";
import { checkLosses } from "./loss_case.ts";
import { checkNetwork } from "./network_case.ts";
import { checkTrajectory } from "./trajectory_case.ts";

/** What became of a case. */
export interface Verdict {
  /** Name of the file. */
  readonly file: string;
  /** Whether every comparison kept its allowance, and there was at least one. */
  readonly passed: boolean;
  /** Number of comparisons. */
  readonly checks: number;
  /** Comparisons that broke their allowance. */
  readonly failures: number;
  /** The comparison that used most of its allowance. */
  readonly worst: Check | undefined;
  /** Why the case could not be run, and remarks. */
  readonly notes: readonly string[];
}

/** Runs a case on a backend; trajectories as ranks of a group, where there is one. */
export async function runCase(
  backend: Backend,
  file: string,
  text: string,
  group?: Group,
): Promise<Verdict> {
  const checks = new Checks(allowancesOf(backend.info.roundoff));
  let error: string | undefined;
  try {
    await checkCase(backend, parseFields(file, text), { file, checks, group });
    if (checks.list.length === 0) error = "it holds nothing to compare";
  } catch (thrown) {
    error = thrown instanceof Error ? thrown.message : String(thrown);
  }
  const failures = checks.list.filter((check) => !(shareOf(check) <= 1)).length;
  return {
    file,
    passed: error === undefined && failures === 0,
    checks: checks.list.length,
    failures,
    worst: checks.worst,
    notes: error === undefined ? checks.notes : [error, ...checks.notes],
  };
}

/** Tells the kinds of cases apart by what only they have. */
async function checkCase(
  backend: Backend,
  golden: Fields,
  { file, checks, group }: {
    readonly file: string;
    readonly checks: Checks;
    readonly group: Group | undefined;
  },
): Promise<void> {
  if (golden.has("layer")) await checkLayer(backend, golden, checks);
  else if (golden.has("W0")) await checkTrajectory(backend, golden, checks, group);
  else if (golden.has("z")) await checkLosses(backend, golden, checks);
  else if (golden.has("kind") && golden.text("kind") === "network") {
    await checkNetwork(backend, golden, checks);
  } else {
    throw new DataError(
      file,
      "expected a golden case (with 'layer', 'W0' or 'z', or of the kind 'network'), received an object with " +
        `${golden.names.slice(0, 5).join(", ") || "no fields"}`,
    );
  }
}
