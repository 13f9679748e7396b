/** Blocks of convolutions with groups, against the definitions and the dense Fisher block of the whole layer. */
import assert from "#assert";
import { type Backend, createBackendSync } from "@tekfac/tekfac/backend";
import {
  type ConvGeometry,
  locationsOf,
  type Parameter,
  patchLength,
  patchOrder,
  Random,
} from "@tekfac/tekfac/core";
import {
  type Block,
  DepthwiseBlock,
  EkfacBlock,
  GroupedBlock,
  independent,
  KfacBlock,
  LowRankBlock,
  type PartBlock,
  Refresher,
  TekfacBlock,
  TkfacBlock,
  toDense,
  traceKeeping,
} from "@tekfac/tekfac/curvature";
import { denseMatrix } from "@tekfac/tekfac/linalg";
import { allClose, download, upload } from "@tekfac/tekfac/testing";
import * as oracle from "../oracle/fisher.ts";
import { type Example, examplesOf, type LayerSpec } from "../oracle/layer.ts";
import { fill, type Rows } from "../oracle/dense.ts";

const EXAMPLES = 5;
const base = { height: 4, width: 5, kernel: [2, 3], padding: [1, 1], dilation: [1, 1] } as const;

/** Depthwise, depthwise with two outputs a channel, and with groups of several channels. */
const LAYERS: readonly (readonly [geometry: ConvGeometry, outputs: number])[] = [
  [{ ...base, channels: 3, groups: 3, stride: [2, 1], bias: true }, 3],
  [{ ...base, channels: 2, groups: 2, stride: [1, 2], bias: false }, 4],
  [{ ...base, channels: 4, groups: 2, stride: [2, 2], bias: true }, 6],
];

/** Random numbers of one layer: images and gradients, channels last. */
function dataOf(geometry: ConvGeometry, outputs: number, seed: number) {
  const random = new Random(seed);
  const pixels = EXAMPLES * geometry.height * geometry.width;
  const normals = (rows: number, cols: number) =>
    // Columns of different sizes, so that groups differ and eigenvalues lie apart.
    denseMatrix(
      rows,
      cols,
      Float64Array.from({ length: rows * cols }, (_, i) => {
        return random.normal() * 1.5 ** (i % cols);
      }),
    );
  return {
    images: normals(pixels, geometry.channels),
    g: normals(EXAMPLES * locationsOf(geometry), outputs),
  };
}

/** What the oracle sees of each group; columns of patches in the library's order. */
function groupsOf(geometry: ConvGeometry, { images, g }: ReturnType<typeof dataOf>): Example[][] {
  const { height, width, channels, groups = 1, kernel, stride, padding, dilation, bias } = geometry;
  const inChannels = channels / groups, outChannels = g.cols / groups;
  const layer: LayerSpec = {
    kind: "conv2d",
    inChannels,
    outChannels,
    kernel,
    stride,
    padding,
    dilation,
    bias,
  };
  const planes = (x: typeof images, group: number, count: number, places: number) =>
    Array.from({ length: EXAMPLES * count * places }, (_, i) => {
      const [n, c, p] = [
        Math.floor(i / (count * places)),
        Math.floor(i / places) % count,
        i % places,
      ];
      return x.data[(n * places + p) * x.cols + group * count + c];
    });
  const order = patchOrder(geometry);
  const T = locationsOf(geometry);
  return Array.from({ length: groups }, (_, group) =>
    examplesOf(
      layer,
      {
        shape: [EXAMPLES, inChannels, height, width],
        data: planes(images, group, inChannels, height * width),
      },
      // All that is asked of its shape is the number of locations.
      { shape: [EXAMPLES, outChannels, 1, T], data: planes(g, group, outChannels, T) },
    ).map(({ inputs, gradients }) => ({
      inputs: inputs.map((patch) => {
        const stored = [...patch];
        order.forEach((to, from) => stored[to] = patch[from]);
        return stored;
      }),
      gradients,
    })));
}

/** A matrix with blocks on its diagonal. */
function blockDiagonal(blocks: readonly Rows[]): Rows {
  const size = blocks[0].length;
  return fill(
    size * blocks.length,
    size * blocks.length,
    (i, j) =>
      Math.floor(i / size) === Math.floor(j / size)
        ? blocks[Math.floor(i / size)][i % size][j % size]
        : 0,
  );
}

