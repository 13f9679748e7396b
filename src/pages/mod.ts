/**
 * Pages of figures, charts and tables that need nothing but themselves, and numbers as people read them:
 * what the reports of training and of the laboratory are written with.
 *
 * @experimental The parts of a page may change between minor versions.
 *
 * @example A page with a table and a script of its own
 * ```ts
 * import assert from "node:assert/strict";
 * import {
 *   dataElement,
 *   escapeHtml,
 *   formatNumber,
 *   formatTable,
 *   renderDocument,
 *   renderPage,
 *   scriptElement,
 *   tableSection,
 * } from "@tekfac/tekfac/pages";
 *
 * const table = { title: "Losses", head: ["step", "loss"], rows: [["1", formatNumber(0.25)]] };
 * const uPlot = { script: "var uPlot;", style: "" }; // stands for the text of its files
 * const head = { title: "A run", subtitle: "tekfac", figures: [{ label: "loss", value: "0.25" }] };
 * assert(renderPage({ ...head, charts: [], tables: [table] }, uPlot).includes("Losses"));
 *
 * const page = renderDocument({
 *   ...head,
 *   styles: [],
 *   sections: [tableSection(table)],
 *   scripts: [dataElement("losses", [0.25]), scriptElement("document.title += '!';")],
 * });
 * assert(page.includes(escapeHtml("Losses")));
 * assert(formatTable(table.head, table.rows).endsWith("0.25"));
 * ```
 *
 * @module
 */

export { formatTable } from "../core/table.ts";
export * from "./page.ts";
export {
  dataElement,
  escapeHtml,
  type Figure,
  type PageDocument,
  renderDocument,
  scriptElement,
  tableSection,
} from "./page_parts.ts";
export * from "./text.ts";
