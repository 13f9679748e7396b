/**
 * Network cases: losses, gradients, statistics and updates of all layers of a whole network.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import { DataError, type Matrix, type Parameter } from "@tekfac/tekfac/core";
import {
  type Block,
  CurvatureEstimator,
  DepthwiseBlock,
  DiagonalBlock,
  EkfacBlock,
  EmbeddingBlock,
  GroupedBlock,
  type PartBlock,
  ScaleShiftBlock,
  TekfacBlock,
} from "@tekfac/tekfac/curvature";
import {
  type ExampleShape,
  type ModelObjective,
  objective,
  sequential,
  softmaxCrossEntropy,
  squaredError,
  toStoredOrder,
} from "@tekfac/tekfac/nn";
import type { Checks } from "./checks.ts";
import type { Fields } from "./fields.ts";
import { channelsLast, channelsLastData } from "./channels_first.ts";
import { publicFactor } from "./layout.ts";
import { hasConvolutions, layerOf } from "./network_layers.ts";
import { download } from "./observed_layer.ts";

/** Below this relative gap of eigenvalues, float32 tells eigenvectors apart with less certainty. */
const CERTAIN_GAP = 1e-4;

/**
 * How much more a network is allowed than a layer in float32: two roundings of each weight move the exact numbers
 * of a two-block transformer by up to 4.5 times what a layer's are allowed, in the gradients of its first layers.
 */
const DEPTH = 8;

/** Losses and gradients in float64 keep another digit. */
const SHARP = 0.1;

/** Stands for an interval that never ends. */
const NEVER = Number.MAX_SAFE_INTEGER;

const LOSSES = { softmaxCrossEntropy, halfSquaredError: squaredError };

/** Compares the library's network with a golden one. */
export async function checkNetwork(
  backend: Backend,
  golden: Fields,
  checks: Checks,
): Promise<void> {
  const inputs = golden.tensors("inputs");
  const loss = golden.text("loss");
  if (!(loss in LOSSES)) {
    throw new DataError("loss", `expected ${Object.keys(LOSSES).join(" or ")}, received '${loss}'`);
  }
  const layerFields = golden.groups("layers");
  const channelsFirst = hasConvolutions(layerFields);
  const { shape } = inputs[0];
  const model = sequential(backend, {
    input: channelsFirst ? channelsLast(shape) : shape as unknown as ExampleShape,
    layers: layerFields.map((layer) => layerOf(layer, channelsFirst)),
  });
  const problem = objective(model, LOSSES[loss as keyof typeof LOSSES]());
  const parameters = golden.groups("parameters");
  const layers = parameters.map((fields) => new NetworkLayer(problem, fields, checks));
  const estimator = new CurvatureEstimator(backend, layers.flatMap(({ blocks }) => blocks), {
    plan: {
      intervals: { statistics: NEVER, basis: NEVER, eigenvalues: NEVER },
      denseStart: false,
      staggered: false,
    },
    averaging: "seeded",
    factorDecay: 0,
    eigenvalueDecay: 0,
    staleness: 0,
    refresh: { kind: "immediate" },
    toleratedFailures: 0,
  });
  try {
    // Everything is asked for inside the scope, before the first answer is waited for.
    const reads = backend.scope(() => {
      const examples = inputs.length;
      const batch = {
        inputs: inputs.flatMap((x) => [...channelsFirst ? channelsLastData(x) : x.data]),
        targets: golden.tensors("targets").flatMap(({ data }) => [...data]),
      };
      const losses = problem.differentiate(batch, { decay: 0, scale: 1 / examples });
      estimator.update(0, {
        examples,
        gradientExamples: examples,
        forEachCapture: (visit) => visit((parameter) => problem.capture(parameter)),
      });
      return [
        compareLosses(backend, losses, golden, checks),
        ...layers.flatMap((layer) => layer.compare()),
      ];
    });
    await Promise.all(reads);
  } finally {
    estimator[Symbol.dispose]();
    model[Symbol.dispose]();
  }
}

async function compareLosses(
  backend: Backend,
  losses: Matrix,
  golden: Fields,
  checks: Checks,
): Promise<void> {
  const actual = await backend.read(losses);
  const options = { slack: isDouble(backend) ? SHARP : DEPTH };
  const expected = golden.numbers("perExampleLoss");
  checks.compare("statistics", "perExampleLoss", actual, expected, options);
  const mean = Float64Array.from(actual).reduce((sum, value) => sum + value, 0) / actual.length;
  checks.compare("statistics", "loss_value", [mean], [golden.number("loss_value")], options);
}

/** One parameter with the blocks that a case speaks of; each update has a step, whose damping is the update's. */
class NetworkLayer {
  readonly blocks: readonly Block[];
  readonly #backend: Backend;
  readonly #parameter: Parameter;
  readonly #golden: Fields;
  readonly #checks: Checks;

