/**
 * Layers without a matrix of weights.
 *
 * @module
 */

import { outHeight, outWidth, resolveWindow, type SlidingWindow } from "../core/geometry.ts";
import { activation, type ActivationKind } from "../linalg/activations.ts";
import { batchNorm } from "../linalg/batch_norm.ts";
import { type DenseMatrix, denseMatrix } from "../linalg/dense_matrix.ts";
import { averagePool, type maxPool } from "../linalg/pool.ts";
import { rowNorm, type RowNormKind } from "../linalg/row_norm.ts";
import { channelsOf, sizeOf } from "../nn/example_shape.ts";
import type { ExampleShape } from "../nn/module.ts";
import { expect, type Site, type Stage, type StageMaker, take } from "./stage.ts";

/** The same for every number. */
export function elementwise(kind: ActivationKind): StageMaker {
  return ({ input }) => ({ output: input, run: (x) => activation(kind, x) });
}

/** By running moments. */
export function batchNormStage(site: Site): Stage {
  const channels = channelsOf(site.input);
  const weights = take(site, `${site.name}.weights`, 2, channels);
  const moments = take(site, `${site.name}.runningMoments`, 2, channels);
  const { epsilon } = site.options;
  return { output: site.input, run: (x) => batchNorm(x, moments, weights, epsilon) };
}

/** Every row for itself. */
export function rowNormStage(kind: RowNormKind): StageMaker {
  return (site) => {
    const { epsilon, shift } = site.options;
    const weights = take(site, `${site.name}.weights`, shift ? 2 : 1, channelsOf(site.input));
    return { output: site.input, run: (x) => rowNorm(kind, x, weights, epsilon) };
  };
}

/** Every group of an example's channels for itself. */
export function groupNormStage(site: Site): Stage {
  const { groups, epsilon, shift } = site.options;
  const channels = channelsOf(site.input);
  expect(channels % groups === 0, site, `channels that ${groups} groups divide evenly`);
  const weights = take(site, `${site.name}.weights`, shift ? 2 : 1, channels);
  const [size, own] = [sizeOf(site.input), channels / groups];
  const unit = denseMatrix(1, size / groups, new Float64Array(size / groups).fill(1));
  return {
    output: site.input,
    run(x) {
      // A row for each group of each example.
      const rows = denseMatrix(x.data.length / unit.cols, unit.cols);
      const place = (i: number) => {
        const [example, at] = [Math.floor(i / size), i % size];
        const [row, c] = [Math.floor(at / channels), at % channels];
        return (example * groups + Math.floor(c / own)) * unit.cols + row * own + c % own;
      };
      x.data.forEach((value, i) => rows.data[place(i)] = value);
      const { data } = rowNorm("layer", rows, unit, epsilon);
      const out = x.data.map((_, i) => {
        const c = i % channels;
        return weights.data[c] * data[place(i)] + (shift ? weights.data[channels + c] : 0);
      });
      return { ...x, data: out };
    },
  };
}

/** Windows of images, each of which becomes one number per channel. */
export function pool(pooled: typeof maxPool): StageMaker {
  return (site) => {
    const { kernel, stride = kernel, padding } = site.options;
    const window = windowOf(site, site.input, { kernel, stride, padding });
    const output = [outHeight(window), outWidth(window), window.channels] as const;
    return { output, run: (x) => pooled(x, window) };
  };
}

/** The mean of each channel over an image, or over the positions of a sequence. */
export function meanOfAll(site: Site): Stage {
  const channels = channelsOf(site.input);
  const rows = sizeOf(site.input) / channels;
  const window = windowOf(site, [rows, 1, channels], { kernel: [rows, 1] });
  return { output: [channels], run: (x) => averagePool(x, window) };
}

function windowOf(
  site: Site,
  image: ExampleShape,
  options: Parameters<typeof resolveWindow>[2],
): SlidingWindow {
  expect(image.length === 3, site, "images");
  return resolveWindow(
    `Cannot run '${site.name}'`,
    image as readonly [number, number, number],
    options,
  );
}

/** One row of every example. */
export function flatten({ input }: Site): Stage {
  const size = sizeOf(input);
  return { output: [size], run: ({ data }) => denseMatrix(data.length / size, size, data) };
}

/** The last row of every sequence. */
export function lastPosition({ input }: Site): Stage {
  const [positions, channels] = input as readonly [number, number];
  return {
    output: [channels],
    run({ data }) {
      const size = positions * channels;
      const last = data.filter((_, i) => i % size >= size - channels);
      return denseMatrix(last.length / channels, channels, last);
    },
  };
}

/** Nothing: dropout acts in training only. */
export function identity({ input }: Site): Stage {
  return { output: input, run: (x) => x };
}

/** Layers with a shortcut around them: the identity, or every s-th pixel with zeros for the channels it lacks. */
export function residual(site: Site): Stage {
  const body = site.inner(site.options.body);
  const { input } = site;
  const { output } = body[body.length - 1];
  const same = input.join() === output.join();
  const stride = same
    ? [1, 1] as const
    : [Math.ceil(input[0] / output[0]), Math.ceil(input[1]! / output[1]!)] as const;
  const window = same ? undefined : windowOf(site, input, { kernel: 1, stride });
  const width = channelsOf(input);
  const wider = channelsOf(output);
  return {
    output,
    run(x) {
      const shortcut: DenseMatrix = window === undefined ? x : averagePool(x, window);
      const out = runAll(body, x);
      const data = out.data.map((y, i) => {
        const c = i % wider;
        return c < width ? y + shortcut.data[Math.floor(i / wider) * width + c] : y;
      });
      return { ...out, data };
    },
  };
}

/** One after the other. */
export function runAll(stages: readonly Stage[], x: DenseMatrix): DenseMatrix {
  return stages.reduce((signal, stage) => stage.run(signal), x);
}

/** Branches side by side; one without layers is the input. */
export function concatenate(site: Site): Stage {
  const { branches } = site.options;
  expect(Array.isArray(branches) && branches.every(Array.isArray), site, "lists of layers");
  const stages = (branches as readonly unknown[][]).map((branch) =>
    branch.length === 0 ? [] : site.inner(branch)
  );
  const shapes = stages.map((branch) => branch.at(-1)?.output ?? site.input);
  const places = shapes.map((shape) => shape.slice(0, -1).join());
  expect(new Set(places).size === 1, site, "branches whose outputs differ in their channels only");
  const channels = shapes.reduce((sum, shape) => sum + channelsOf(shape), 0);
  return {
    output: [...shapes[0].slice(0, -1), channels] as unknown as ExampleShape,
    run(x) {
      const parts = stages.map((branch) => runAll(branch, x));
      const out = denseMatrix(parts[0].rows, channels);
      let from = 0;
      for (const { data, cols } of parts) {
        data.forEach((value, i) => {
          out.data[Math.floor(i / cols) * channels + from + i % cols] = value;
        });
        from += cols;
      }
      return out;
    },
  };
}
