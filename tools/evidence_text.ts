/**
 * What docs/EVIDENCE.md says about comparisons: tables, and sentences that follow from their numbers by
 * fixed rules, whoever wins.
 *
 * @module
 */

import { formatNumber, type Table } from "@tekfac/tekfac/pages";
import { formatTable } from "../bench/table.ts";
import type {
  ComparisonSummary,
  OptimizerSummary,
  PairSummary,
} from "../lab/comparison_summary.ts";
import {
  equalEpochsTable,
  equalTimeTable,
  formatRatio,
  pairsTable,
  searchTable,
  targetTable,
} from "../lab/comparison_tables.ts";
import type { RatioEstimate } from "../lab/paired_statistics.ts";
import { describePoint } from "../lab/search_space.ts";

/** A comparison and what the document calls it. */
export interface Evidence {
  /** Heads its section: `"autoencoder on drawn digits"`. */
  readonly title: string;
  /** What the images are, in words. */
  readonly images: string;
  /** What its `compare.json` holds. */
  readonly summary: ComparisonSummary;
}

/** The method that the sentences are about. */
const SUBJECT = "tekfac";

/** A default that ends within this factor of the searched optimum serves a user who sets nothing. */
const NEAR_OPTIMUM = 1.15;

const NAMES: Readonly<Record<string, string>> = {
  tekfac: "TEKFAC",
  ekfac: "EKFAC",
  tkfac: "TKFAC",
  kfac: "KFAC",
  soap: "SOAP",
  adam: "Adam",
  sgd: "SGD",
};

const spelled = (name: string): string => NAMES[name] ?? name;

/** What an interval says about a ratio of losses or times. */
export type Verdict = "below 1" | "above 1" | "undecided";

/** Below or above 1 where the whole interval is; undecided elsewhere, and without an interval. */
export function verdictOf({ low, high }: RatioEstimate): Verdict {
  if (low === null || high === null) return "undecided";
  return high < 1 ? "below 1" : low > 1 ? "above 1" : "undecided";
}

/** The subject's loss over that of each other optimizer, whichever way round it was written. */
export function ratiosOf(pairs: readonly PairSummary[], subject = SUBJECT): PairSummary[] {
  return pairs.flatMap((pair) => {
    if (pair.optimizer === subject) return [pair];
    if (pair.against !== subject) return [];
    const inverse = (value: number | null): number | null => value === null ? null : 1 / value;
    return [{
      ...pair,
      optimizer: pair.against,
      against: pair.optimizer,
      ratio: 1 / pair.ratio,
      low: inverse(pair.high),
      high: inverse(pair.low),
    }];
  });
}

/** One sentence per rival: who ends lower after equal epochs, by how much, and how sure that is. */
export function epochSentences({ pairs }: ComparisonSummary): string[] {
  return ratiosOf(pairs).map((pair) => {
    const [subject, rival] = [spelled(pair.optimizer), spelled(pair.against)];
    const figures = `ratio ${formatRatio(pair)}, ${pair.pairs} pair${pair.pairs === 1 ? "" : "s"}`;
    switch (verdictOf(pair)) {
      case "below 1":
        return `${subject} ends with a lower training loss than ${rival}: ${figures}.`;
      case "above 1":
        return `${subject} ends with a **higher** training loss than ${rival}: ${figures}.`;
      case "undecided":
        return `${subject} and ${rival} are not told apart by training loss: ${figures}.`;
    }
  });
}

/** One sentence about time to the better of SGD and Adam, or none where neither ran. */
export function timeSentences({ target, optimizers }: ComparisonSummary): string[] {
  const subject = optimizers.find(({ name }) => name === SUBJECT);
  const result = subject?.toTarget;
  if (target === null || result === null || result === undefined) return [];
  const goal = `the training loss with which ${spelled(target.optimizer)} ends`;
  const { ratio, reached, of } = result;
  if (ratio === null) {
    return [`${spelled(SUBJECT)} reaches ${goal} with ${reached} of ${of} seeds.`];
  }
  const figures = `takes ${formatRatio(ratio)} times the time of ${spelled(target.optimizer)}`;
  const verdict = {
    "below 1": "it is quicker",
    "above 1": "it is **slower**",
    undecided: "which is quicker is not decided",
  }[verdictOf(ratio)];
  return [`To ${goal}, ${spelled(SUBJECT)} ${figures}: ${verdict}.`];
}

