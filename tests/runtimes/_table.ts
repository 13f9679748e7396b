/**
 * Tests of other runtimes, and the table of what they found.
 *
 * A test says which row it is about and returns cells; they are written down when it succeeds, so that
 * `docs/RUNTIMES.md` can say nothing that has not just been seen. Without `-- --runtimes` such tests
 * are listed as ignored: the gate stays quick and needs nothing but Deno.
 *
 * @module
 */

/** Whether tests of runtimes are asked for. */
export const RUNTIMES: boolean = Deno.args.includes("--runtimes");

/** Rows of the table. */
export const RUNTIMES_TESTED = [
  "Deno",
  "Node 20",
  "Node 22",
  "Bun",
  "workerd",
  "Chromium",
  "Chromium, isolated",
] as const;

/** Columns of the table, with their titles. */
export const COLUMNS = {
  reached: "Reached by",
  kernels: "Kernels",
  trains: "Trains",
  resumes: "Resumes",
  threads: "Threads",
  gpu: "WebGPU",
} as const;

/** Cells of a row; a column without an entry was not tested. */
export type Cells = Partial<Readonly<Record<keyof typeof COLUMNS, string>>>;

/** A row as a test leaves it. */
export interface Row {
  readonly row: typeof RUNTIMES_TESTED[number];
  readonly cells: Cells;
}

/** Where rows are left for `tools/test_runtimes.ts`. */
export const ROWS = new URL("../../npm/rows/", import.meta.url);

/**
 * Registers a test that fills cells of a row of the table.
 *
 * @param row First cell: the runtime.
 * @param criterion What has to hold, in words.
 * @param body Throws when it does not; returns what it saw.
 * @param options `missing`: whether the runtime is not there, so that the test is listed as ignored.
 */
export function runtimeTest(
  row: Row["row"],
  criterion: string,
  body: () => Promise<Cells>,
  options: { readonly missing?: boolean } = {},
): void {
  Deno.test({
    name: `/runtimes/ ${row}: ${criterion}`,
    ignore: !RUNTIMES || options.missing === true,
    async fn() {
      const cells = await body();
      await Deno.mkdir(ROWS, { recursive: true });
      const file = new URL(`${row}.json`, ROWS);
      // Another test may have filled other cells of the row.
      const before = JSON.parse(await Deno.readTextFile(file).catch(() => "{}")).cells;
      await Deno.writeTextFile(
        file,
        JSON.stringify({ row, cells: { ...before, ...cells } } satisfies Row),
      );
    },
  });
}
