/**
 * A sheet to draw on, and what was made of it.
 *
 * @module
 */

/// <reference lib="dom" />

import { digitCanvas } from "./mistakes.ts";
import type { Explanation, Lesson } from "./protocol.ts";

/** Pixels of a digit on each side, and of the sheet. */
const SIZE = 28, SHEET = 280;

/** Width of a line, as thick as those of the digits that were learned. */
const LINE = 22;

/** The section of the page about a visitor's own drawing. */
export class Drawing {
  readonly #sheet = byId("sheet") as HTMLCanvasElement;
  readonly #ask = byId("ask") as HTMLButtonElement;
  readonly #answer = byId("answer");
  #empty = true;
  #enabled = false;

  /** @param ask Is given the drawing, brightness of 28 x 28 pixels. */
  constructor(ask: (pixels: Uint8Array) => void) {
    this.#sheet.width = this.#sheet.height = SHEET;
    this.#clear();
    this.#ask.addEventListener("click", () => {
      this.#answer.textContent = "Looking…";
      ask(this.#pixels());
    });
    byId("clear").addEventListener("click", () => this.#clear());
    this.#sheet.addEventListener("pointerdown", (event) => this.#begin(event));
    this.#sheet.addEventListener("pointermove", (event) => {
      if (this.#sheet.hasPointerCapture(event.pointerId)) this.#draw(event);
    });
  }

  /** Whether there is a network that could be asked. */
  set enabled(enabled: boolean) {
    this.#enabled = enabled;
    this.#ask.disabled = !enabled || this.#empty;
  }

  /** Shows an answer. */
  show({ guess, confidence, taught, spokeAgainst }: Explanation): void {
    this.#answer.textContent = `A ${guess}, it says, and is sure of it to ${
      Math.round(100 * confidence)
    } %.`;
    showLessons("taught", taught);
    showLessons("against", spokeAgainst);
  }

  get #context(): CanvasRenderingContext2D {
    return this.#sheet.getContext("2d", { willReadFrequently: true })!;
  }

  #clear(): void {
    const context = this.#context;
    context.fillStyle = "black";
    context.fillRect(0, 0, SHEET, SHEET);
    this.#empty = true;
    this.enabled = this.#enabled;
    this.#answer.textContent = "";
    for (const id of ["taught", "against"]) showLessons(id, []);
  }

  #begin(event: PointerEvent): void {
    this.#sheet.setPointerCapture(event.pointerId);
    const context = this.#context;
    Object.assign(context, { strokeStyle: "white", lineWidth: LINE });
    Object.assign(context, { lineCap: "round", lineJoin: "round" });
    context.beginPath();
    this.#empty = false;
    this.enabled = this.#enabled;
    this.#draw(event);
  }

  #draw({ offsetX, offsetY }: PointerEvent): void {
    const scale = SHEET / this.#sheet.clientWidth;
    const context = this.#context;
    context.lineTo(scale * offsetX, scale * offsetY);
    context.stroke();
  }

  /** The sheet in the pixels of a digit. */
  #pixels(): Uint8Array {
    const small = document.createElement("canvas");
    small.width = small.height = SIZE;
    const context = small.getContext("2d")!;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.#sheet, 0, 0, SIZE, SIZE);
    const { data } = context.getImageData(0, 0, SIZE, SIZE);
    return Uint8Array.from({ length: SIZE * SIZE }, (_, i) => data[4 * i]);
  }
}

function showLessons(id: string, lessons: readonly Lesson[]): void {
  byId(id).replaceChildren(...lessons.map(({ pixels, label }) => {
    const words = document.createElement("span");
    words.textContent = `${label}`;
    const item = document.createElement("li");
    item.append(digitCanvas(pixels, `A drawn ${label}`), words);
    return item;
  }));
}

function byId(id: string): HTMLElement {
  return document.getElementById(id)!;
}