/** One sentence about all rivals after equal time, or none where nobody was run for that. */
export function equalTimeSentences(
  { pairsAtEqualTime, equalSeconds }: ComparisonSummary,
): string[] {
  const ratios = ratiosOf(pairsAtEqualTime);
  if (ratios.length === 0) return [];
  const named = (wanted: Verdict): string => {
    const rivals = ratios.filter((pair) => verdictOf(pair) === wanted)
      .map((pair) => `${spelled(pair.against)} (${formatRatio(pair)})`);
    return rivals.length === 0 ? "nobody's" : rivals.join(", ");
  };
  return [
    `After ${formatNumber(equalSeconds, 3)} s for everyone, ${
      spelled(SUBJECT)
    }'s training loss is lower ` +
    `than that of: ${named("below 1")}; **higher** than: ${
      named("above 1")
    }; not told apart from: ` +
    `${named("undecided")}.`,
  ];
}

/** One sentence on test losses, which decide nothing here. */
export function testSentences({ optimizers }: ComparisonSummary): string[] {
  const ranked = optimizers.flatMap(({ name, testLoss }) =>
    testLoss === null ? [] : [{ name, mean: testLoss.mean }]
  ).toSorted((a, b) => a.mean - b.mean);
  const subject = ranked.find(({ name }) => name === SUBJECT);
  if (subject === undefined || ranked.length < 2) return [];
  const place = ranked.indexOf(subject);
  const others = place === 0
    ? `the lowest of all; the next is ${spelled(ranked[1].name)}'s ${formatNumber(ranked[1].mean)}`
    : `**higher** than the lowest, ${spelled(ranked[0].name)}'s ${formatNumber(ranked[0].mean)}`;
  return [
    `The mean test loss, which the search does not look at, is ${formatNumber(subject.mean)} for ` +
    `${spelled(SUBJECT)}, ${others}.`,
  ];
}

/** How far the recipe is from the best trial, where there was a search. */
export function defaultSentences({ search, optimizers }: ComparisonSummary): string[] {
  const subject = optimizers.find(({ name }) => name === SUBJECT);
  const recipe = subject?.trials[0]?.trainLoss;
  if (search === null || subject === undefined || recipe === undefined) return [];
  if (recipe === null) return [`${spelled(SUBJECT)}'s recipe diverged on the search's seed.`];
  const best = Math.min(...subject.trials.flatMap(({ trainLoss }) => trainLoss ?? []));
  const ratio = recipe / best;
  const verdict = ratio <= NEAR_OPTIMUM ? "within" : "**not** within";
  return [
    `Unsearched, ${spelled(SUBJECT)}'s recipe ends at ${
      formatNumber(ratio, 3)
    } times the loss of its ` +
    `best trial on the search's seed (${
      describePoint(subject.point)
    }): ${verdict} 15 %. The best of ` +
    `${subject.trials.length} trials is lower by luck, too.`,
  ];
}

/** Divergences and disturbances, as far as there were any. */
export function warningSentences({ optimizers, contended, complete }: ComparisonSummary): string[] {
  const diverged = ({ failures, trials }: OptimizerSummary): number =>
    failures.length + trials.filter(({ trainLoss }) => trainLoss === null).length;
  const risen = ({ runs }: OptimizerSummary): number =>
    runs.filter(({ initialLoss = Infinity, trainLoss }) => trainLoss > initialLoss).length;
  return [
    ...(complete ? [] : ["**Not finished**: trainings are missing."]),
    ...(contended === null ? [] : [`Times are not to be trusted (${contended}).`]),
    ...optimizers.filter((optimizer) => risen(optimizer) > 0).map((optimizer) =>
      `${spelled(optimizer.name)} ended with a higher training loss than it began with in ` +
      `${risen(optimizer)} of ${optimizer.runs.length} runs.`
    ),
    ...optimizers.filter((optimizer) => diverged(optimizer) > 0).map((optimizer) =>
      `${spelled(optimizer.name)} diverged in ${diverged(optimizer)} of ` +
      `${optimizer.runs.length + optimizer.failures.length + optimizer.trials.length} trainings.`
    ),
  ];
}

