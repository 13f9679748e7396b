/**
 * Tables as aligned text.
 *
 * @module
 */

/**
 * An aligned table with a rule under its head. The first column is set to the left, columns of
 * numbers to the right; numbers are grouped (`12,345`, whatever the user's locale).
 *
 * @param head Titles of the columns.
 * @param rows As many cells each.
 * @param text How text is set in the other columns. @default {"left"}
 *
 * @example Two columns
 * ```ts
 * import assert from "node:assert/strict";
 * import { formatTable } from "@tekfac/tekfac/pages";
 *
 * const text = formatTable(["layer", "weights"], [["dense1", 12345]]);
 * assert.equal(text.split("\n").at(-1), "dense1   12,345");
 * ```
 */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  text: "left" | "right" = "left",
): string {
  const shown = (cell: string | number): string =>
    typeof cell === "number" ? cell.toLocaleString("en-US") : cell;
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => shown(row[column]).length))
  );
  const isRight = head.map((_, column) =>
    column > 0 && (text === "right" || rows.some((row) => typeof row[column] === "number"))
  );
  const line = (cells: readonly (string | number)[]): string =>
    cells.map((cell, column) =>
      isRight[column] ? shown(cell).padStart(widths[column]) : shown(cell).padEnd(widths[column])
    ).join("  ").trimEnd();
  return [line(head), widths.map((width) => "-".repeat(width)).join("  "), ...rows.map(line)]
    .join("\n");
}
