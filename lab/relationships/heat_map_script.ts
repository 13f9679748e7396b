/**
 * How heat maps look, and what they do in a browser.
 *
 * @module
 */

/** Style sheet of the pictures. */
export const heatMapStyle = `
.maps {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 0.75rem;
  margin-top: 0.75rem;
}
.pair { display: flex; flex-direction: column; gap: 0.5rem; min-width: 0; }
figure { margin: 0; }
canvas.map {
  display: block; width: 100%; aspect-ratio: 1; image-rendering: pixelated;
  border: 1px solid var(--rule); border-radius: 0.25rem; cursor: crosshair;
}
canvas.map:focus-visible { outline: 2px solid var(--line0); outline-offset: 2px; }
figcaption { font-size: 0.85rem; font-weight: 600; margin-top: 0.25rem; }
figcaption small { display: block; color: var(--quiet); font-weight: 400; font-size: 0.8rem; }
.legend { list-style: none; margin: 0.25rem 0 0; padding: 0; font-size: 0.8rem; color: var(--quiet); }
.key {
  display: inline-block; width: 1.1rem; height: 0.8rem; margin-right: 0.3rem; vertical-align: -0.1rem;
  border: 1px solid var(--rule);
}
.entry {
  display: block; margin-top: 0.75rem; min-height: 1.5em; font-size: 0.9rem; color: var(--quiet);
  font-variant-numeric: tabular-nums;
}
:root { --zero: #ffffff; --plus: #0a4fa0; --minus: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --zero: #1b1f27; --plus: #8cc4ff; --minus: #ff9c8f; } }
`;

/**
 * Plain JavaScript. Paints the pictures whose data the element `maps` holds into the canvases of class
 * `map`, in order, again when the colour scheme changes; tells the entry under the pointer, or the one
 * that the arrow keys have reached.
 */
export const heatMapScript = `
"use strict";
const maps = JSON.parse(document.getElementById("maps").textContent);
const canvases = [...document.querySelectorAll("canvas.map")];
const levels = maps.map((map) => Int8Array.from(atob(map.levels), (sign) => sign.charCodeAt(0)));

function palette() {
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const styles = getComputedStyle(document.documentElement);
  const [zero, plus, minus] = ["--zero", "--plus", "--minus"].map((name) => {
    probe.fillStyle = styles.getPropertyValue(name).trim();
    probe.fillRect(0, 0, 1, 1);
    return probe.getImageData(0, 0, 1, 1).data;
  });
  return (level, channel) => {
    const end = level < 0 ? minus : plus;
    return zero[channel] + (end[channel] - zero[channel]) * Math.abs(level) / 127;
  };
}

function paint() {
  const color = palette();
  canvases.forEach((canvas, i) => {
    const { size } = maps[i];
    canvas.width = canvas.height = size;
    const context = canvas.getContext("2d");
    const image = context.createImageData(size, size);
    levels[i].forEach((level, k) => {
      for (let c = 0; c < 3; c++) image.data[4 * k + c] = color(level, c);
      image.data[4 * k + 3] = 255;
    });
    context.putImageData(image, 0, 0);
  });
  for (const key of document.querySelectorAll(".key")) {
    const level = Number(key.dataset.level);
    key.style.background = "rgb(" + [0, 1, 2].map((c) => Math.round(color(level, c))) + ")";
  }
}

function tell(i, row, column) {
  const { size, most, decades, inputs, bias } = maps[i];
  const level = levels[i][row * size + column];
  const name = (index) => {
    const input = index % inputs;
    const last = bias && input === inputs - 1;
    return "output " + Math.floor(index / inputs) + (last ? ", bias" : ", input " + input);
  };
  const size10 = most * 10 ** (decades * (Math.abs(level) / 127 - 1));
  const value = level === 0 ? "less than " + (most / 10 ** decades).toPrecision(2)
    : "about " + (level < 0 ? "-" : "") + size10.toPrecision(2);
  const caption = canvases[i].parentElement.querySelector("figcaption").firstChild.textContent;
  canvases[i].closest("section").querySelector(".entry").textContent =
    caption + " at (" + name(row) + "; " + name(column) + "): " + value;
}

canvases.forEach((canvas, i) => {
  const { size } = maps[i];
  let [row, column] = [0, 0];
  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    const cell = (at, length) => Math.min(size - 1, Math.max(0, Math.floor(size * at / length)));
    row = cell(event.clientY - box.top, box.height);
    column = cell(event.clientX - box.left, box.width);
    tell(i, row, column);
  });
  const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    row = Math.min(size - 1, Math.max(0, row + move[0]));
    column = Math.min(size - 1, Math.max(0, column + move[1]));
    tell(i, row, column);
  });
});
paint();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
`;