/** One section of the document. */
export function sectionOf({ title, images, summary }: Evidence): string {
  const { trainingImages, testImages, epochs, batch, seeds, backend, machine, runtime } = summary;
  const days = summary.from === summary.to ? summary.from : `${summary.from} to ${summary.to}`;
  const grouped = (count: number): string => count.toLocaleString("en-US");
  const sentences = [
    ...warningSentences(summary),
    ...epochSentences(summary),
    ...equalTimeSentences(summary),
    ...timeSentences(summary),
    ...testSentences(summary),
    ...defaultSentences(summary),
  ];
  const tables = [
    equalEpochsTable(summary),
    equalTimeTable(summary),
    targetTable(summary),
    pairsTable(summary),
    searchTable(summary),
  ];
  return [
    `## ${title[0].toUpperCase()}${title.slice(1)}`,
    `Images: ${images}; ${grouped(trainingImages)} to learn from, ${
      grouped(testImages)
    } held back. ` +
    `Model \`${summary.model}\`, ${epochs} epochs, batches of ${batch} unless a search chose another ` +
    `multiple, seeds ${seeds.join(", ")}. Measured on ${days}: ${machine}; ${runtime}; ${backend}.`,
    `\`\`\`sh\n${summary.command}\n\`\`\``,
    sentences.map((sentence) => `- ${sentence}`).join("\n"),
    ...tables.flatMap((table) =>
      table === undefined || table.rows.length === 0 ? [] : [
        tableText(table),
      ]
    ),
  ].join("\n\n");
}

function tableText({ title, note, head, rows }: Table): string {
  const heading = `### ${title}`;
  return [heading, formatTable(head, rows), ...(note === undefined ? [] : [note])].join("\n\n");
}

/** The table that begins the document: the subject's ratios in every comparison. */
export function overview(evidence: readonly Evidence[]): string {
  const ratios = evidence.map(({ summary }) => ratiosOf(summary.pairs));
  const rivals = [...new Set(ratios.flat().map(({ against }) => against))];
  const cell = (pair: PairSummary | undefined): string =>
    pair === undefined ? "-" : formatRatio(pair);
  const counts = rivals.map((rival) => {
    const verdicts = ratios.flatMap((row) => row.filter(({ against }) => against === rival))
      .map(verdictOf);
    const count = (wanted: Verdict): number =>
      verdicts.filter((verdict) => verdict === wanted).length;
    return `Against ${spelled(rival)}: lower in ${count("below 1")}, higher in ` +
      `${count("above 1")}, not told apart in ${count("undecided")} of ${verdicts.length}.`;
  });
  return [
    formatTable(
      [`Training loss of ${spelled(SUBJECT)} over that of`, ...rivals.map(spelled), "Time"],
      evidence.map(({ title, summary }, index) => [
        title,
        ...rivals.map((rival) => cell(ratios[index].find(({ against }) => against === rival))),
        formatRatio(
          summary.optimizers.find(({ name }) => name === SUBJECT)?.toTarget?.ratio ?? null,
        ),
      ]),
    ),
    "Below 1 where TEKFAC is better. Losses after equal epochs, geometric mean over equal seeds with " +
    "its 95 % bootstrap interval. Time is that to the training loss with which the better of SGD and " +
    "Adam ends, over the time of its whole run; `-` where it was not reached with every seed.",
    counts.map((count) => `- ${count}`).join("\n"),
  ].join("\n\n");
}

/** The whole document. */
export function evidenceDocument(evidence: readonly Evidence[]): string {
  return [
    "# Evidence",
    "What was measured, and nothing else: written by `deno task evidence` from the run directories of " +
    "`deno task studies`, by rules that do not know who should win. Every optimizer starts from the " +
    "same weights and meets the examples in the same order with an equal seed; settings are those " +
    "with the lowest training loss of equally many random trials on a seed that does not count; runs " +
    "take turns seed by seed; time is that of training steps without evaluations.",
    "```sh\ndeno task studies --data DIR   # some hours; stop it and start it again as you like\n" +
    "deno task evidence             # writes this page\n```",
    "A statement that one is lower or quicker is only made where the whole interval lies on one side of " +
    "1. Several statements are made, and of twenty such one may be wrong by chance. They hold for " +
    "these models, data and numbers of epochs.",
    "Runs of November 2026 and before are of another default of the Kronecker-factored optimizers (full " +
    "bases, curvature of the data's own targets, a clip relative to the loss); what today's default does " +
    "is judged in [ZOO.md](ZOO.md).",
    overview(evidence),
    ...evidence.map(sectionOf),
  ].join("\n\n") + "\n";
}
