/**
 * What docs/EVIDENCE.md says about studies: one table, three pictures, and sentences that follow from numbers by
 * fixed rules, whoever wins.
 *
 * @module
 */

import type { OptimizerName } from "@tekfac/tekfac/optim";
import { formatNumber } from "@tekfac/tekfac/pages";
import type { ComparisonSummary, OptimizerSummary, PairSummary } from "../comparison_summary.ts";
import { formatRatio, formatSpread } from "../comparison_tables.ts";
import { metricNames } from "../held_out.ts";
import { markdownTable } from "../markdown.ts";
import { geometricMean, type RatioEstimate } from "../paired_statistics.ts";
import { forest, type ForestRow } from "../pictures/forest.ts";
import type { StudyTask } from "./task.ts";

/** A task and what was found out about it. */
export interface Evidence {
  /** The task. */
  readonly task: Pick<StudyTask, "name" | "title" | "unequal">;
  /** What its `compare.json` holds. */
  readonly summary: ComparisonSummary;
}

/** The method that the sentences are about. */
const SUBJECT: OptimizerName = "tekfac";

/** What people use where they do not use curvature. */
const FIRST_ORDER: readonly OptimizerName[] = ["adam", "muon", "sgd"];

const NAMES: Readonly<Record<OptimizerName, string>> = {
  ...{ tekfac: "TEKFAC", ekfac: "EKFAC", tkfac: "TKFAC", kfac: "KFAC" },
  ...{ soap: "SOAP", muon: "Muon", adam: "AdamW", sgd: "SGD" },
};

/** What an interval says about a ratio. */
export type Verdict = "below 1" | "above 1" | "undecided";

/** Intervals of fewer pairs are too narrow by far: of three they cover the truth in 76 % of cases. */
const LEAST_PAIRS = 4;

/** Below or above 1 where the whole interval of at least four pairs is; undecided elsewhere. */
export function verdictOf({ low, high, pairs }: Omit<RatioEstimate, "ratio">): Verdict {
  if (low === null || high === null || pairs < LEAST_PAIRS) return "undecided";
  return high < 1 ? "below 1" : low > 1 ? "above 1" : "undecided";
}

/** What the subject ends with over what another optimizer does, whichever way round it was written. */
export function ratioTo(
  { pairs }: Pick<ComparisonSummary, "pairs">,
  rival: OptimizerName,
): RatioEstimate | undefined {
  const found = pairs.find(({ optimizer, against }) =>
    optimizer === SUBJECT ? against === rival : optimizer === rival && against === SUBJECT
  );
  if (found === undefined) return undefined;
  return found.optimizer === SUBJECT ? found : inverse(found);
}

function inverse({ ratio, low, high, pairs }: PairSummary): RatioEstimate {
  const over = (value: number | null): number | null => value === null ? null : 1 / value;
  return { ratio: 1 / ratio, low: over(high), high: over(low), pairs };
}

function of(summary: ComparisonSummary, name: OptimizerName): OptimizerSummary | undefined {
  return summary.optimizers.find((optimizer) => optimizer.name === name);
}

/** The first-order method with the lowest mean. */
function bestFirstOrder(summary: ComparisonSummary): OptimizerSummary | undefined {
  return summary.optimizers
    .filter(({ name, value }) => FIRST_ORDER.includes(name) && value !== null)
    .toSorted((a, b) => a.value!.mean - b.value!.mean)[0];
}

/** The table that the page begins with. */
export function mainTable(evidence: readonly Evidence[]): string {
  const head = [
    ...["Task", "Judged by", "TEKFAC", "EKFAC", "Best first-order", "TEKFAC over it"],
    ...["Epochs to its end", "Seeds"],
  ];
  return markdownTable(
    head,
    evidence.map(({ task, summary }) => {
      const best = bestFirstOrder(summary);
      const ratio = best && ratioTo(summary, best.name);
      const own = of(summary, SUBJECT);
      return [
        task.title,
        metricNames[summary.metric],
        formatSpread(own?.value ?? null),
        formatSpread(of(summary, "ekfac")?.value ?? null),
        best === undefined ? "-" : `${NAMES[best.name]} ${formatSpread(best.value)}`,
        formatRatio(ratio ?? null),
        wayText(own),
        `${own?.runs.length ?? 0}`,
      ];
    }),
  );
}