  constructor({ backend, parameters }: ModelObjective, golden: Fields, checks: Checks) {
    // Convolutions of images have the shorter name here.
    const name = golden.text("name").replace(/^conv2d/, "conv");
    const parameter = parameters.find((parameter) => parameter.name === name);
    if (parameter === undefined) {
      const present = parameters.map(({ name }) => name).join(", ");
      throw new DataError("parameters", `there is no parameter '${name}' among ${present}`);
    }
    this.#backend = backend;
    this.#parameter = parameter;
    this.#golden = golden;
    this.#checks = checks;
    backend.write(parameter.value, this.#stored(golden.tensor("value", 2).data));
    const lambdas = golden.groups("updates").map((update) => update.number("lam"));
    const damping = { kind: "absolute" as const, lambda: (step: number) => lambdas[step] ?? 1 };
    this.blocks = blocksOf(backend, parameter, damping);
  }

  /** Asks for all numbers; compares them when they come. */
  compare(): Promise<void>[] {
    const { name, gradient } = this.#parameter;
    const slack = isDouble(this.#backend) ? SHARP : DEPTH;
    return [
      this.#read(
        "statistics",
        `gradient of ${name}`,
        gradient,
        this.#golden.tensor("gradient", 2).data,
        slack,
      ),
      ...this.blocks.flatMap((block) => this.#statistics(block)),
      ...this.#golden.groups("updates").flatMap((update, step) => this.#updates(update, step)),
    ];
  }

  #statistics(block: Block): Promise<void>[] {
    const slack = isDouble(this.#backend) ? 1 : DEPTH;
    const what = (quantity: string) => `${quantity} of ${this.#parameter.name}, ${block.method}`;
    if (block instanceof ScaleShiftBlock) {
      const expected = this.#golden.tensor("fisherBlocks", 3).data;
      return [
        this.#backend.read(block.moments).then((moments) => {
          const blocks = fisherBlocks(moments);
          this.#checks.compare("statistics", what("fisherBlocks"), blocks, expected, { slack });
        }),
      ];
    }
    if (block instanceof DiagonalBlock) {
      const expected = this.#golden.tensor("fisherBlocks", 3).data;
      return [this.#read("statistics", what("fisherBlocks"), block.eigenvalues, expected, slack)];
    }
    const groups = this.#golden.group("statistics").groups(block.method);
    if (block instanceof DepthwiseBlock) return this.#channels(block, groups);
    const parts = block instanceof GroupedBlock ? block.parts : [block];
    if (groups.length !== parts.length) {
      const expected = `as many groups as ${this.#parameter.name} has, ${parts.length}`;
      throw new DataError("statistics", `expected ${expected}: received ${groups.length}`);
    }
    return parts.flatMap((part, group) => {
      return this.#group(part, groups[group], parts.length > 1 ? `, group ${group + 1}` : "");
    });
  }

  /** The input factors and eigenvalues of all channels together. */
  #channels(block: DepthwiseBlock, groups: readonly Fields[]): Promise<void>[] {
    const slack = isDouble(this.#backend) ? 1 : DEPTH;
    const what = `of ${this.#parameter.name}, ${block.method}, all channels`;
    const all = (name: string) => groups.flatMap((group) => [...group.tensor(name).data]);
    return [
      this.#backend.read(block.inputFactor).then((values) => {
        const expected = all("inputFactor");
        this.#checks.compare("statistics", `inputFactor ${what}`, values, expected, { slack });
      }),
      this.#backend.read(block.eigenvalues).then((values) => {
        const size = values.length / groups.length;
        const sorted = groups.flatMap((_, i) => [
          ...Float64Array.from(values.slice(i * size, (i + 1) * size)).sort(),
        ]);
        const expected = all("thetaSorted");
        this.#checks.compare("spectrum", `thetaSorted ${what}`, sorted, expected, { slack });
      }),
    ];
  }

  /** One pair of factors and its eigenvalues. */
  #group(block: Block, golden: Fields, place: string): Promise<void>[] {
    const { layer, name } = this.#parameter;
    const slack = isDouble(this.#backend) ? 1 : DEPTH;
    const what = (quantity: string) => `${quantity} of ${name}, ${block.method}${place}`;
    const { inputFactor, outputFactor, theta } = partsOf(block);
    const spectrum = this.#backend.read(theta).then((values) => {
      const sorted = Float64Array.from(values).sort();
      const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
      const expected = golden.tensor("thetaSorted").data;
      const expectedMean = [golden.number("thetaMean")];
      this.#checks.compare("spectrum", what("thetaSorted"), sorted, expected, { slack });
      this.#checks.compare("spectrum", what("thetaMean"), [mean], expectedMean, { slack });
    });
    const factor = (name: string, values: ArrayLike<number>) =>
      this.#checks.compare("statistics", what(name), values, golden.tensor(name).data, { slack });
    return [
      download(this.#backend, inputFactor).then((matrix) => {
        factor("inputFactor", publicFactor(layer, matrix).data);
      }),
      this.#backend.read(outputFactor).then((values) => factor("outputFactor", values)),
      spectrum,
    ];
  }

  #updates(update: Fields, step: number): Promise<void>[] {
    const method = update.text("method");
    const { name } = this.#parameter;
    const blocks = this.blocks.filter((block) =>
      block.method === method || (block instanceof DiagonalBlock && method === "scaleShift")
    );
    if (blocks.length === 0) {
      const present = this.blocks.map(({ method }) => method).join(" or ");
      throw new DataError(
        "updates",
        `'method' of ${name} must be ${present}: received '${method}'`,
      );
    }
    return blocks.map((block) => this.#update(block, update, step));
  }

  #update(block: Block, update: Fields, step: number): Promise<void> {
    const { method } = block;
    const lambda = update.number("lam");
    const { name, gradient } = this.#parameter;
    const out = this.#backend.scratch(gradient.rows, gradient.cols);
    block.precondition(out, gradient, step);
    const gaps = this.#golden.has("minRelativeEigGap")
      ? this.#golden.group("minRelativeEigGap").numberOr(method, 1)
      : 1;
    const uncertain = Math.min(100, Math.max(1, CERTAIN_GAP / gaps));
    const slack = isDouble(this.#backend) ? 1 : Math.max(1, 1e-2 / lambda) * uncertain;
    const what = `update of ${name}, ${method} at lambda ${Number(lambda.toPrecision(3))}`;
    return this.#read("update", what, out, update.tensor("update", 2).data, slack);
  }

  async #read(
    quantity: "statistics" | "update",
    what: string,
    matrix: Matrix,
    expected: Float64Array,
    slack = 1,
  ): Promise<void> {
    const actual = await this.#backend.read(matrix);
    this.#checks.compare(quantity, what, actual, this.#stored(expected), { slack });
  }

  /** Tables lie the other way round in golden files, a column per token; patches of convolutions in another order. */
  #stored(data: Float64Array): Float64Array {
    const { layer, value: { rows, cols } } = this.#parameter;
    if (layer.kind !== "embedding") return toStoredOrder(layer, data);
    return data.map((_, i) => data[i % cols * rows + Math.floor(i / cols)]);
  }
}