const MAKERS: Readonly<Record<string, PartBlock>> = {
  kfac: (...of) => new KfacBlock(...of),
  ekfac: (...of) => new EkfacBlock(...of),
  tkfac: (...of) => new TkfacBlock(...of),
  tekfac: (...of) => new TekfacBlock(...of),
};

/** Observes the data once and calls `body` inside the scope. */
function observed(
  backend: Backend,
  [geometry, outputs]: (typeof LAYERS)[number],
  data: ReturnType<typeof dataOf>,
  create: PartBlock,
  damping: Parameters<PartBlock>[2]["damping"],
  body: (block: GroupedBlock) => void,
): void {
  observedBlock(backend, [geometry, outputs], data, body, (parameter) => {
    return new GroupedBlock(backend, parameter, geometry, { damping }, create);
  });
}

/** The same of any block. */
function observedBlock<B extends Block>(
  backend: Backend,
  [geometry, outputs]: (typeof LAYERS)[number],
  data: ReturnType<typeof dataOf>,
  body: (block: B) => void,
  create: (parameter: Parameter) => B,
): void {
  using value = backend.alloc(outputs, patchLength(geometry));
  using gradient = backend.alloc(outputs, patchLength(geometry));
  using images = upload(backend, data.images);
  using outputGradients = upload(backend, data.g);
  const parameter = {
    name: "conv1",
    layer: { kind: "conv2d", geometry },
    value,
    gradient,
  } as const;
  using block = create(parameter);
  const capture = {
    kind: "conv2d",
    examples: EXAMPLES,
    geometry,
    images,
    outputGradients,
  } as const;
  const first = { decay: 0, scale: 1 / EXAMPLES };
  backend.scope(() => {
    block.observeStatistics!(capture, first);
    new Refresher(backend, { kind: "immediate" }, 0).refresh(0, [block]);
    block.observeEigenvalues!(capture, first);
    body(block);
  });
}

function theory(method: oracle.Method, examples: readonly Example[]) {
  const factors = oracle.factorsOf(method, examples);
  const bases = oracle.basesOf(factors);
  return { factors, bases, theta: oracle.thetaOf(method, bases, examples) };
}