function wayText(own: OptimizerSummary | undefined): string {
  const way = own?.toTarget;
  if (way === null || way === undefined) return "-";
  if (way.epochRatio !== null) return formatRatio(way.epochRatio);
  return `reached in ${way.reached} of ${way.of}`;
}

/** The three pictures, by the names of their files. */
export function picturesOf(
  form: string,
  evidence: readonly Evidence[],
): ReadonlyMap<string, string> {
  const rows = (
    pick: (summary: ComparisonSummary) => RatioEstimate | null | undefined,
    remark: (summary: ComparisonSummary) => string,
  ): ForestRow[] =>
    evidence.map(({ task, summary }) => {
      const estimate = pick(summary);
      return estimate === null || estimate === undefined
        ? { name: task.title, ratio: undefined, remark: remark(summary) }
        : { name: task.title, ...estimate, decided: verdictOf(estimate) !== "undecided" };
    });
  const way = rows(
    (summary) => of(summary, SUBJECT)?.toTarget?.epochRatio,
    (summary) => wayText(of(summary, SUBJECT)),
  );
  const end = rows(
    (summary) => {
      const best = bestFirstOrder(summary);
      return best && ratioTo(summary, best.name);
    },
    () => "-",
  );
  const ekfac = rows((summary) => ratioTo(summary, "ekfac"), () => "-");
  return new Map([
    [
      `${form}_epochs.svg`,
      forest(
        "Epochs of TEKFAC to where the best of AdamW, Muon and SGD ends, over its own",
        ["TEKFAC sooner", "later"],
        way,
      ),
    ],
    [
      `${form}_end.svg`,
      forest(
        "What TEKFAC ends with over what the best of AdamW, Muon and SGD does",
        ["TEKFAC lower", "higher"],
        end,
      ),
    ],
    [
      `${form}_ekfac.svg`,
      forest("What TEKFAC ends with over what EKFAC does", ["TEKFAC lower", "higher"], ekfac),
    ],
  ]);
}

/** One sentence per rival: on how many tasks the subject ends lower, higher, neither; and over all of them. */
export function rivalSentences(evidence: readonly Evidence[]): string[] {
  const rivals = Object.keys(NAMES).filter((name) => name !== SUBJECT) as OptimizerName[];
  return rivals.flatMap((rival) => {
    const ratios = evidence.flatMap(({ summary }) => ratioTo(summary, rival) ?? []);
    if (ratios.length === 0) return [];
    const count = (wanted: Verdict): number =>
      ratios.filter((ratio) => verdictOf(ratio) === wanted).length;
    const all = geometricMean(ratios.map(({ ratio }) => ratio))!;
    return [
      `Against ${NAMES[rival]} it ends lower on ${count("below 1")}, **higher** on ` +
      `${count("above 1")} and is not told apart on ${count("undecided")} of ${ratios.length} ` +
      `tasks; geometric mean over tasks ${formatRatio(all)}.`,
    ];
  });
}

/** How many of some tasks reach an aim; the others are named. */
function aim(
  what: string,
  evidence: readonly Evidence[],
  holds: (of: Evidence) => boolean,
): string {
  const missed = evidence.filter((each) => !holds(each));
  const names = missed.map(({ task }) => task.name).join(", ");
  const reached = `${evidence.length - missed.length} of ${evidence.length} tasks`;
  return `${what}: ${reached}${missed.length === 0 ? "" : `; not on ${names}`}.`;
}

