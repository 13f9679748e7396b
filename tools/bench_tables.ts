/**
 * Writes the tables of measurements into docs/BENCH.md: `deno run -A tools/bench_tables.ts [FILE]`.
 *
 * The sections between `<!-- bench:step -->` and `<!-- /bench:step -->`, and likewise `bench:peers`, are
 * replaced by the last run of that bench in a results file, by default the one that was written last.
 *
 * @module
 */

import { readResults, type Results, type Row, type Run } from "../bench/results.ts";
import { median } from "../bench/statistics.ts";
import { formatTable, threeDigits } from "../bench/table.ts";

/**
 * A document with the text between two marks replaced.
 *
 * @param document Text that holds `<!-- name -->` and, later, `<!-- /name -->`.
 * @param name Name of the section.
 * @param text Its new content, without blank lines around it.
 * @throws {Error} When a mark is missing.
 */
export function replaceSection(document: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const from = document.indexOf(begin);
  const to = document.indexOf(end, from);
  if (from < 0 || to < 0) {
    throw new Error(`Cannot write the section '${name}': expected the lines ${begin} and ${end}`);
  }
  return `${document.slice(0, from + begin.length)}\n\n${text}\n\n${document.slice(to)}`;
}

/** Where and when, and what is to be thought of it. */
function caption(machine: string, { runtime, backend, date, contended }: Run): string {
  const where = [machine, runtime, ...(backend === undefined ? [] : [backend])].join("; ");
  return `Measured on ${date}: ${where}` + (contended === null ? "." : ` (${contended}).`);
}

/** Rows that share a value of a column, in the order in which the values first come. */
function groupedBy(rows: readonly Row[], column: string): Row[][] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = String(row[column]);
    groups.set(key, [...groups.get(key) ?? [], row]);
  }
  return [...groups.values()];
}

/** Ratios to SGD: one row per optimizer, one column per model and batch size. */
export function stepTable(rows: readonly Row[]): string {
  const title = ({ model, batch }: Row): string => `${model}, batch ${batch}`;
  const titles = [...new Set(rows.map(title))];
  const head = ["time of a step / SGD's", ...titles];
  const lines = groupedBy(rows, "optimizer").map((group) => [
    String(group[0].optimizer),
    ...titles.map((wanted) => {
      const row = group.find((candidate) => title(candidate) === wanted);
      if (row === undefined) return "";
      const ratio = Number(row.ratioToSgd).toFixed(2);
      return row.optimizer === "sgd" ? `${ratio} (${threeDigits(Number(row.stepMs))} ms)` : ratio;
    }),
  ]);
  return formatTable(head, lines);
}

/** How many times as long others take: one row per work, one column per library. */
export function peersTable(rows: readonly Row[]): string {
  const peers = [...new Set(rows.map(({ peer }) => String(peer)))];
  const head = ["work", "here", ...peers];
  const lines = groupedBy(rows, "work").map((group) => {
    // Ours is timed anew beside each library.
    const ours = (column: "oursMs" | "gflops"): string =>
      threeDigits(median(group.map((row) => Number(row[column]))));
    return [
      String(group[0].work),
      `${ours("oursMs")} ms, ${ours("gflops")} GFLOP/s`,
      ...peers.map((wanted) => {
        const row = group.find(({ peer }) => peer === wanted);
        return row === undefined ? "" : `${threeDigits(Number(row.ratio))}x`;
      }),
    ];
  });
  return formatTable(head, lines);
}

/**
 * docs/BENCH.md with its tables renewed; sections without a run stay as they are.
 *
 * @throws {Error} When a section that is to be written has no marks.
 */
export function withTables(page: string, { machine, runs }: Results): string {
  const tables = { step: stepTable, peers: peersTable };
  return Object.entries(tables).reduce((text, [bench, table]) => {
    const run = runs.findLast((candidate) => candidate.bench === bench);
    if (run === undefined) return text;
    return replaceSection(text, `bench:${bench}`, `${table(run.rows)}\n\n${caption(machine, run)}`);
  }, page);
}

/** The results file that was written last. */
async function newestResults(): Promise<URL> {
  const folder = new URL("../bench/results/", import.meta.url);
  const files: { url: URL; time: number }[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    const url = new URL(name, folder);
    const { mtime } = await Deno.stat(url);
    if (name.endsWith(".json")) files.push({ url, time: mtime?.getTime() ?? 0 });
  }
  const [newest] = files.sort((a, b) => b.time - a.time);
  if (newest === undefined) {
    throw new Error("No results yet: run `deno task bench:step --save` first");
  }
  return newest.url;
}

if (import.meta.main) {
  const [argument] = Deno.args;
  const file = argument === undefined
    ? await newestResults()
    : new URL(argument, `file://${Deno.cwd()}/`);
  const results = await readResults(file);
  if (results === undefined) {
    throw new Error(`Cannot read '${file.pathname}': there is no such file`);
  }
  const page = new URL("../docs/BENCH.md", import.meta.url);
  await Deno.writeTextFile(page, withTables(await Deno.readTextFile(page), results));
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", page.pathname] }).output();
}
