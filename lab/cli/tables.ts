/**
 * `deno run -A lab/cli/tables.ts DIR JOURNAL [MINUTES]`: all tables of a directory, `NAME.csv` beside `NAME.splits.json`
 * with a column `y` to predict. Goes on with what the journal holds, starts no training after so many minutes, and
 * prints what is done as Markdown.
 *
 * @module
 */

import { createBackend } from "@tekfac/tekfac/backend";
import { parseCsv } from "@tekfac/tekfac/csv";
import { examplesIn, type Table, table } from "@tekfac/tekfac/data";
import { formatNumber } from "@tekfac/tekfac/pages";
import { contenderNames } from "../table_contenders.ts";
import { TableJournal } from "../table_journal.ts";
import { type Chosen, outcomesOf, secondsTo, studySplit, tableSettings } from "../table_study.ts";

/** A table, and the rows of the test part of each split. */
interface Source {
  readonly name: string;
  readonly data: Table;
  readonly testRows: readonly (readonly number[])[];
}

/** Thrown in place of a training for which there is no time. */
class TimeIsUp extends Error {}

async function read(directory: string): Promise<Source[]> {
  const names = (await Array.fromAsync(Deno.readDir(directory)))
    .flatMap(({ name }) => /^(.*)\.splits\.json$/.exec(name)?.[1] ?? []);
  const sources = await Promise.all(names.map(async (name): Promise<Source> => {
    const text = await Deno.readTextFile(`${directory}/${name}.csv`);
    const { testRows } = JSON.parse(await Deno.readTextFile(`${directory}/${name}.splits.json`));
    return { name, data: table(parseCsv(text, { targets: "y", source: name })), testRows };
  }));
  return sources.sort((a, b) => examplesIn(a.data) - examplesIn(b.data));
}

function cost({ source, split }: { readonly source: Source; readonly split: number }): number {
  return examplesIn(source.data) * (split + 1);
}

const [directory, path, minutes = "1e9"] = Deno.args;
const began = performance.now();
const sources = await read(directory);
const journal = await TableJournal.open(path, tableSettings);
using backend = await createBackend({ prefer: ["wasm"], threads: 1 });
const done = new Map<string, Chosen[][]>(sources.map(({ name }) => [name, []]));

/** What is cheap comes first, and every table some time. */
const jobs = sources
  .flatMap((source) => source.testRows.map((_, split) => ({ source, split })))
  .sort((a, b) => cost(a) - cost(b));

try {
  for (const { source: { name: table, data, testRows }, split } of jobs) {
    const study = {
      ...tableSettings,
      optimizers: contenderNames,
      seed: tableSettings.seed + split,
    };
    const chosen = await studySplit(backend, data, testRows[split], study, async (key, make) => {
      const known = journal.find({ table, split, ...key });
      if (known !== undefined) return known;
      if (performance.now() - began > 60_000 * Number(minutes)) throw new TimeIsUp();
      const trial = await make();
      await journal.add({ table, split, ...key }, trial);
      return trial;
    });
    done.get(table)!.push(chosen);
  }
} catch (error) {
  if (!(error instanceof TimeIsUp)) throw error;
  console.error("Time is up; the same command goes on.");
}

const row = (cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |`;
console.log(row(["Table", "Splits", ...contenderNames]));
console.log(row(["---", ...contenderNames.map(() => "---:"), "---:"]));
for (const { name, data } of sources) {
  const splits = done.get(name)!;
  const means = outcomesOf(contenderNames, splits).map(({ mean }) => mean);
  console.log(row([
    `${name}, ${examplesIn(data)} rows`,
    splits.length,
    ...means.map((mean) => splits.length === 0 ? "" : formatNumber(mean)),
  ]));
}
const all = [...done.values()].flat();
const whole = outcomesOf(contenderNames, all);
console.log(row(["Mean rank", all.length, ...whole.map(({ rank }) => rank.toFixed(2))]));
console.log(row(["CPU s", "", ...whole.map(({ seconds }) => seconds.toFixed(0))]));

const adam = contenderNames.indexOf("adam");
const times = contenderNames.map((_, i) =>
  all.map((split) => secondsTo(split[adam].validation ?? -Infinity, split[i]))
);
const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
console.log(row([
  "Time to Adam's error, parts of Adam's",
  "",
  ...times.map((own) => {
    const middle = median(own.map((time, i) => time / times[adam][i]));
    return Number.isFinite(middle) ? formatNumber(middle) : "-"; // most splits never came there
  }),
]));
console.log(row(["Reached it", "", ...times.map((own) => own.filter(Number.isFinite).length)]));
