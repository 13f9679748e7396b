/**
 * Tests the library on other runtimes: `deno task test:runtimes`.
 *
 * Packs it for npm, runs `tests/runtimes`, and compares `docs/RUNTIMES.md` with what the tests saw. With
 * `--update` the page is written instead. Arguments that follow go to `deno test`: `--filter Bun`.
 *
 * @module
 */

import { formatTable } from "../bench/table.ts";
import { COLUMNS, type Row, ROWS, RUNTIMES_TESTED } from "../tests/runtimes/_table.ts";
import { buildNpm } from "./build_npm.ts";
import { replaceSection } from "./bench_tables.ts";

const ROOT = new URL("../", import.meta.url);
const PAGE = new URL("docs/RUNTIMES.md", ROOT);

/** Name of the section of the page that holds the table. */
const SECTION = "runtimes";

/** A cell that no test has filled. */
const UNKNOWN = "not tested";

/**
 * The page with the cells that were seen in the place of those it had. What was not tested this time,
 * because a runtime or a GPU adapter is missing here, stays as it was.
 *
 * @param page A document with the section `runtimes`.
 * @param seen Rows of a run.
 * @throws {Error} When the page has no such section.
 */
export function withRows(page: string, seen: readonly Row[]): string {
  const before = rowsOf(page);
  const columns = Object.keys(COLUMNS) as (keyof typeof COLUMNS)[];
  const lines = RUNTIMES_TESTED.map((name) => {
    const cells = seen.find(({ row }) => row === name)?.cells;
    return [
      name,
      ...columns.map((key, i) => cells?.[key] ?? before.get(name)?.[i] ?? UNKNOWN),
    ];
  });
  return replaceSection(page, SECTION, formatTable(["", ...Object.values(COLUMNS)], lines));
}

/** Cells of the page's table behind the first column, by the text in that. */
function rowsOf(page: string): Map<string, string[]> {
  const [, section = ""] = page.split(/<!-- \/?runtimes -->/);
  const lines = section.split("\n").filter((line) => line.startsWith("|"));
  return new Map(lines.map((line) => {
    const [name, ...cells] = line.split("|").slice(1, -1).map((cell) => cell.trim());
    return [name, cells];
  }));
}

/** The rows that tests have left. */
async function seenRows(): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const { name } of Deno.readDir(ROWS)) {
    rows.push(JSON.parse(await Deno.readTextFile(new URL(name, ROWS))));
  }
  return rows;
}

/** Runs everything; the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const update = args.includes("--update");
  await buildNpm();
  await Deno.remove(ROWS, { recursive: true }).catch(() => {});
  await Deno.mkdir(ROWS, { recursive: true });
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["test", "-A", ...args.filter((arg) => arg !== "--update")],
      ...["tests/runtimes", "--", "--runtimes"],
    ],
    cwd: ROOT,
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (code !== 0) return code;

  const page = await Deno.readTextFile(PAGE);
  const expected = withRows(page, await seenRows());
  if (page === expected) return 0;
  if (update) {
    await Deno.writeTextFile(PAGE, expected);
    console.log("docs/RUNTIMES.md written");
    return 0;
  }
  console.error(
    "docs/RUNTIMES.md says something else than the tests: run `deno task test:runtimes --update`\n" +
      expected,
  );
  return 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
