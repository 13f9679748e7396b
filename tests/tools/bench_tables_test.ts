import assert from "#assert";
import { peersTable, replaceSection, stepTable, withTables } from "../../tools/bench_tables.ts";

const STEP_ROWS = [
  { model: "MLP", batch: 128, optimizer: "sgd", stepMs: 8.75, ratioToSgd: 1 },
  { model: "MLP", batch: 128, optimizer: "tekfac", stepMs: 26.5, ratioToSgd: 3.029 },
  { model: "MLP", batch: 512, optimizer: "sgd", stepMs: 32.3, ratioToSgd: 1 },
  { model: "MLP", batch: 512, optimizer: "tekfac", stepMs: 83.9, ratioToSgd: 2.6 },
];

const PEER_ROWS = [
  { work: "gemm", oursMs: 0.5, peer: "A", peerMs: 1, ratio: 2, gflops: 60, shareOfPeak: 0.9 },
  { work: "gemm", oursMs: 0.5, peer: "B", peerMs: 10, ratio: 20, gflops: 60, shareOfPeak: 0.9 },
  { work: "eigh", oursMs: 2.5, peer: "B", peerMs: 5, ratio: 2, gflops: 50, shareOfPeak: 0.8 },
];

/** Cells of a line of a table. */
function cells(table: string, line: number): string[] {
  return table.split("\n")[line].split("|").slice(1, -1).map((cell) => cell.trim());
}

Deno.test("replaceSection() replaces what is between the marks and nothing else", () => {
  const document = "a\n<!-- x -->\nold\n<!-- /x -->\nb";
  const once = replaceSection(document, "x", "new");
  assert.equal(once, "a\n<!-- x -->\n\nnew\n\n<!-- /x -->\nb");
  assert.equal(replaceSection(once, "x", "new"), once);
});

Deno.test("replaceSection() names the marks that are missing", () => {
  assert.throws(() => replaceSection("<!-- /x --> <!-- x -->", "x", ""), /<!-- \/x -->/);
});

Deno.test("stepTable() has a row per optimizer and a column per model and batch size", () => {
  const table = stepTable(STEP_ROWS);
  assert.deepEqual(cells(table, 0).slice(1), ["MLP, batch 128", "MLP, batch 512"]);
  assert.deepEqual(cells(table, 2), ["sgd", "1.00 (8.75 ms)", "1.00 (32.3 ms)"]);
  assert.deepEqual(cells(table, 3), ["tekfac", "3.03", "2.60"]);
});

Deno.test("peersTable() leaves empty what a library cannot do", () => {
  const table = peersTable(PEER_ROWS);
  assert.deepEqual(cells(table, 2), ["gemm", "0.500 ms, 60.0 GFLOP/s", "2.00x", "20.0x"]);
  assert.deepEqual(cells(table, 3), ["eigh", "2.50 ms, 50.0 GFLOP/s", "", "2.00x"]);
});

Deno.test("withTables() writes the last run of each bench with machine and date", () => {
  const where = { runtime: "Deno 2", backend: "wasm" };
  const run = { bench: "step", ...where, contended: null, rows: STEP_ROWS };
  const page = "<!-- bench:step -->\n<!-- /bench:step -->\n";
  const text = withTables(page, {
    machine: "some CPU, 2 cores",
    runs: [{ ...run, date: "2026-01-01" }, { ...run, date: "2026-02-02" }],
  });
  assert.match(text, /Measured on 2026-02-02: some CPU, 2 cores; Deno 2; wasm\./);
  assert.doesNotMatch(text, /2026-01-01/);
});
