/**
 * A self-contained HTML page of figures, charts and tables: nothing is fetched when it is opened.
 *
 * @module
 */

import type { Chart } from "./chart.ts";
import { chartText } from "./chart_text.ts";
import { type Gallery, gallerySection, galleryStyle } from "./gallery.ts";
import { pageScript } from "./page_script.ts";
import {
  dataElement,
  escapeHtml,
  type Figure,
  listingSection,
  renderDocument,
  scriptElement,
  type Table,
  tableSection,
} from "./page_parts.ts";

export type { Axis, Chart, Series } from "./chart.ts";
export type { Gallery, Thumbnail } from "./gallery.ts";
export type { Table } from "./page_parts.ts";

/** The charting library uPlot, which a page carries with it. */
export interface ChartLibrary {
  /** Its script, which defines `uPlot`. */
  readonly script: string;
  /** Its style sheet. */
  readonly style: string;
}

/** What a page shows, from top to bottom. */
export interface Page {
  /** The heading. */
  readonly title: string;
  /** One sentence below it. */
  readonly subtitle: string;
  /** The most important figures, each with what it means. */
  readonly figures: readonly Figure[];
  /** Rows of pictures. @default {none} */
  readonly galleries?: readonly Gallery[];
  /** The charts. */
  readonly charts: readonly Chart[];
  /** The tables. */
  readonly tables: readonly Table[];
  /** Texts with their own line breaks, such as an optimizer's description. @default {none} */
  readonly listings?: readonly { readonly title: string; readonly text: string }[];
}

/** Writes a page as HTML. Every text is escaped. */
export function renderPage(page: Page, library: ChartLibrary): string {
  const { title, subtitle, figures, galleries = [], charts, tables, listings = [] } = page;
  return renderDocument({
    ...{ title, subtitle, figures },
    styles: [library.style, ...galleries.length > 0 ? [galleryStyle] : []],
    sections: [
      ...galleries.map(gallerySection),
      ...charts.map(chartSection),
      ...tables.map(tableSection),
      ...listings.map(({ title, text }) => listingSection(title, text)),
    ],
    scripts: [
      scriptElement(library.script),
      dataElement("charts", charts),
      scriptElement(pageScript),
    ],
  });
}

function chartSection(chart: Chart): string {
  return `<section>
<h2>${escapeHtml(chart.title)}</h2>
<p>${escapeHtml(chart.note)}</p>
<div class="chart" role="img" aria-label="${escapeHtml(chartText(chart))}"></div>
</section>`;
}
