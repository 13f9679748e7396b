/**
 * TEKFAC with nothing set but the annealing, on the rows of the zoo that need no data: `deno task zoo
 * --short` prints the same verdicts as a table, and docs/ZOO.md tells how they are reached.
 */
import assert from "#assert";
import { judgeRow } from "../../bench/zoo/judging.ts";
import { Lab } from "../../bench/zoo/lab.ts";
import { ROWS } from "../../bench/zoo/rows.ts";

const question = { optimizers: ["tekfac"], options: {}, seeds: undefined, rivals: true } as const;

for (const row of ROWS.filter(({ size, needs }) => size === "short" && needs === undefined)) {
  Deno.test(`tekfac() at its defaults passes the zoo's row '${row.name}'`, async () => {
    using lab = await Lab.open();
    const [{ ok, reason }] = await judgeRow(lab, row, question);
    assert.equal(lab.backend.memory().handles, 0, "matrices were not disposed");
    assert.equal(ok, true, reason);
  });
}
