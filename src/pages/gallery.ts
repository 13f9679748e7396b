/**
 * Rows of small pictures with captions.
 *
 * @module
 */

import { escapeHtml } from "./page_parts.ts";

/** A small picture. */
export interface Thumbnail {
  /** A `data:` address, so that nothing is fetched. */
  readonly source: string;
  /** What is to be seen, in words. */
  readonly alt: string;
  /** Below it; a few words. */
  readonly caption: string;
}

/** Rows of pictures with a heading. */
export interface Gallery {
  /** The heading. */
  readonly title: string;
  /** One sentence on how to read it. */
  readonly note: string;
  /** Each with what its pictures have in common; without a name where there is but one row. */
  readonly rows: readonly { readonly name?: string; readonly pictures: readonly Thumbnail[] }[];
}

/** Style of galleries, for pages that have some. */
export const galleryStyle = `
.gallery { display: flex; flex-wrap: wrap; gap: 0.75rem; padding: 0.5rem 0; }
.gallery figure { margin: 0; flex: none; width: 5.5rem; font-size: 0.8rem; text-align: center; }
.gallery img { width: 4.5rem; height: 4.5rem; image-rendering: pixelated; border: 1px solid var(--rule); }
section h3 { margin: 0.75rem 0 0; font-size: 0.95rem; font-weight: 500; }
`;

/** A gallery in a section. Rows that are too wide go on below. */
export function gallerySection({ title, note, rows }: Gallery): string {
  return `<section>
<h2>${escapeHtml(title)}</h2>
<p>${escapeHtml(note)}</p>
${rows.map(({ name, pictures }) => rowOf(name, name ?? title, pictures)).join("\n")}
</section>`;
}

function rowOf(
  name: string | undefined,
  label: string,
  pictures: readonly Thumbnail[],
): string {
  const figures = pictures.map(({ source, alt, caption }) =>
    `<figure><img src="${escapeHtml(source)}" alt="${escapeHtml(alt)}">` +
    `<figcaption>${escapeHtml(caption)}</figcaption></figure>`
  );
  return `${name === undefined ? "" : `<h3>${escapeHtml(name)}</h3>\n`}<div class="gallery" ` +
    `role="group" aria-label="${escapeHtml(label)}">${figures.join("")}</div>`;
}
