/**
 * A self-contained HTML page of figures, charts and tables: nothing is fetched when it is opened.
 *
 * @module
 */

import { pageScript } from "./page_script.ts";
import { pageStyle } from "./page_style.ts";

/** The charting library uPlot, which a page carries with it. */
export interface ChartLibrary {
  /** Its script, which defines `uPlot`. */
  readonly script: string;
  /** Its style sheet. */
  readonly style: string;
}

/** One line of a chart. */
export interface Series {
  /** Name in the legend. */
  readonly name: string;
  /** Abscissae, ascending. */
  readonly x: readonly number[];
  /** Ordinates; `null` interrupts the line. */
  readonly y: readonly (number | null)[];
  /** Lower and upper edge of a shaded band around the line. */
  readonly band?: readonly [low: readonly number[], high: readonly number[]];
  /** Drawn thin and pale, as the background of another line. @default {false} */
  readonly faint?: boolean;
  /** Place in the palette; series of one colour belong together. */
  readonly color: number;
}

/** An axis of a chart. */
export interface Axis {
  /** What it shows, with the unit. */
  readonly label: string;
  /** Logarithmic axes leave out what is not positive. @default {false} */
  readonly log?: boolean;
  /** Whether only whole numbers get a tick. @default {false} */
  readonly whole?: boolean;
}

/** A chart with its heading. */
export interface Chart {
  /** The heading. */
  readonly title: string;
  /** One sentence on how to read it. */
  readonly note: string;
  /** The horizontal axis. */
  readonly x: Axis;
  /** The vertical axis. */
  readonly y: Axis;
  /** The lines, the first one lowest. */
  readonly series: readonly Series[];
}

/** A table with its heading. The first column is text, the others are numbers or text. */
export interface Table {
  /** The heading. */
  readonly title: string;
  /** One sentence on what it shows. @default {none} */
  readonly note?: string;
  /** Names of the columns. */
  readonly head: readonly string[];
  /** Cells, as they shall appear. */
  readonly rows: readonly (readonly string[])[];
}

/** What a page shows, from top to bottom. */
export interface Page {
  /** The heading. */
  readonly title: string;
  /** One sentence below it. */
  readonly subtitle: string;
  /** The most important figures, each with what it means. */
  readonly figures: readonly { readonly label: string; readonly value: string }[];
  /** The charts. */
  readonly charts: readonly Chart[];
  /** The tables. */
  readonly tables: readonly Table[];
  /** Text with its own line breaks, such as an optimizer's description. @default {none} */
  readonly listing?: { readonly title: string; readonly text: string };
}

/** Writes a page as HTML. Every text is escaped. */
export function renderPage(page: Page, library: ChartLibrary): string {
  const { title, subtitle, figures, charts, tables, listing } = page;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(title)}</title>
<style>${library.style}
${pageStyle}</style>
</head>
<body>
<main>
<header>
<h1>${escape(title)}</h1>
<p>${escape(subtitle)}</p>
</header>
<dl class="figures">
${figures.map(({ label, value }) => figure(label, value)).join("\n")}
</dl>
${charts.map(chartSection).join("\n")}
${tables.map(tableSection).join("\n")}
${listing === undefined ? "" : listingSection(listing.title, listing.text)}
</main>
<script>${inScript(library.script)}</script>
<script type="application/json" id="charts">${inScript(JSON.stringify(charts))}</script>
<script>${pageScript}</script>
</body>
</html>
`;
}

function figure(label: string, value: string): string {
  return `<div><dt>${escape(label)}</dt><dd>${escape(value)}</dd></div>`;
}

function chartSection(chart: Chart): string {
  return `<section>
<h2>${escape(chart.title)}</h2>
<p>${escape(chart.note)}</p>
<div class="chart" role="img" aria-label="${escape(chart.title)}"></div>
</section>`;
}

function tableSection({ title, note, head, rows }: Table): string {
  const cells = (tag: "th" | "td", row: readonly string[]) =>
    `<tr>${row.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join("")}</tr>`;
  return `<section>
<h2>${escape(title)}</h2>
${note === undefined ? "" : `<p>${escape(note)}</p>`}
<div class="scroll"><table>
<thead>${cells("th", head)}</thead>
<tbody>
${rows.map((row) => cells("td", row)).join("\n")}
</tbody>
</table></div>
</section>`;
}

function listingSection(title: string, text: string): string {
  return `<section>
<h2>${escape(title)}</h2>
<div class="scroll"><pre>${escape(text)}</pre></div>
</section>`;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/**
 * Code or JSON in which no HTML parser finds the end of the script element, or a comment. Inside
 * strings, the only place where these sequences occur, the replacements mean the same.
 */
function inScript(code: string): string {
  return code.replace(/<\/(script)/gi, "<\\/$1").replace(/<!--/g, "\\u003c!--");
}
