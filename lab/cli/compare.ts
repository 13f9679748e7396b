/**
 * `deno task compare`: several optimizers on equal terms, on one page.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import { examplesIn } from "@tekfac/tekfac/data";
import { formatTable } from "@tekfac/tekfac/pages";
import { describeModel } from "@tekfac/tekfac/training";
import {
  attempt,
  chartLibrary,
  checkOwn,
  checkOwnPage,
  checkWritable,
  dataRows,
  helpText,
  loadData,
  type LoadedData,
  openBackend,
  readArguments,
  run,
  writeWhole,
} from "../../src/cli/mod.ts";
import { compareReport, comparisonHead, comparisonRows } from "../compare_report.ts";
import { type ComparisonSummary, summarizeComparison } from "../comparison_summary.ts";
import { comparisonTables } from "../comparison_tables.ts";
import { heldOut } from "../held_out.ts";
import { type Findings, runLaboratory } from "../laboratory.ts";
import { describePoint } from "../search_space.ts";
import {
  commandOf,
  type CompareSettings,
  configurationOf,
  options,
  purpose,
  resolveCompare,
} from "./compare_settings.ts";
import { compareOnTable } from "./compare_table.ts";
import { Trainer } from "./compare_trainer.ts";
import { contention, ContentionWatch, machineName, runtimeName } from "../machine.ts";
import { RunDirectory } from "../run_directory.ts";

async function main(args: readonly string[]): Promise<void> {
  const started = performance.now();
  const given = readArguments("compare", args, options);
  if (given.help) return console.log(helpText("compare", purpose, options));
  if (given.table !== undefined) return await compareOnTable({ ...given, table: given.table });
  const settings = resolveCompare(given);
  if (given.report !== undefined || settings.run === undefined) {
    const [subject, option] = ["Cannot run 'compare'", "--report"];
    for (const path of [settings.report, settings.summary]) {
      await checkWritable(subject, option, path);
    }
    await checkOwnPage(subject, option, settings.report);
    await checkOwn(subject, option, settings.summary, '"command": "deno task compare');
  }
  const data = await loadData("Cannot run 'compare'", settings);
  const backend = await openBackend(settings.backend);
  let journal: RunDirectory | undefined;
  try {
    if (settings.run !== undefined) {
      const configuration = configurationOf(settings, data, backend, machineName());
      journal = await RunDirectory.open(settings.run, configuration);
    }
    const trainer = new Trainer(backend, data, settings);
    const watch = journal?.watch ?? new ContentionWatch();
    const others: number[] = [];
    const findings = await runLaboratory(settings.plan, {
      perform: async (assignment) => {
        watch.restart();
        const record = await trainer.perform(assignment);
        others.push(watch.others);
        return record;
      },
      judge: (record) => heldOut(settings.metric, record),
      onOutcome: (...news) => trainer.tell(...news),
      mayGoOn: () => performance.now() - started < 60_000 * settings.minutes,
      ...(journal === undefined ? {} : { journal }),
    });
    const summary = summaryOf(settings, data, backend, findings, journal, others);
    if (findings.optimizers.some(({ runs, failures }) => runs.length + failures.length > 0)) {
      const descriptions = summary.optimizers.map(({ name, point }) =>
        trainer.describe(name, point)
      );
      const page = pageOf(settings, data, summary, descriptions);
      const written = await attempt(async () => {
        await writeWhole(settings.report, page);
        await writeWhole(settings.summary, `${JSON.stringify(summary, null, 1)}\n`);
      }, "there is no page");
      if (!written) Deno.exitCode = 1;
    }
    console.log(settings.json ? JSON.stringify(resultOf(summary)) : textOf(settings, summary));
    if (!findings.complete) {
      console.error(
        `${findings.done} of ${findings.total} trainings are done; ` +
          (settings.run === undefined
            ? "with --run DIR the same command would go on"
            : "the same command goes on"),
      );
    }
  } finally {
    journal?.[Symbol.dispose]();
    backend[Symbol.dispose]();
  }
}

function summaryOf(
  settings: CompareSettings,
  data: LoadedData,
  backend: Backend,
  findings: Findings,
  journal: RunDirectory | undefined,
  others: readonly number[],
): ComparisonSummary {
  const { model, width, epochs, batch, metric, plan: { seeds, search } } = settings;
  const today = new Date().toISOString().slice(0, 10);
  const [from, to] = journal?.days ?? [today, today];
  return summarizeComparison({
    command: commandOf(settings),
    model: describeModel(model, width),
    data: nameOf(data.train.source),
    metric,
    trainingExamples: examplesIn(data.train),
    testExamples: examplesIn(data.test),
    epochs,
    batch,
    seeds,
    search: search === undefined
      ? null
      : { trials: search.trials, seed: search.seed, keys: search.keys ?? null },
    backend: backend.info.description,
    machine: machineName(),
    runtime: runtimeName(),
    from,
    to,
    contended: contention(findings.optimizers, journal?.others ?? others) ?? null,
  }, findings);
}

/** The last part of a path. */
function nameOf(source: string): string {
  return source.split(/[/\\]/).findLast((part) => part !== "") ?? source;
}

function pageOf(
  settings: CompareSettings,
  data: LoadedData,
  summary: ComparisonSummary,
  descriptions: readonly string[],
): string {
  return compareReport({
    title: `Optimizers on ${summary.data}`,
    contestants: summary.optimizers,
    settings: settingRows(settings, data, summary),
    tables: comparisonTables(summary),
    descriptions,
  }, chartLibrary);
}

function settingRows(
  { plan }: CompareSettings,
  loaded: LoadedData,
  summary: ComparisonSummary,
): (readonly [string, string])[] {
  const { model, data, trainingExamples, testExamples, epochs, batch, backend, machine } = summary;
  return [
    ["model", model],
    ["data", data],
    ["training images", trainingExamples.toLocaleString("en-US")],
    ["test images", testExamples.toLocaleString("en-US")],
    ...dataRows(loaded),
    ["epochs", `${epochs}`],
    ["batch", `${batch}`],
    ["seeds", plan.seeds.join(", ")],
    ["backend", backend],
    ["machine", machine],
    ...(summary.contended === null ? [] : [["times", summary.contended] as const]),
  ];
}

/** The last line of `--json`. */
function resultOf(summary: ComparisonSummary): unknown {
  const { model, backend, epochs, batch, seeds, complete, contended } = summary;
  return {
    ...{ model, backend, epochs, batch, seeds, complete, contended },
    optimizers: summary.optimizers.map(({ name, point, runs, failures }) => ({
      optimizer: name,
      point,
      runs: runs.map(({ seed, trainLoss, testLoss, testAccuracy, seconds, stepMs }) => ({
        ...{ seed, trainLoss, testLoss, testAccuracy, seconds, stepMs },
      })),
      failures,
    })),
  };
}

function textOf({ report, summary: file }: CompareSettings, summary: ComparisonSummary): string {
  const tables = comparisonTables(summary)
    .map(({ title, head, rows }) => `${title}\n${formatTable(head, rows, "right")}`);
  const chosen = summary.search === null
    ? []
    : [summary.optimizers.map(({ name, point }) => `${name}: ${describePoint(point)}`).join("\n")];
  return [
    formatTable(comparisonHead, comparisonRows(summary.optimizers), "right"),
    ...tables,
    ...chosen,
    ...(summary.contended === null ? [] : [`Times are not to be trusted; ${summary.contended}`]),
    `page     ${report}\nsummary  ${file}`,
  ].join("\n\n");
}

if (import.meta.main) await run(main);
