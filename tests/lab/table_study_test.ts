import assert from "#assert";
import { createBackend } from "@tekfac/tekfac/backend";
import { table } from "@tekfac/tekfac/data";
import { meanRanks, studyTable } from "../../lab/table_study.ts";
import { inDirectory, lastLine, run } from "../e2e/_cli.ts";

const rows = Array.from(
  { length: 60 },
  (_, i) => [i % 6, i % 10, 1000 + 50 * (i % 6) - 20 * (i % 10)],
);

Deno.test("studyTable() measures the test rows in the unit of the table", async () => {
  const inputs = rows.map(([a, b]) => [a, b]);
  const data = table({ inputs, targets: rows.map(([, , y]) => y) });
  using backend = await createBackend();
  const outcomes = await studyTable(backend, data, {
    optimizers: ["tekfac", "adam"],
    testRows: [[0, 7, 14, 21, 28, 35], [1, 8, 15, 22, 29, 36]],
    hidden: [8],
    validation: 0.2,
    epochs: 40,
    patience: 10,
    batch: 10,
    seed: 1,
  });
  const [tekfac] = outcomes;
  assert.deepEqual(outcomes.map(({ errors }) => errors.length), [2, 2]);
  // The target's deviation is about 103; an error of standardized numbers would be below 1.
  for (const error of tekfac.errors) assert(error < 40, `${error}`);
  assert.equal(tekfac.mean, (tekfac.errors[0] + tekfac.errors[1]) / 2);
  assert.equal(outcomes[0].rank + outcomes[1].rank, 3);
  assert.equal(backend.memory().handles, 0);
});

Deno.test("meanRanks() shares places of ties and puts failures last", () => {
  assert.deepEqual(meanRanks([[1, 2], [1, NaN], [3, 1]]), [1.75, 2.25, 2]);
});

Deno.test("compare --table prints every optimizer, with splits of its own or those beside the file", () =>
  inDirectory(async (directory) => {
    const file = `${directory}/slope.csv`;
    await Deno.writeTextFile(file, ["a,b,y", ...rows.map((row) => row.join())].join("\n"));
    const args = [...["--table", file, "--target", "y", "--epochs", "2"], "--json"];
    const random = await run("compare", directory, ...args, "--splits", "2");
    assert.equal(random.code, 0, random.stderr);
    const { outcomes } = lastLine(random.stdout) as { outcomes: { errors: number[] }[] };
    assert.deepEqual(outcomes.map(({ errors }) => errors.length), new Array(8).fill(2));

    await Deno.writeTextFile(
      `${directory}/slope.splits.json`,
      JSON.stringify({ testRows: [[3, 4]] }),
    );
    const beside = await run("compare", directory, ...args);
    assert.match(String(lastLine(beside.stdout).splits), /slope\.splits\.json$/);

    const without = await run("compare", directory, "--table", file);
    assert.equal(without.code, 2);
    assert.match(without.stderr, /'--target'/);
  }));
