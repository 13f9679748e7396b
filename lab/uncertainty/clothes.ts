/**
 * Drawn clothes: outlines of six kinds with textures, in the manner of Fashion-MNIST (arXiv 1708.07747), which are
 * photographs. Images of another kind for models that have seen digits; they take nothing but a seed.
 *
 * @module
 */

import { Random } from "@tekfac/tekfac/core";
import { createDataset, type ImageDataset } from "@tekfac/tekfac/data";

type Outline = readonly (readonly [x: number, y: number])[];

/** Corners in a square of side 1, y downwards. */
const OUTLINES: Readonly<Record<string, Outline>> = {
  shirt: [
    ...[[0.3, 0.15], [0.42, 0.12], [0.5, 0.18], [0.58, 0.12], [0.7, 0.15], [0.92, 0.4]] as const,
    ...[[0.8, 0.5], [0.7, 0.38], [0.7, 0.9], [0.3, 0.9], [0.3, 0.38], [0.2, 0.5]] as const,
    [0.08, 0.4],
  ],
  trousers: [
    ...[[0.32, 0.08], [0.68, 0.08], [0.74, 0.95], [0.56, 0.95], [0.5, 0.35]] as const,
    ...[[0.44, 0.95], [0.26, 0.95]] as const,
  ],
  dress: [[0.4, 0.06], [0.6, 0.06], [0.62, 0.35], [0.8, 0.95], [0.2, 0.95], [0.38, 0.35]],
  bag: [
    ...[[0.15, 0.42], [0.3, 0.42], [0.34, 0.18], [0.66, 0.18], [0.7, 0.42], [0.62, 0.42]] as const,
    ...[[0.6, 0.26], [0.4, 0.26], [0.38, 0.42], [0.85, 0.42], [0.9, 0.9], [0.1, 0.9]] as const,
  ],
  shoe: [
    ...[[0.05, 0.55], [0.3, 0.5], [0.42, 0.62], [0.75, 0.68], [0.95, 0.75], [0.95, 0.85]] as const,
    [0.05, 0.85],
  ],
  boot: [[0.25, 0.1], [0.55, 0.1], [0.56, 0.6], [0.85, 0.68], [0.92, 0.85], [0.25, 0.88]],
};

const SIDE = 28;

/** Points of a pixel that are looked at, in each direction. */
const POINTS = 3;

/** A darkness of 0 to 1 at each point of the square. */
type Texture = (x: number, y: number) => number;

/** `count` images [28, 28, 1], the six kinds in turn; the same for equal seeds. */
export function drawnClothes(
  { count, seed }: { readonly count: number; readonly seed: number },
): ImageDataset {
  const random = new Random(seed);
  const outlines = Object.values(OUTLINES);
  const images = new Float32Array(count * SIDE * SIDE);
  for (let n = 0; n < count; n++) {
    const outline = moved(outlines[n % outlines.length], random);
    const texture = textureOf(random);
    for (let i = 0; i < SIDE * SIDE; i++) {
      let sum = 0;
      for (let p = 0; p < POINTS ** 2; p++) {
        const x = (i % SIDE + (p % POINTS + 0.5) / POINTS) / SIDE;
        const y = (Math.floor(i / SIDE) + (Math.floor(p / POINTS) + 0.5) / POINTS) / SIDE;
        if (isInside(outline, x, y)) sum += texture(x, y);
      }
      const grain = sum > 0 ? 0.04 * random.normal() : 0;
      images[n * SIDE * SIDE + i] = Math.min(1, Math.max(0, sum / POINTS ** 2 + grain));
    }
  }
  return createDataset({
    images,
    labels: Uint8Array.from({ length: count }, (_, n) => n % outlines.length),
    classes: outlines.length,
    shape: [SIDE, SIDE, 1],
    source: "drawn clothes",
  });
}

const between = (random: Random, low: number, high: number): number =>
  low + (high - low) * random.uniform();

/** Stretched, turned by up to a tenth, its corners shifted a little, and mirrored every other time. */
function moved(outline: Outline, random: Random): Outline {
  const [width, height] = [between(random, 0.75, 1.1), between(random, 0.8, 1.05)];
  const angle = between(random, -0.1, 0.1);
  const mirror = random.uniform() < 0.5 ? -1 : 1;
  return outline.map(([x, y]) => {
    const dx = mirror * width * (x - 0.5) + 0.015 * random.normal();
    const dy = height * (y - 0.5) + 0.015 * random.normal();
    return [
      0.5 + dx * Math.cos(angle) - dy * Math.sin(angle),
      0.5 + dx * Math.sin(angle) + dy * Math.cos(angle),
    ];
  });
}

/** Plain, striped or chequered cloth, darker towards one side. */
function textureOf(random: Random): Texture {
  const base = between(random, 0.35, 0.9);
  const kind = random.integer(3);
  const depth = between(random, 0.15, 0.5);
  const frequency = 2 * Math.PI * between(random, 3, 9);
  const [angle, phase] = [between(random, 0, Math.PI), between(random, 0, 2 * Math.PI)];
  const shade = between(random, -0.3, 0.3);
  const wave = (t: number): number => Math.sign(Math.sin(frequency * t + phase));
  return (x, y) => {
    const along = x * Math.cos(angle) + y * Math.sin(angle);
    const across = y * Math.cos(angle) - x * Math.sin(angle);
    const pattern = kind === 0 ? 0 : kind === 1 ? wave(along) : wave(along) * wave(across);
    return base * (1 + depth * pattern + shade * (x - 0.5));
  };
}

/** Whether a ray to the right crosses the outline an odd number of times. */
function isInside(outline: Outline, x: number, y: number): boolean {
  let inside = false;
  outline.forEach(([x1, y1], i) => {
    const [x2, y2] = outline[(i + 1) % outline.length];
    if ((y1 > y) !== (y2 > y) && x < x1 + (y - y1) / (y2 - y1) * (x2 - x1)) inside = !inside;
  });
  return inside;
}
