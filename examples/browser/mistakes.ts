/**
 * Digits that were read wrongly, drawn with what they show and what was read.
 *
 * @module
 */

/// <reference lib="dom" />

import type { Mistake } from "./protocol.ts";

/** Height and width of a digit, in pixels. */
const SIZE = 28;

/** A list of them, in the place of an earlier one. */
export function showMistakes(list: HTMLElement, mistakes: readonly Mistake[]): void {
  list.replaceChildren(...mistakes.map(item));
}

/** A digit, bright ink on dark paper. */
export function digitCanvas(pixels: Uint8Array, words: string): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE;
  // In the order red, green, blue, opacity.
  const colours = Uint8ClampedArray.from(
    { length: 4 * pixels.length },
    (_, i) => i % 4 === 3 ? 255 : pixels[i >> 2],
  );
  canvas.getContext("2d")!.putImageData(new ImageData(colours, SIZE), 0, 0);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", words);
  return canvas;
}

function item({ pixels, label, guess }: Mistake): HTMLElement {
  const canvas = digitCanvas(pixels, `A drawn ${label}`);
  const words = document.createElement("span");
  words.textContent = `${label} → ${guess}`;
  words.setAttribute("aria-label", `read as ${guess}`);
  words.setAttribute("role", "img");
  const element = document.createElement("li");
  element.append(canvas, words);
  return element;
}
