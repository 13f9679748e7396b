/** Files that are written whole, and those that are left alone. */
import assert from "#assert";
import { DataError } from "@tekfac/tekfac/core";
import { tryWriting, writeWhole } from "../../src/cli/mod.ts";

async function inDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await body(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const namesIn = (directory: string) =>
  [...Deno.readDirSync(directory)].map(({ name }) => name).sort();

Deno.test("writeWhole() by several at once: each succeeds, the file is one of theirs, nothing is left", async () => {
  await inDirectory(async (directory) => {
    const path = `${directory}/a`;
    const contents = [1, 2, 3, 4, 5, 6].map((fill) => new Uint8Array(2e6).fill(fill));
    await Promise.all(contents.map((content) => writeWhole(path, content)));
    const held = await Deno.readFile(path);
    assert.equal(held.length, 2e6);
    assert(held.every((byte) => byte === held[0]));
    assert.deepEqual(namesIn(directory), ["a"]);
  });
});

Deno.test({
  name: "writeWhole() keeps links and modes",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inDirectory(async (directory) => {
      await Deno.mkdir(`${directory}/far`);
      await Deno.writeTextFile(`${directory}/far/a`, "old", { mode: 0o640 });
      await Deno.symlink("far/a", `${directory}/link`);
      await writeWhole(`${directory}/link`, "new");
      assert((await Deno.lstat(`${directory}/link`)).isSymlink);
      assert.equal(await Deno.readTextFile(`${directory}/far/a`), "new");
      assert.equal((await Deno.stat(`${directory}/far/a`)).mode! & 0o777, 0o640);
      // A link to what is not there yet.
      await Deno.symlink("far/b", `${directory}/dangling`);
      await writeWhole(`${directory}/dangling`, "new");
      assert.deepEqual(namesIn(`${directory}/far`), ["a", "b"]);
      assert((await Deno.lstat(`${directory}/dangling`)).isSymlink);
    }),
});

Deno.test("writeWhole() removes what dead writers left, and neither a living one's nor the user's", async () => {
  await inDirectory(async (directory) => {
    const named = (path: string) => `${directory}/${path}.${crypto.randomUUID()}.tmp`;
    const dead = named("a"), living = named("a"), other = named("b");
    const users = [`${directory}/a.1.tmp`, `${directory}/a.mine.tmp`, `${directory}/a.tmp`];
    for (const path of [dead, other, ...users]) await Deno.writeTextFile(path, "half");
    using file = await Deno.open(living, { write: true, createNew: true });
    await file.lock(true);
    await writeWhole(`${directory}/a`, "whole");
    const left = [`${directory}/a`, living, other, ...users].map((path) =>
      path.slice(directory.length + 1)
    );
    assert.deepEqual(namesIn(directory), left.sort());
  });
});

Deno.test("writeWhole() that fails says so, and all is as it was", async () => {
  await inDirectory(async (directory) => {
    await Deno.writeTextFile(`${directory}/a`, "old");
    const failing = `${directory}/a/b`;
    await assert.rejects(
      writeWhole(failing, "new"),
      (e: unknown) => e instanceof DataError && e.message.startsWith(`Cannot write '${failing}': `),
    );
    await assert.rejects(tryWriting(failing), DataError);
    await tryWriting(`${directory}/a`);
    await tryWriting(`${directory}/c`);
    assert.deepEqual(namesIn(directory), ["a"]);
    assert.equal(await Deno.readTextFile(`${directory}/a`), "old");
  });
});
