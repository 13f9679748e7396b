import assert from "#assert";
import { withRows } from "../../tools/test_runtimes.ts";

const EMPTY = "# Page\n\n<!-- runtimes -->\n<!-- /runtimes -->\n\nend\n";

/** Cells of the line that begins with a name. */
function cellsOf(page: string, name: string): string[] | undefined {
  const line = page.split("\n").find((text) => text.startsWith(`| ${name} `));
  return line?.split("|").slice(2, -1).map((cell) => cell.trim());
}

Deno.test("withRows() writes what was seen, and that the rest was not tested", () => {
  const page = withRows(EMPTY, [{ row: "Bun", cells: { trains: "yes", gpu: "no" } }]);
  const unknown = "not tested";
  assert.deepEqual(cellsOf(page, "Bun"), [unknown, unknown, "yes", unknown, unknown, "no"]);
  assert.deepEqual(cellsOf(page, "Node 20"), Array(6).fill(unknown));
  assert(page.startsWith("# Page\n") && page.endsWith("\nend\n"));
});

Deno.test("withRows() keeps cells that were not tested this time and replaces those that were", () => {
  const before = withRows(EMPTY, [
    { row: "Bun", cells: { trains: "yes", gpu: "yes" } },
    { row: "Node 22", cells: { trains: "yes" } },
  ]);
  const page = withRows(before, [{ row: "Bun", cells: { trains: "no" } }]);
  assert.equal(cellsOf(page, "Bun")![2], "no");
  assert.equal(cellsOf(page, "Bun")![5], "yes");
  assert.deepEqual(cellsOf(page, "Node 22"), cellsOf(before, "Node 22"));
  assert.equal(withRows(page, []), page);
});
