/**
 * TEKFAC with nothing set but the annealing, on the rows of the zoo that need no data: the command itself,
 * `deno task zoo --short`. docs/ZOO.md tells how verdicts are reached.
 */
import assert from "#assert";
import { inDirectory } from "./_cli.ts";

/** What is read of a line of the command's file. */
interface Line {
  readonly row: string;
  readonly ok?: boolean;
  readonly reason: string;
}

Deno.test("tekfac() at its defaults passes the short rows of the zoo", async (test) => {
  const lines: Line[] = [];
  let code = -1;
  await inDirectory(async (directory) => {
    const root = new URL("../../", import.meta.url);
    const outcome = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--quiet", "--no-check", "--config", new URL("deno.json", root).pathname],
        ...[new URL("bench/zoo.ts", root).pathname, "--short", "--json", "zoo.json"],
      ],
      cwd: directory,
      stdout: "null",
    }).output();
    code = outcome.code;
    lines.push(...JSON.parse(await Deno.readTextFile(`${directory}/zoo.json`)).lines);
  });
  assert(lines.length >= 10, `${lines.length} lines`);
  assert.equal(code, lines.every(({ ok }) => ok === true) ? 0 : 1);
  for (const { row, ok, reason } of lines) {
    await test.step(row, () => assert.equal(ok, true, reason));
  }
});
