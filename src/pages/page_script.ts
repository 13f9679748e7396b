/**
 * What a page does in a browser: it draws the charts whose data it carries.
 *
 * @module
 */

import { axesScript } from "./chart_axes.ts";
import { legendScript } from "./chart_legend.ts";

/**
 * Plain JavaScript. Reads the JSON of the element `charts`, draws each chart into the next element of
 * class `chart`, and draws again when its width or the colour scheme changes.
 *
 * Series have abscissae of their own; uPlot wants common ones, so `uPlot.join` unites them and `null`
 * marks where a series has no point. A band is drawn between two invisible series.
 */
export const pageScript = `
"use strict";
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const short = (value) => {
  if (value === null || value === undefined) return "";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) {
    return value.toExponential(1).replace(".0e", "e").replace("e+", "e");
  }
  return String(Number(value.toPrecision(4)));
};

${axesScript}${legendScript}
function columns(series, ramp) {
  const tables = [];
  const lines = [];
  const bands = [];
  for (const { name, x, y, band, faint, color: place } of series) {
    const stroke = ramp ? rampColor(place, series.length) : color("--line" + place % 8);
    const add = (values, line) => {
      tables.push([x, values]);
      lines.push({ spanGaps: true, points: { show: false }, value: (_, v) => short(v), ...line });
      return lines.length;
    };
    if (band) {
      const hidden = { stroke: "transparent", width: 0, class: "edge" };
      const low = add(band[0], hidden);
      const high = add(band[1], hidden);
      bands.push({ series: [high, low], fill: stroke + "2e" });
    }
    const few = x.length <= 60;
    add(y, {
      label: name,
      stroke: faint ? stroke + "55" : stroke,
      width: faint ? 1 : ramp ? 1.5 : 2,
      points: { show: few && !faint && !ramp, size: 5, fill: stroke },
    });
  }
  return { data: uPlot.join(tables), lines, bands };
}

// Where series have abscissae of their own, the legend shows each one's nearest point.
function nearest(plot, series, index) {
  const values = plot.data[series];
  for (let away = 0; away < values.length; away++) {
    if (values[index - away] != null) return index - away;
    if (values[index + away] != null) return index + away;
  }
  return index;
}

function draw(chart, place) {
  const ramp = chart.ordered === true && chart.series.length > MOST_NAMED;
  const { data, lines, bands } = columns(chart.series, ramp);
  const positive = (values) => values.map((v) => v > 0 ? v : null);
  if (chart.y.log) for (let i = 1; i < data.length; i++) data[i] = positive(data[i]);
  const axis = (side) => ({
    label: chart[side].label,
    labelSize: 22,
    labelFont: "13px system-ui, sans-serif",
    font: "12px system-ui, sans-serif",
    size: side === "y" ? 62 : 40,
    stroke: color("--quiet"),
    grid: { stroke: color("--rule"), width: 1 },
    ticks: { stroke: color("--rule"), width: 1 },
    ...ticksOf(chart[side]),
    values: (plot, ticks) => ticks.map(short),
  });
  place.replaceChildren();
  const canvas = place.appendChild(document.createElement("div"));
  return new uPlot({
    width: place.clientWidth,
    height: Math.max(240, Math.min(360, Math.round(place.clientWidth * 0.5))),
    scales: { x: scaleOf(chart.x, 0), y: scaleOf(chart.y, 0.05) },
    axes: [axis("x"), axis("y")],
    series: [{ label: chart.x.label, value: (_, v) => short(v) }, ...lines],
    bands,
    cursor: { dataIdx: nearest, ...(ramp ? { focus: { prox: 1e6 } } : {}) },
    ...(ramp ? { focus: { alpha: 0.25 }, legend: { show: false } } : {}),
    hooks: ramp ? rampLegend(chart.series.map(({ name }) => name), place) : restingLegend(),
  }, data, canvas);
}

const charts = JSON.parse(document.getElementById("charts").textContent);
const places = [...document.querySelectorAll(".chart")];
const drawAll = () => places.forEach((place, i) => draw(charts[i], place));
drawAll();
let width = places[0]?.clientWidth;
addEventListener("resize", () => {
  if (places[0]?.clientWidth === width) return;
  width = places[0]?.clientWidth;
  drawAll();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
`;
