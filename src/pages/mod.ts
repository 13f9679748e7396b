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
 *   listingSection,
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
 *   sections: [tableSection(table), listingSection("As text", formatTable(table.head, table.rows))],
 *   scripts: [dataElement("losses", [0.25]), scriptElement("document.title += '!';")],
 * });
 * assert(page.includes(escapeHtml("As text")));
 * ```
 *
 * @module
 */

export { formatTable } from "../core/table.ts";
export * from "./page.ts";
export * from "./page_parts.ts";
export * from "./text.ts";
