/**
 * docs/EVIDENCE.md, from the directories that studies have left.
 *
 * @module
 */

import { DataError } from "@tekfac/tekfac/core";
import type { ComparisonSummary } from "../comparison_summary.ts";
import {
  aimSentences,
  type Evidence,
  mainTable,
  picturesOf,
  rivalSentences,
  taskSection,
  warningSentences,
} from "./evidence.ts";
import { directoryOf, type Form, forms } from "./study.ts";
import type { StudyTask } from "./task.ts";

/** What each form means, for its section. */
const TITLES: Readonly<Record<Form, readonly [title: string, text: string]>> = {
  defaults: [
    "Defaults only",
    "What somebody gets who sets nothing but half a cosine over the run: every optimizer at its " +
    "defaults, the same on all tasks. Defaults of first-order methods are not meant for short runs; " +
    "what they can do is in the tuned table.",
  ],
  tuned: [
    "Equal tuning",
    "Every optimizer with the best of equally many trials, drawn from a declared space " +
    "(`lab/search_space.ts`) and judged by the held-out metric on a fifth of the examples to learn " +
    "from, with a seed that is none of the runs'. First-order methods may choose batches down to an " +
    "eighth.",
  ],
};

/** The page and the pictures beside it, by the names of their files. */
export interface EvidencePage {
  /** Markdown. */
  readonly text: string;
  /** SVG. */
  readonly pictures: ReadonlyMap<string, string>;
}

/**
 * The summaries of a form, in the order of the tasks; those that are not there are left out.
 *
 * @throws {DataError} When one has another layout.
 */
export async function readEvidence(
  runs: string,
  tasks: readonly StudyTask[],
  form: Form,
): Promise<Evidence[]> {
  const evidence: Evidence[] = [];
  for (const task of tasks) {
    const file = `${runs}/${directoryOf(task, form)}/compare.json`;
    const text = await Deno.readTextFile(file).catch(() => undefined);
    if (text === undefined) continue;
    const summary = JSON.parse(text) as ComparisonSummary;
    if (summary.format !== 2) {
      throw new DataError(file, `expected format 2, received ${summary.format}`);
    }
    evidence.push({ task, summary });
  }
  return evidence;
}

/**
 * The page.
 *
 * @param remark What else a reader has to know of the runs, a sentence or several.
 * @throws {DataError} When there is nothing to write of.
 */
export async function evidencePage(
  runs: string,
  tasks: readonly StudyTask[],
  remark: string,
): Promise<EvidencePage> {
  const found = await Promise.all(
    forms.map(async (form) => ({ form, evidence: await readEvidence(runs, tasks, form) })),
  );
  const present = found.filter(({ evidence }) => evidence.length > 0);
  if (present.length === 0) {
    throw new DataError(runs, "expected directories of studies: run 'deno task studies' first");
  }
  const pictures = new Map<string, string>();
  const sections = present.map(({ form, evidence }) => {
    for (const [name, svg] of picturesOf(form, evidence)) pictures.set(name, svg);
    return overviewOf(form, evidence);
  });
  const text = [
    "# Evidence",
    "Written by `deno task evidence` from what `deno task studies` has left, every sentence by rules " +
    "that do not know who should win. Judged is what no optimizer has seen: test error, test loss or " +
    "error of predictions. With an equal seed every optimizer starts from the same weights and meets " +
    "the examples in the same order; seeds are ones that no setting of this library was chosen with; " +
    "runs take turns, seed by seed.",
    ...(remark === "" ? [] : [remark]),
    ...sections,
    "## How to read it, and how to repeat it",
    "Ratios are geometric means over pairs of equal seeds with their 95 % bootstrap intervals (of few " +
    "pairs they are too narrow: with three they cover 76 %, with five 92 %). Lower, higher and " +
    "significant mean that the whole interval, of at least four pairs, is on one side of 1; of twenty " +
    "such statements one may be wrong by chance. Epochs to the target are passes over the examples " +
    "until the held-out value is where the best of AdamW, Muon and SGD ends with that seed, over its " +
    "own; they are the same on a busy machine.",
    "```sh\ndeno task studies --data DIR                 # all; stop it and start it again as you like\n" +
    "deno task studies --data DIR --short          # an hour; without --data, what needs no files\n" +
    "deno task studies --data DIR --form tuned     # 12 trials of every optimizer\n" +
    "deno task evidence                            # writes this page\n```",
    ...present.flatMap(({ form, evidence }) => [
      `## Details: ${TITLES[form][0].toLowerCase()}`,
      circumstances(evidence),
      ...evidence.map(taskSection),
    ]),
  ].join("\n\n");
  return { text: `${text}\n`, pictures };
}

function overviewOf(form: Form, evidence: readonly Evidence[]): string {
  const [title, text] = TITLES[form];
  const names = [...picturesOf(form, evidence).keys()];
  const list = (sentences: readonly string[]): string =>
    sentences.map((sentence) => `- ${sentence}`).join("\n");
  return [
    `## ${title}`,
    text,
    list(warningSentences(evidence)),
    mainTable(evidence),
    names.map((name) => `![${name.replace(/\.svg$/, "")}](pictures/${name})`).join("\n\n"),
    list(rivalSentences(evidence)),
    "Aims:",
    list(aimSentences(evidence)),
  ].join("\n\n");
}

function circumstances(evidence: readonly Evidence[]): string {
  const unique = (pick: (summary: ComparisonSummary) => string): string =>
    [...new Set(evidence.map(({ summary }) => pick(summary)))].join("; ");
  const days = [unique(({ from }) => from), unique(({ to }) => to)];
  const used = evidence.flatMap(({ summary: { contended } }) =>
    /up to (\d+) % of the cores/.exec(contended ?? "")?.[1] ?? []
  ).map(Number);
  const load = used.length === 0
    ? "nothing else ran"
    : `other programs used up to ${Math.max(...used)} % of the cores`;
  return `Measured ${days[0] === days[1] ? `on ${days[0]}` : `from ${days[0]} to ${days[1]}`}: ` +
    `${unique(({ machine }) => machine)}; ${unique(({ runtime }) => runtime)}; ` +
    `${unique(({ backend }) => backend)}; ${load}.`;
}