function isDouble({ info }: Backend): boolean {
  return info.roundoff < 1e-12;
}

function blocksOf(
  backend: Backend,
  parameter: Parameter,
  damping: { readonly kind: "absolute"; readonly lambda: (step: number) => number },
): readonly Block[] {
  const { kind } = parameter.layer;
  if (kind === "scaleShift") {
    // Scales alone are blocks of one number each.
    const Kind = parameter.value.rows === 2 ? ScaleShiftBlock : DiagonalBlock;
    return [new Kind(backend, parameter, { damping })];
  }
  if (kind === "embedding") {
    return (["ekfac", "tekfac"] as const).map((method) =>
      new EmbeddingBlock(backend, parameter, { method, damping })
    );
  }
  const plain: PartBlock[] = [
    (...of) => new EkfacBlock(...of),
    (...of) => new TekfacBlock(...of),
  ];
  const { layer } = parameter;
  const groups = layer.kind === "conv2d" ? layer.geometry.groups ?? 1 : 1;
  if (layer.kind !== "conv2d" || groups === 1) {
    return plain.map((create) => create(backend, parameter, { damping }));
  }
  const depthwise = groups === layer.geometry.channels && groups === parameter.value.rows;
  return [
    ...plain.map((create) => {
      return new GroupedBlock(backend, parameter, layer.geometry, { damping }, create);
    }),
    ...(["ekfac", "tekfac"] as const).filter(() => depthwise).map((method) => {
      return new DepthwiseBlock(backend, parameter, { method, damping });
    }),
  ];
}

function partsOf(block: Block): { inputFactor: Matrix; outputFactor: Matrix; theta: Matrix } {
  const { inputFactor, outputFactor, eigenvalues, moments } = block.state;
  return { inputFactor, outputFactor, theta: eigenvalues ?? moments };
}

/** `[C, 2, 2]` from the second moments of s, t and s + t, [3, C]. */
function fisherBlocks(moments: ArrayLike<number>): number[] {
  const channels = moments.length / 3;
  return Array.from({ length: channels }, (_, c) => {
    const [ss, tt, both] = [0, 1, 2].map((i) => moments[i * channels + c]);
    const st = (both - ss - tt) / 2;
    return [ss, st, st, tt];
  }).flat();
}
