/**
 * A zoo of problems on which an optimizer's defaults are judged: `deno task zoo [--only TEXT] [--short]
 * [--all] [--seeds N] [--optimizer A,B] [--set KEY=JSON] [--no-rivals] [--data DIR] [--json FILE]`.
 *
 * Nothing is set but the annealing, since that is what a newcomer sets. `docs/ZOO.md` tells what the rows
 * are and how a verdict is reached.
 *
 * @module
 */

import { isWanted, remark } from "./output.ts";
import { readZooArguments, type ZooArguments } from "./zoo/arguments.ts";
import { runRows } from "./zoo/crew.ts";
import { hasFolder } from "./zoo/data_folder.ts";
import type { Line } from "./zoo/judging.ts";
import { LiveTable } from "./zoo/live_table.ts";
import type { RowSize, ZooRow } from "./zoo/row.ts";
import { ROWS } from "./zoo/rows.ts";
import { totalsOf } from "./zoo/totals.ts";

/** Two cores are what every machine has. */
const WORKERS = 2;

function wantedRows({ only, short, all }: ZooArguments): ZooRow[] {
  const sizes: RowSize[] = [
    "short",
    ...(short ? [] : ["usual" as const]),
    ...(all ? ["extra" as const] : []),
  ];
  return ROWS.filter(({ name, size }) => sizes.includes(size) && isWanted(name, only));
}

async function main(): Promise<boolean> {
  const settings = readZooArguments(Deno.args);
  const { data, optimizers, options, seeds, rivals } = settings;
  const rows = wantedRows(settings);
  if (rows.length === 0) remark(`No row's name contains ${settings.only.join(" or ")}`);
  const table = new LiveTable(rows.map(({ name }) => name));
  const possible: ZooRow[] = [];
  for (const row of rows) {
    if (row.needs === undefined || await hasFolder(data, row.needs)) possible.push(row);
    else table.skip(row.name, `no data in ${data}/${row.needs}`);
  }
  const lines: Line[] = [];
  const started = performance.now();
  await runRows(possible, { question: { optimizers, options, seeds, rivals }, data }, WORKERS, {
    onStart: ({ name }) => table.begin(name),
    onLines: ({ name }, more) => {
      lines.push(...more);
      table.add(name, more);
    },
  });
  table.end();
  const seconds = (performance.now() - started) / 1000;
  for (const method of optimizers) console.log(totalsOf(method, lines));
  remark(`${seconds.toFixed(0)} s, ${rows.length - possible.length} rows skipped`);
  if (settings.json !== undefined) {
    const seen = { options, seconds, lines };
    await Deno.writeTextFile(settings.json, JSON.stringify(seen, null, 1) + "\n");
  }
  return lines.every(({ ok }) => ok !== false);
}

if (import.meta.main) {
  try {
    if (!await main()) Deno.exitCode = 1;
  } catch (error) {
    remark(`\n${error instanceof Error ? error.message : error}`);
    Deno.exitCode = 2;
  }
}
