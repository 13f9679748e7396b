/**
 * The legends of a page's charts, in its script.
 *
 * @module
 */

/**
 * Plain JavaScript. A legend shows the last values while nobody points at the chart. Of many lines in an order, such as
 * the layers of a network, it is one ramp of colours from the first to the last, and the line that is pointed at is
 * named.
 */
export const legendScript = `
const MOST_NAMED = 8;

function rampColor(place, count) {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const hue = 225 + 170 * place / Math.max(1, count - 1);
  return "hsl(" + hue + " 65% " + (dark ? 65 : 45) + "%)";
}

function lastIndices(data) {
  const last = data.map((values) => values.findLastIndex((value) => value != null));
  last[0] = data[0].length - 1;
  return last;
}

function restingLegend() {
  const rest = (plot) => plot.setLegend({ idxs: lastIndices(plot.data) }, false);
  return {
    ready: [rest],
    setCursor: [(plot) => {
      if (plot.cursor.left < 0) rest(plot);
    }],
  };
}

function rampLegend(names, place) {
  const legend = document.createElement("div");
  legend.className = "ramp";
  const [first, bar, last, pointed] = ["span", "span", "span", "output"].map((tag) =>
    legend.appendChild(document.createElement(tag))
  );
  first.textContent = names[0];
  last.textContent = names[names.length - 1];
  bar.className = "bar";
  const stops = names.map((_, i) => rampColor(i, names.length));
  bar.style.background = "linear-gradient(to right, " + stops.join(", ") + ")";
  const resting = names.length + " lines; point at one for its name";
  pointed.textContent = resting;
  place.append(legend);
  let line = null;
  const tell = (plot) => {
    const at = line === null || plot.cursor.left < 0 ? null : plot.cursor.idxs[line];
    pointed.textContent = at == null
      ? resting
      : plot.series[line].label + ": " + short(plot.data[line][at]) + " at " + short(plot.data[0][at]);
  };
  const focus = (plot, place) => {
    line = place ?? null;
    tell(plot);
  };
  return { setSeries: [focus], setCursor: [tell] };
}
`;
