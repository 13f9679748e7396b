/**
 * Writes docs/EVIDENCE.md from run directories: `deno task evidence [--runs DIR] [--output FILE]`.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { ComparisonSummary } from "../lab/comparison_summary.ts";
import { type Evidence, evidenceDocument } from "./evidence_text.ts";
import { studies } from "./studies.ts";

/** What the document calls a run directory. Those that are no standard study keep their name. */
function titled(name: string, summary: ComparisonSummary): Evidence {
  const study = studies.find((candidate) => candidate.name === name);
  const images = study?.images.title ?? summary.data;
  const title = study === undefined
    ? name
    : `${study.task.name} on ${study.images.name === "t10k" ? "MNIST t10k" : "drawn digits"}`;
  return { title, images, summary };
}

/**
 * The comparisons in a directory of run directories: the standard studies in their order, then others by
 * name. A directory without a summary is passed over.
 *
 * @throws {Error} When there is none, or a summary has another layout.
 */
export async function readEvidence(runs: string): Promise<Evidence[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(runs)) {
    if (isDirectory) names.push(name);
  }
  const place = (name: string): number => {
    const index = studies.findIndex((study) => study.name === name);
    return index < 0 ? studies.length : index;
  };
  names.sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
  const evidence: Evidence[] = [];
  for (const name of names) {
    const file = `${runs}/${name}/compare.json`;
    const text = await Deno.readTextFile(file).catch(() => undefined);
    if (text === undefined) continue;
    const summary = JSON.parse(text) as ComparisonSummary;
    if (summary.format !== 1) {
      throw new Error(`Cannot read '${file}': expected format 1, received ${summary.format}`);
    }
    evidence.push(titled(name, summary));
  }
  if (evidence.length === 0) {
    throw new Error(
      `No compare.json in the directories of '${runs}': run 'deno task studies' first`,
    );
  }
  return evidence;
}

if (import.meta.main) {
  const { values: { runs = "runs", output = "docs/EVIDENCE.md" } } = parseArgs({
    args: Deno.args,
    options: { runs: { type: "string" }, output: { type: "string" } },
  });
  await Deno.writeTextFile(output, evidenceDocument(await readEvidence(runs)));
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", output] }).output();
  console.log(output);
}
