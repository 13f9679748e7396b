import assert from "#assert";
import { StateError } from "@tekfac/tekfac/core";
import { TableJournal } from "../../lab/table_journal.ts";
import { secondsTo, tableSettings } from "../../lab/table_study.ts";

const trial = {
  validation: 2,
  error: 3,
  seconds: 0.5,
  course: [{ seconds: 0.2, error: 4 }, { seconds: 0.4, error: 2 }],
};
const key = { table: "houses", split: 1, name: "adam", factor: 1 / 3 } as const;

Deno.test("TableJournal goes on after a line that was cut off, and only with equal settings", async () => {
  const path = await Deno.makeTempFile();
  try {
    const journal = await TableJournal.open(path, tableSettings);
    await journal.add(key, trial);
    await Deno.writeTextFile(path, '{"key":{"table":"hou', { append: true });
    const again = await TableJournal.open(path, tableSettings);
    assert.deepEqual(again.find(key), trial);
    assert.equal(again.find({ ...key, split: 2 }), undefined);
    await again.add({ ...key, split: 2 }, { ...trial, validation: null, error: null });
    const third = await TableJournal.open(path, tableSettings);
    assert.equal(third.find({ ...key, split: 2 })!.error, null);
    await assert.rejects(TableJournal.open(path, { ...tableSettings, epochs: 7 }), StateError);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("secondsTo() finds the first epoch at the error, if there is one", () => {
  assert.equal(secondsTo(4, trial), 0.2);
  assert.equal(secondsTo(3, trial), 0.4);
  assert.equal(secondsTo(1, trial), Infinity);
});
