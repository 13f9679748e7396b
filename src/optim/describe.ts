import { shapeOf } from "../core/matrix.ts";
import { formatTable } from "../core/table.ts";
import type { Parameter } from "../core/parameter.ts";
import type { Preconditioner } from "./preconditioner.ts";

/** What of an optimizer is described. */
interface Described {
  readonly objective: { readonly parameters: readonly Parameter[] };
  readonly preconditioner: Pick<Preconditioner, "describe" | "method" | "plan">;
  readonly momentum: { readonly buffers: readonly unknown[] };
  readonly rules: { readonly average?: unknown };
}

/** The table behind `Optimizer.describe()`. */
export function describeOptimizer(optimizer: Described): string {
  const { objective: { parameters }, preconditioner, momentum, rules } = optimizer;
  const rows = parameters.map((parameter, index) => {
    const { block, factors, elements } = preconditioner.describe(index);
    const copies = (momentum.buffers.length === 0 ? 0 : 1) + (rules.average === undefined ? 0 : 1);
    const { rows, cols } = parameter.value;
    // Four bytes a number, as on the device backends; the reference backend takes twice as many.
    const bytes = 4 * (elements + copies * rows * cols);
    return [parameter.name, parameter.layer.kind, shapeOf(parameter.value), block, factors, bytes];
  });
  const total = rows.reduce((sum, row) => sum + (row[5] as number), 0);
  return [
    formatTable(
      ["layer", "kind", "weights", "block", "factors", "state bytes"],
      [...rows, ["total", "", "", "", "", total]],
    ),
    `${preconditioner.method}: ${preconditioner.plan}`,
  ].join("\n");
}
