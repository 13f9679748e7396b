/**
 * The picture of what the two input factors see: the same inputs, weighed alike or by the gradients that they met.
 *
 * @module
 */

import { Random } from "@tekfac/tekfac/core";
import { denseMatrix, eigh } from "@tekfac/tekfac/linalg";
import { element, inks, label, line, picture } from "../pictures/svg.ts";

/** An input in the plane, and the length of the gradient that it met. */
interface Point {
  readonly x: number;
  readonly y: number;
  readonly g: number;
}

const SIZE = 300;

/** Many inputs along one direction with small gradients, a few along another one with large ones. */
function points(): Point[] {
  const random = new Random(11);
  return Array.from({ length: 260 }, (_, n) => {
    const rare = n < 16;
    const [along, across] = [random.normal() * 1.1, random.normal() * 0.25];
    const angle = rare ? 1.15 : 0.15;
    return {
      x: along * Math.cos(angle) - across * Math.sin(angle),
      y: along * Math.sin(angle) + across * Math.cos(angle),
      g: (rare ? 2.2 : 0.35) * (0.7 + 0.6 * random.uniform()),
    };
  });
}

/** `sum w a a^T / sum w`, as its axes: angle of the first, lengths of both. */
function axes(all: readonly Point[], weight: (point: Point) => number) {
  const total = all.reduce((sum, point) => sum + weight(point), 0);
  const mean = (pick: (point: Point) => number): number =>
    all.reduce((sum, point) => sum + weight(point) * pick(point), 0) / total;
  const xy = mean(({ x, y }) => x * y);
  const { values, vectors } = eigh(
    denseMatrix(2, 2, [mean(({ x }) => x * x), xy, xy, mean(({ y }) => y * y)]),
  );
  const first = values[0] > values[1] ? 0 : 1;
  return {
    angle: Math.atan2(vectors.data[2 + first], vectors.data[first]),
    lengths: [Math.sqrt(values[first]), Math.sqrt(values[1 - first])] as const,
  };
}

/** One half: the points as a factor sees them, and its axes. */
function half(
  left: number,
  title: string,
  all: readonly Point[],
  weight: (point: Point) => number,
): string[] {
  const [cx, cy, unit] = [left + SIZE / 2, 20 + SIZE / 2, 44];
  const weights = all.map(weight);
  const most = { weight: Math.max(...weights), radius: Math.min(...weights) < 0.1 ? 5 : 1.6 };
  const marks = all.map((point) =>
    element("circle", {
      cx: cx + unit * point.x,
      cy: cy - unit * point.y,
      r: 0.8 + most.radius * Math.sqrt(weight(point) / most.weight),
      fill: point.g > 1 ? inks[1] : inks[2],
      "fill-opacity": "0.55",
    })
  );
  const { angle, lengths } = axes(all, weight);
  const axis = (turn: number, length: number): string => {
    const [dx, dy] = [Math.cos(angle + turn), Math.sin(angle + turn)].map((c) =>
      c * length * 2 * unit
    );
    const ends = [[cx - dx, cy + dy], [cx + dx, cy - dy]] as const;
    return line(ends[0], ends[1], { stroke: inks[0], "stroke-width": 2 });
  };
  const ellipse = element("ellipse", {
    ...{ cx, cy, rx: 2 * unit * lengths[0], ry: 2 * unit * lengths[1], fill: "none" },
    ...{ stroke: inks[0], "stroke-width": 2 },
    transform: `rotate(${(-angle * 180 / Math.PI).toFixed(2)} ${cx} ${cy})`,
  });
  return [
    label(left + SIZE / 2, 20, title, { "text-anchor": "middle", "font-weight": "bold" }),
    ...marks,
    ellipse,
    axis(0, lengths[0]),
    axis(Math.PI / 2, lengths[1]),
  ];
}

/** Two halves: A, and Phi. */
export function cloudPicture(): string {
  const all = points();
  const title = "The same inputs as EKFAC's and as TEKFAC's factor sees them";
  return picture({ width: 2 * SIZE + 20, height: SIZE + 30, title }, [
    ...half(0, "A: every input counts alike", all, () => 1),
    ...half(SIZE + 20, "Phi: each as much as its gradient", all, ({ g }) => g * g),
    label(
      SIZE + 10,
      SIZE + 18,
      "orange: 16 of 260 inputs that met a gradient six times as long as the others'",
      { "text-anchor": "middle", "font-size": 12 },
    ),
  ]);
}
