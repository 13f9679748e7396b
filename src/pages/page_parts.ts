/**
 * What every page is put together from: its frame, figures and tables. Nothing is fetched when a page is
 * opened, and every text is escaped.
 *
 * @module
 */

import { pageStyle } from "./page_style.ts";

/** A table with its heading. The first columns are text, the others are numbers or text, set to the right. */
export interface Table {
  /** The heading. */
  readonly title: string;
  /** One sentence on what it shows. @default {none} */
  readonly note?: string;
  /** Names of the columns. */
  readonly head: readonly string[];
  /** Cells, as they shall appear. */
  readonly rows: readonly (readonly string[])[];
  /** How many of the columns are text. @default {1} */
  readonly text?: number;
}

/** A figure with what it means. */
export interface Figure {
  /** What it means. */
  readonly label: string;
  /** The figure, as it shall appear. */
  readonly value: string;
}

/** The frame of a page, and what is in it as HTML. */
export interface PageDocument {
  /** The heading. */
  readonly title: string;
  /** One sentence below it. */
  readonly subtitle: string;
  /** The most important figures. */
  readonly figures: readonly Figure[];
  /** Style sheets besides the page's own. */
  readonly styles: readonly string[];
  /** Sections, from top to bottom. */
  readonly sections: readonly string[];
  /** Script elements. */
  readonly scripts: readonly string[];
}

/** Writes a whole page. */
export function renderDocument(document: PageDocument): string {
  const { title, subtitle, figures, styles, sections, scripts } = document;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="tekfac">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<style>${[...styles, pageStyle].join("\n")}</style>
</head>
<body>
<main>
<header>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(subtitle)}</p>
</header>
<dl class="figures">
${figures.map(figure).join("\n")}
</dl>
${sections.join("\n")}
</main>
${scripts.join("\n")}
</body>
</html>
`;
}

function figure({ label, value }: Figure): string {
  return `<div><dt>${escapeHtml(label)}</dt><dd>${escapeHtml(value)}</dd></div>`;
}

/** A table in a section. It scrolls by itself where it is wider than the page, by keyboard too. */
export function tableSection({ title, note, head, rows, text = 1 }: Table): string {
  const cells = (tag: string, row: readonly string[]) =>
    row.map((cell, i) =>
      `<${tag}${i > 0 && i < text ? ' class="text"' : ""}>${escapeHtml(cell)}</${tag.slice(0, 2)}>`
    ).join("");
  return `<section>
<h2>${escapeHtml(title)}</h2>
${note === undefined ? "" : `<p>${escapeHtml(note)}</p>`}
<div class="scroll" tabindex="0" role="region" aria-label="${escapeHtml(title)}"><table>
<thead><tr>${cells('th scope="col"', head)}</tr></thead>
<tbody>
${rows.map((row) => `<tr>${cells("td", row)}</tr>`).join("\n")}
</tbody>
</table></div>
</section>`;
}

/** Text as it stands, in a section. */
export function listingSection(title: string, text: string): string {
  return `<section>
<h2>${escapeHtml(title)}</h2>
<div class="scroll" tabindex="0" role="region" aria-label="${escapeHtml(title)}"><pre>${
    escapeHtml(text)
  }</pre></div>
</section>`;
}

/** Text in which no HTML parser finds markup. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/**
 * Code or JSON in which no HTML parser finds the end of the script element, or a comment. Inside
 * strings, the only place where these sequences occur, the replacements mean the same.
 */
function inScript(code: string): string {
  return code.replace(/<\/(script)/gi, "<\\/$1").replace(/<!--/g, "\\u003c!--");
}

/** A script element of plain JavaScript. */
export function scriptElement(code: string): string {
  return `<script>${inScript(code)}</script>`;
}

/** A script element that holds data for another one. */
export function dataElement(id: string, data: unknown): string {
  return `<script type="application/json" id="${id}">${inScript(JSON.stringify(data))}</script>`;
}
