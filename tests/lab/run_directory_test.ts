/** What a run directory makes of lines that are damaged. */
import assert from "#assert";
import type { Assignment } from "../../lab/laboratory.ts";
import type { RunOutcome } from "../../lab/comparison.ts";
import { RunDirectory } from "../../lab/run_directory.ts";
import { type Line, readLine, textOf } from "../../lab/run_lines.ts";

const outcome: RunOutcome = {
  record: {
    epochs: [{ epoch: 1, runningLoss: 1, testLoss: 0.9, testAccuracy: 0.7, seconds: 1.5 }],
    ...{ trainLoss: 0.5, testLoss: 0.6, testAccuracy: 0.8, seconds: 3, stepMs: 4 },
  },
};

const assignment = (index: number): Assignment => ({
  ...{ kind: "run", optimizer: "tekfac", index, seed: index, point: { tau: 0.5 }, epochs: 2 },
});

const line: Line = { ...assignment(0), finished: "2026-11-26T10:00:00.000Z", others: 0.1, outcome };

const CONFIGURATION = { model: "mlp" };

/** Adds three trainings, has the file of their lines changed, and opens it again; what was said. */
async function reopened(
  change: (text: string) => string,
  body: (directory: RunDirectory) => Promise<void> | void,
): Promise<string[]> {
  const path = await Deno.makeTempDir();
  const said: string[] = [];
  const { error } = console;
  console.error = (text: string) => void said.push(text);
  try {
    {
      using directory = await RunDirectory.open(path, CONFIGURATION);
      for (let i = 0; i < 3; i++) await directory.add(assignment(i), outcome);
    }
    const file = `${path}/runs.jsonl`;
    await Deno.writeTextFile(file, change(await Deno.readTextFile(file)));
    using directory = await RunDirectory.open(path, CONFIGURATION);
    await body(directory);
    return said;
  } finally {
    console.error = error;
    await Deno.remove(path, { recursive: true });
  }
}

Deno.test("readLine() gives back what textOf() wrote, and finds every flipped bit of it", () => {
  const bytes = new TextEncoder().encode(textOf(line));
  assert.deepEqual(readLine(textOf(line)), line);
  for (let place = 0; place < bytes.length; place++) {
    for (let bit = 0; bit < 8; bit++) {
      const damaged = bytes.slice();
      damaged[place] ^= 1 << bit;
      const read = readLine(new TextDecoder().decode(damaged));
      assert.equal(typeof read, "string", `byte ${place}, bit ${bit}`);
    }
  }
});

Deno.test("readLine() takes a line without a check, unless something in it is not what it should be", () => {
  assert.deepEqual(readLine(JSON.stringify(line)), line);
  const { record } = outcome as { record: object };
  const later = { ...line, outcome: { record: { ...record, more: 1 } } };
  assert.deepEqual(readLine(JSON.stringify(later)), later);
  const others: unknown[] = [
    null,
    [],
    { ...line, seed: "0" },
    { ...line, others: null },
    { ...line, finished: "yesterday" },
    { ...line, kind: "walk" },
    { ...line, point: { tau: "0.5" } },
    { ...line, more: 1 },
    { ...line, outcome: null },
    { ...line, outcome: { record: null } },
    { ...line, outcome: { record: { ...record, trainLoss: "0.5" } } },
    { ...line, outcome: { record: { ...record, epochs: [null] } } },
    { ...line, outcome: { record: { ...record, more: "1" } } },
  ];
  for (const other of others) {
    assert.equal(readLine(JSON.stringify(other)), "it is not a training and its outcome");
  }
});

Deno.test("a damaged line is passed over with a warning that names it, and the others count", async () => {
  const said = await reopened((text) => text.replace('"seed":1', '"seed":7'), (directory) => {
    const found = [0, 1, 2].map((i) => directory.find(assignment(i)));
    assert.deepEqual(found, [outcome, undefined, outcome]);
  });
  assert.equal(said.length, 1);
  assert.match(said[0], /runs\.jsonl', line 2 is damaged \(its check is not that of its text\)/);
});

Deno.test("a training that is done again takes the place of a damaged line", async () => {
  const said = await reopened(
    (text) => `oops\n${text.slice(text.indexOf("\n") + 1)}`,
    async (one) => {
      assert.equal(one.find(assignment(0)), undefined);
      await one.add(assignment(0), outcome);
      assert.deepEqual(one.find(assignment(0)), outcome);
    },
  );
  assert.match(said.join(), /line 1 is damaged \(it is not JSON\): 'oops'/);
});
