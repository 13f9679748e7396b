/**
 * Ranges and ticks of a page's charts, in its script.
 *
 * @module
 */

/**
 * Plain JavaScript. Logarithmic axes reach as far as the data and a little further, not to the next power of ten, and
 * have ticks at 1, 2 and 5 times powers of ten, or evenly spaced ones where the data lie close together.
 */
export const axesScript = `
const wholes = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6];

function scaleOf({ log, fromZero }, pad) {
  if (log) {
    const range = (plot, low, high) => {
      if (low === null || !(low > 0)) return [0.1, 1];
      const room = Math.max(1 + pad, (high / low) ** pad);
      return [low / room, high * room];
    };
    return { distr: 3, time: false, range };
  }
  if (!fromZero) return { time: false };
  return { time: false, range: (plot, low, high) => [0, high > 0 ? high : 1] };
}

function even(low, high, most) {
  const power = 10 ** Math.floor(Math.log10((high - low) / most));
  const step = power * [1, 2, 5, 10].find((factor) => (high - low) / (factor * power) <= most);
  const ticks = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) ticks.push(i * step);
  return ticks;
}

function logTicks(low, high) {
  const decades = Math.log10(high / low);
  if (decades < 0.7) return even(low, high, 6);
  const factors = decades < 1.5 ? [1, 2, 3, 5] : decades < 3 ? [1, 2, 5] : [1];
  const every = Math.ceil(decades / 9);
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) {
    if (power % every !== 0) continue;
    for (const factor of factors) {
      const tick = Number((factor * 10 ** power).toPrecision(1));
      if (tick >= low && tick <= high) ticks.push(tick);
    }
  }
  return ticks;
}

function ticksOf({ log, whole }) {
  if (log) return { splits: (plot, axis, low, high) => logTicks(low, high), filter: (plot, ticks) => ticks };
  return whole ? { incrs: wholes } : {};
}
`;
