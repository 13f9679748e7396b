import { shapeOf } from "../core/matrix.ts";
import type { Optimizer } from "./optimizer.ts";

/** The table behind `Optimizer.describe()`. */
export function describeOptimizer<B>(optimizer: Optimizer<B>): string {
  const { objective: { parameters }, preconditioner, momentum } = optimizer;
  const rows = parameters.map((parameter, index) => {
    const { block, factors, elements } = preconditioner.describe(index);
    const velocity = momentum.buffers.length === 0
      ? 0
      : parameter.value.rows * parameter.value.cols;
    // Four bytes a number, as on the device backends; the reference backend takes twice as many.
    const bytes = 4 * (elements + velocity);
    return [parameter.name, parameter.layer.kind, shapeOf(parameter.value), block, factors, bytes];
  });
  const total = rows.reduce((sum, row) => sum + (row[5] as number), 0);
  return [
    ...table(
      ["layer", "kind", "weights", "block", "factors", "state bytes"],
      [...rows, ["total", "", "", "", "", total]],
    ),
    `${preconditioner.method}: ${preconditioner.plan}`,
  ].join("\n");
}

/** Lines of a table whose columns are padded to equal width; numbers are grouped and right-aligned. */
function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const text = (cell: string | number): string =>
    typeof cell === "number" ? cell.toLocaleString("en-US") : cell;
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => text(row[column]).length))
  );
  const line = (row: readonly (string | number)[]): string =>
    row.map((cell, column) =>
      typeof cell === "number"
        ? text(cell).padStart(widths[column])
        : text(cell).padEnd(widths[column])
    ).join("  ").trimEnd();
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)];
}
