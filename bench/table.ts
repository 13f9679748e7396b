/**
 * Tables that read well on a terminal and are Markdown at the same time.
 *
 * @module
 */

/**
 * An aligned table: the first column to the left, the others to the right.
 *
 * @param head Names of the columns.
 * @param rows Cells, as many as there are columns.
 */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const lines = [head, ...rows];
  const widths = head.map((_, c) => Math.max(3, ...lines.map((cells) => cells[c].length)));
  const line = (cells: readonly string[]): string => {
    const padded = cells.map((cell, c) =>
      c === 0 ? cell.padEnd(widths[c]) : cell.padStart(widths[c])
    );
    return `| ${padded.join(" | ")} |`;
  };
  const rule = widths.map((width, c) => c === 0 ? "-".repeat(width) : "-".repeat(width - 1) + ":");
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

/** A number with three significant digits, never in scientific notation. */
export function threeDigits(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(decimals, 6));
}
