/**
 * Matrices as pictures: one signed level per entry, which the page's script paints.
 *
 * @module
 */

import { type DenseMatrix, mapMatrix } from "@tekfac/tekfac/linalg";
import { escapeHtml, formatNumber } from "@tekfac/tekfac/pages";
import { fisherMethods } from "./approximations.ts";
import type { FisherError, LayerRelationships } from "./layer_relationships.ts";

/** Orders of magnitude between the deepest colour and none. */
export const DECADES = 2;
/** Levels of either sign. */
const LEVELS = 127;

/** The data of one picture, for the script. */
export interface HeatMap {
  /** Rows and columns. */
  readonly size: number;
  /** The value that the deepest colour stands for. */
  readonly most: number;
  /** Orders of magnitude between it and no colour. */
  readonly decades: number;
  /** One signed byte per entry, row by row, in base64: see {@linkcode levelsOf}. */
  readonly levels: string;
  /** dIn', so that an entry can be named by output and input. */
  readonly inputs: number;
  /** Whether the last input is the constant 1. */
  readonly bias: boolean;
}

/**
 * The level of every entry, an integer in [-127, 127]: its sign, and `1 + log10(|x| / most) / 2` of the way
 * from nothing to the deepest colour.
 *
 * @param most What the deepest colour stands for, > 0; larger entries are cut off.
 */
export function levelsOf({ data }: DenseMatrix, most: number): Int8Array {
  return Int8Array.from(data, (value) => {
    const share = 1 + Math.log10(Math.abs(value) / most) / DECADES;
    return Math.sign(value) * Math.round(LEVELS * Math.min(Math.max(share, 0), 1));
  });
}

/** A layer's section: F, its approximations, and below each how far it is off. */
export function heatMapSection(
  layer: LayerRelationships,
  errors: Readonly<Record<string, FisherError>>,
): { readonly html: string; readonly maps: readonly HeatMap[] } {
  const { name, outputs, inputs, locations, bias, fisher, matrices } = layer;
  const most = fisher.data.reduce((max, value) => Math.max(max, Math.abs(value)), 0) || 1;
  const maps: HeatMap[] = [];
  const figure = (matrix: DenseMatrix, caption: string, summary: string): string => {
    const bytes = new Uint8Array(levelsOf(matrix, most).buffer);
    const levels = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    maps.push({ size: matrix.rows, most, decades: DECADES, levels, inputs, bias });
    const label = `${caption} of ${name}, ${matrix.rows} by ${matrix.rows} entries. ${summary}`;
    return `<figure><canvas class="map" tabindex="0" role="img" aria-label="${
      escapeHtml(label)
    }"></canvas><figcaption>${escapeHtml(caption)}<small>${
      escapeHtml(summary)
    }</small></figcaption></figure>`;
  };
  const exact = figure(fisher, "F, exact", `largest entry ${formatNumber(most, 3)}`);
  const pairs = fisherMethods.map((method) => {
    const title = method.toUpperCase();
    const difference = mapMatrix(fisher, (x, y) => Math.abs(x - y), matrices[method]);
    const { trace, frobenius } = errors[method];
    return `<div class="pair">
${figure(matrices[method], title, `trace ${formatNumber(trace, 3)}`)}
${figure(difference, `|F - ${title}|`, `Frobenius ${formatNumber(frobenius, 3)}`)}
</div>`;
  });
  const what = locations === 1 ? "one location (T = 1)" : `${locations} locations`;
  const html = `<section>
<h2>${escapeHtml(name)}</h2>
<p>${outputs} outputs, ${inputs} inputs${
    bias ? " with the constant 1" : ""
  }, ${what}: F has ${fisher.rows} rows.</p>
<div class="maps">
<div class="pair">
${exact}
${legend(most)}
</div>
${pairs.join("\n")}
</div>
<output class="entry" aria-live="polite">Point at an entry, or walk over a picture with the arrow keys.</output>
</section>`;
  return { html, maps };
}

/** What the colours mean, from the largest negative value over nothing to the largest. */
function legend(most: number): string {
  const marks = [most, most / 10 ** (DECADES / 2), most / 10 ** DECADES];
  const rows = marks.map((value, i) =>
    `<li><span class="key" data-level="${
      LEVELS * (1 - i / 2)
    }"></span><span class="key" data-level="${-LEVELS * (1 - i / 2)}"></span>${
      i === 2 ? "below " : "&#177;"
    }${escapeHtml(formatNumber(value, 2))}</li>`
  );
  return `<ul class="legend" aria-label="Colours: positive, negative">${rows.join("")}</ul>`;
}