LAYERS.forEach((layer, index) => {
  const [geometry] = layer;
  const name = `${geometry.groups} groups of ${geometry.channels} channels, ${layer[1]} outputs`;
  const data = dataOf(...layer, index + 1);
  const groups = groupsOf(geometry, data);
  for (const method of ["kfac", "ekfac", "tkfac", "tekfac"] as const) {
    Deno.test(`GroupedBlock of ${method} has one pair of factors per group: ${name}`, () => {
      using backend = createBackendSync({ prefer: ["reference"] });
      const damping = { kind: "absolute", lambda: 0.1 } as const;
      observed(backend, layer, data, MAKERS[method], damping, (block) => {
        const expected = groups.map((examples) => {
          const { factors, bases, theta } = theory(method, examples);
          return {
            dense: oracle.approximation(method, factors, bases, theta),
            damped: oracle.damped(method, factors, bases, theta, 0.1),
          };
        });
        const dense = blockDiagonal(expected.map(({ dense }) => dense));
        const scale = Math.max(...dense.flat().map(Math.abs));
        const absolute = 64 * dense.length * 2 ** -53 * scale;
        allClose(download(backend, toDense(backend, block)).data, dense.flat(), { absolute });

        // The step solves the damped block's equation.
        const { rows, cols } = block.parameter.value;
        const source = backend.scratch(rows, cols), step = backend.scratch(rows, cols);
        const random = new Random(9);
        backend.write(source, Float64Array.from({ length: rows * cols }, () => random.normal()));
        block.precondition(step, source, 0);
        const u = backend.readSync(step);
        const back = blockDiagonal(expected.map(({ damped }) => damped)).map((row) =>
          row.reduce((sum, x, i) => sum + x * u[i], 0)
        );
        const largest = Math.max(...Array.from(u, Math.abs));
        allClose(back, backend.readSync(source), { absolute: absolute * largest });
      });
      assert.equal(backend.memory().handles, 0);
    });
  }

  Deno.test(`GroupedBlock's relative damping is a share of the mean of all groups' eigenvalues: ${name}`, () => {
    using backend = createBackendSync({ prefer: ["reference"] });
    for (const method of ["kfac", "ekfac", "tkfac", "tekfac"] as const) {
      const damping = { kind: "relative", tau: 0.5, floor: 1e-16, noiseEdge: false } as const;
      observed(backend, layer, data, MAKERS[method], damping, (block) => {
        const means = groups.map((examples) => {
          const { factors, theta } = theory(method, examples);
          return oracle.meanEigenvalue(method, factors, theta);
        });
        const mean = means.reduce((sum, m) => sum + m, 0) / means.length;
        const lambda = block.lambda(0);
        if (typeof lambda === "number") throw new Error("relative damping is measured");
        allClose(backend.readSync(lambda), [0.5 * mean], { relative: 1e-12, label: method });
        assert.equal(block.damping.current, lambda);
      });
    }
  });

  Deno.test(`GroupedBlock of ekfac and tekfac keeps the trace of the whole layer's Fisher: ${name}`, () => {
    using backend = createBackendSync({ prefer: ["reference"] });
    // The gradient of the whole layer holds those of the groups one below the other.
    const squares = groups.flat().map((example) => oracle.fisher([example], "together"));
    const expected = squares.reduce((sum, f) => sum + f.reduce((s, row, i) => s + row[i], 0), 0) /
      EXAMPLES;
    for (const method of ["ekfac", "tekfac"] as const) {
      for (const rank of ["full", 2] as const) {
        const statistic = method === "ekfac" ? independent : traceKeeping;
        const create: PartBlock = rank === "full"
          ? MAKERS[method]
          : (backend, part, options) =>
            new LowRankBlock(backend, part, { ...options, method, statistic, rank });
        const damping = { kind: "absolute", lambda: 1 } as const;
        observed(backend, layer, data, create, damping, (block) => {
          const spectrum = Float64Array.from(backend.readSync(block.spectrum()));
          const trace = spectrum.reduce((sum, value) => sum + value, 0);
          allClose([trace, backend.readSync(block.trace()[0])[0]], [expected, expected], {
            relative: rank === "full" ? 1e-12 : 1e-9,
          });
          assert.equal(block.parts.length, geometry.groups);
        });
      }
    }
  });
});

Deno.test("DepthwiseBlock is GroupedBlock for all channels at once, where directions are undecided too", () => {
  using backend = createBackendSync({ prefer: ["reference"] });
  // More numbers in a patch than locations in all, and a channel without data.
  const geometry: ConvGeometry = {
    ...base,
    kernel: [3, 3],
    padding: [0, 0],
    channels: 4,
    groups: 4,
    stride: [1, 2],
    bias: true,
  };
  const layer = [geometry, 4] as const;
  const [few, usual] = [dataOf(geometry, 4, 3), dataOf(LAYERS[0][0], 3, 1)];
  few.g.data.forEach((_, i) => few.g.data[i] *= i % 4 === 2 ? 0 : 1);
  const damping = { kind: "relative", tau: 0.3, floor: 1e-16, noiseEdge: false } as const;
  for (const [of, data] of [[layer, few], [LAYERS[0], usual]] as const) {
    for (const method of ["ekfac", "tekfac"] as const) {
      const results: Float64Array[] = [];
      const steps = (block: Block) => {
        const { rows, cols } = block.parameter.value;
        const [source, out] = [backend.scratch(rows, cols), backend.scratch(rows, cols)];
        backend.write(source, Float64Array.from({ length: rows * cols }, (_, i) => Math.cos(i)));
        // A second refresh, of a basis in force.
        new Refresher(backend, { kind: "immediate" }, 0).refresh(1, [block]);
        block.precondition(out, source, 1);
        const dense = download(backend, toDense(backend, block)).data;
        results.push(Float64Array.of(...backend.readSync(out), ...dense));
      };
      observed(backend, of, data, MAKERS[method], damping, steps);
      const create = (parameter: Parameter) =>
        new DepthwiseBlock(backend, parameter, { method, damping });
      observedBlock(backend, of, data, steps, create);
      const largest = results[0].reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      allClose(results[1], results[0], { absolute: 1e-9 * largest, label: method });
    }
  }
  assert.equal(backend.memory().handles, 0);
});
