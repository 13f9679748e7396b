/** The study of what can be left out: the command at a small size. */
import assert from "#assert";
import { inDirectory, run } from "../e2e/_cli.ts";

Deno.test("the command compression leaves out more and more", () =>
  inDirectory(async (directory) => {
    const small = ["--data", "data", "--epochs", "1"];
    const { code, stdout, stderr } = await run("compression", directory, ...small);
    assert.equal(code, 0, stderr);
    for (const way of ["whole", "magnitude", "low rank by curvature", "channels by curvature"]) {
      assert(stdout.includes(way), way);
    }
    assert.match(stdout, /rank 8 +\d+\.\d+/);
  }));