/** The aims of this library, each with the number of tasks on which it is reached. */
export function aimSentences(evidence: readonly Evidence[]): string[] {
  const way = ({ summary }: Evidence) => of(summary, SUBJECT)?.toTarget?.epochRatio;
  // Fewer seeds decide nothing, and must not count as no defeat.
  const decisive = evidence.filter(({ summary }) =>
    (of(summary, SUBJECT)?.runs.length ?? 0) >= LEAST_PAIRS
  );
  const unequal = decisive.filter(({ task }) => task.unequal);
  const lower = (each: Evidence, rival: OptimizerName): Verdict | undefined => {
    const ratio = ratioTo(each.summary, rival);
    return ratio && verdictOf(ratio);
  };
  return [
    aim(
      "At most 0.8 times the epochs of the best first-order method to where that ends",
      evidence,
      (each) => (way(each)?.ratio ?? Infinity) <= 0.8,
    ),
    aim("At most 1.2 times", evidence, (each) => (way(each)?.ratio ?? Infinity) <= 1.2),
    aim(
      "Of tasks with four seeds or more: not significantly above the best first-order method at the end",
      decisive,
      ({ summary }) => {
        const best = bestFirstOrder(summary);
        const ratio = best && ratioTo(summary, best.name);
        return ratio === undefined || verdictOf(ratio) !== "above 1";
      },
    ),
    aim(
      "Of the same: not significantly above EKFAC at the end",
      decisive,
      (each) => lower(each, "ekfac") !== "above 1",
    ),
    ...(unequal.length === 0 ? [] : [
      aim(
        "Of the same: significantly below EKFAC where inputs and sizes of gradients have to do with each other " +
          "([WHEN.md](WHEN.md))",
        unequal,
        (each) => lower(each, "ekfac") === "below 1",
      ),
    ]),
  ];
}

/** Divergences and what speaks against times, as far as there were any. */
export function warningSentences(evidence: readonly Evidence[]): string[] {
  const disturbed = evidence.filter(({ summary }) => summary.contended !== null);
  const missing = evidence.filter(({ summary }) => !summary.complete);
  const failures = evidence.flatMap(({ task, summary }) =>
    summary.optimizers.filter(({ failures }) => failures.length > 0).map((optimizer) =>
      `${NAMES[optimizer.name]} in ${optimizer.failures.length} of ` +
      `${optimizer.failures.length + optimizer.runs.length} runs on ${task.name}`
    )
  );
  return [
    ...(missing.length === 0
      ? []
      : [`**Not finished**: ${missing.map(({ task }) => task.name).join(", ")}.`]),
    ...(disturbed.length === 0 ? [] : [
      `On ${disturbed.length} of ${evidence.length} tasks other programs were at work: times are not ` +
      "to be trusted, ratios of times in one run a little. Epochs do not depend on it.",
    ]),
    failures.length === 0 ? "No run diverged." : `Diverged: ${failures.join("; ")}.`,
  ];
}

/** What is known of a task beyond the main table. */
export function taskSection({ task, summary }: Evidence): string {
  const { trainingExamples, testExamples, epochs, batch, seeds, metric, search } = summary;
  const grouped = (count: number): string => count.toLocaleString("en-US");
  const rows = summary.optimizers.map((optimizer) => {
    const { name, value, trainLoss, toTarget, seconds, failures } = optimizer;
    const ratio = name === SUBJECT ? null : ratioTo(summary, name) ?? null;
    return [
      NAMES[name],
      formatSpread(value) + (failures.length === 0 ? "" : ` (${failures.length} diverged)`),
      formatSpread(trainLoss),
      ratio === null ? "-" : formatRatio(ratio),
      wayText(optimizer),
      toTarget === null ? "-" : formatRatio(toTarget.timeRatio),
      formatSpread(seconds, " s"),
    ];
  });
  const target = summary.target === null
    ? ""
    : ` The target is ${NAMES[summary.target.optimizer]}'s ` +
      `${formatNumber(summary.target.value)}.`;
  return [
    `### ${task.title[0].toUpperCase()}${task.title.slice(1)}`,
    `\`${task.name}\`: ${grouped(trainingExamples)} examples to learn from, ${
      grouped(testExamples)
    } ` +
    `held back, ${epochs} epochs, batches of ${batch}, seeds ${seeds[0]} to ${seeds.at(-1)}` +
    `${search === null ? "" : `, ${search.trials} trials each`}.${target}`,
    markdownTable(
      [
        ...["Optimizer", metricNames[metric], "training loss", "TEKFAC over it"],
        ...["epochs to target", "time to target", "time"],
      ],
      rows,
    ),
  ].join("\n\n");
}
