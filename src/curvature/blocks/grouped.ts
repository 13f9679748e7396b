/**
 * The block of a convolution with groups: one block for each.
 *
 * @module
 */

import type { Backend, EighJob, Scalar } from "../../backend/backend.ts";
import type { ConvCapture } from "../../core/capture.ts";
import { add, formula, mul } from "../../core/formula.ts";
import { type ConvGeometry, groupGeometry } from "../../core/geometry.ts";
import { groupCapture, rowsOfGroup } from "../../core/groups.ts";
import { markAll } from "../../core/marks.ts";
import type { Matrix } from "../../core/matrix.ts";
import type { Parameter } from "../../core/parameter.ts";
import { factorSizes } from "../factor_sizes.ts";
import { jointRenewal } from "../joint_renewal.ts";
import { LayerDamping, type Trace } from "../layer_damping.ts";
import type { Observation } from "../moving_average.ts";
import type { InverseJob } from "../refresh_job.ts";
import type { Renewal } from "../renewal.ts";
import { Stacks } from "../stacks.ts";
import {
  type Block,
  type BlockMethod,
  type BlockOptions,
  type BlockPower,
  Owner,
  type PartBlock,
} from "./block.ts";

/**
 * `F = diag(F_1, ..., F_G)`: weights of different groups share no input and no output, and what couples groups is
 * dropped as what couples layers is. Every `F_i` is the approximation of a convolution of its own, with its own pair
 * of factors, never averaged over groups; of a depthwise one they are [k^2 + 1, k^2 + 1] and [1, 1]. Lambda is the
 * layer's: relative damping is a share of the mean of the eigenvalues of all groups (docs/MATH.md, section 2.12).
 *
 * @example Two channels of their own: each is divided by its own curvature
 * ```ts
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { GroupedBlock, Refresher, TekfacBlock } from "@tekfac/tekfac/curvature";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { conv2d, sequential } from "@tekfac/tekfac/nn";
 * import { allClose, upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * const layers = [conv2d(2, { kernel: 1, groups: 2, bias: false })];
 * using model = sequential(backend, { input: [1, 1, 2], layers, seed: 1 });
 * const [parameter] = model.parameters;
 * const { layer } = parameter;
 * if (layer.kind !== "conv2d") throw new Error("not a convolution");
 * using images = upload(backend, denseMatrix(1, 2, [2, 3]));
 * using outputGradients = upload(backend, denseMatrix(1, 2, [1, 1]));
 * const { geometry } = layer;
 * const capture = { kind: "conv2d", examples: 1, geometry, images, outputGradients } as const;
 *
 * const options = { damping: { kind: "absolute", lambda: 1 } } as const;
 * using block = new GroupedBlock(backend, parameter, geometry, options, (...of) => new TekfacBlock(...of));
 * const first = { decay: 0, scale: 1 };
 * backend.scope(() => {
 *   block.observeStatistics(capture, first);
 *   new Refresher(backend, { kind: "immediate" }, 0).refresh(0, [block]);
 *   block.observeEigenvalues(capture, first);
 *   const step = backend.scratch(2, 1);
 *   backend.write(parameter.gradient, [1, 1]);
 *   block.precondition(step, parameter.gradient, 0);
 *   allClose(backend.readSync(step), [1 / (4 + 1), 1 / (9 + 1)], { relative: 1e-12 });
 * });
 * ```
 */
export class GroupedBlock extends Owner implements Block {
  readonly method: BlockMethod;
  readonly eigenvaluesFrom: NonNullable<Block["eigenvaluesFrom"]>;
  readonly parameter: Parameter;
  /** The groups' own blocks. */
  readonly parts: readonly Block[];
  readonly damping: LayerDamping;
  readonly #backend: Backend;
  readonly #stacks: Stacks;
  readonly #trace: Matrix;
  /** Whether the trace is that of the parts as they are. */
  #traced = false;
  /** The lambda that the parts share. */
  #lambda: Scalar = 0;
  #status: Matrix | undefined;

  /** Allocates the blocks of all groups. The caller disposes it. */
  constructor(
    backend: Backend,
    parameter: Parameter,
    geometry: ConvGeometry,
    options: BlockOptions,
    create: PartBlock,
  ) {
    super();
    const { groups = 1 } = geometry;
    this.#backend = backend;
    this.parameter = parameter;
    try {
      this.#stacks = this.own(new Stacks(backend, groups));
      this.damping = this.own(new LayerDamping(backend, parameter.layer, options));
      this.#trace = this.alloc(backend, 1, 1);
      const context = { ...options, shared: () => this.#lambda };
      this.parts = Array.from({ length: groups }, (_, group) => {
        const part = partOf(parameter, geometry, group);
        return this.own(create(this.#stacks.part(group), part, context));
      });
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
    const [first] = this.parts;
    this.method = first.method;
    this.eigenvaluesFrom = first.eigenvaluesFrom ?? "captures";
  }

  get factorSizes(): string {
    return `${this.parts.length} x (${factorSizes(this.parts[0])})`;
  }

  /** Matrices of all groups, one below the other. */
  get state(): Readonly<Record<string, Matrix>> {
    return this.#whole(this.parts[0].state);
  }

  get solved(): boolean {
    return this.parts.every(({ solved }) => solved);
  }

  get sums(): Block["sums"] {
    const sums = this.parts.map((part) => part.sums);
    return {
      statistics: sums.flatMap(({ statistics }) => statistics),
      eigenvalues: sums.flatMap(({ eigenvalues }) => eigenvalues),
    };
  }

  observeStatistics(capture: ConvCapture, observation: Observation): void {
    this.#traced = false;
    this.#forEach((part, group) => {
      part.observeStatistics?.(groupCapture(capture, group), observation);
    });
  }

  findBasis(examples: number): boolean {
    let found = false;
    this.#forEach((part) => {
      if (part.findBasis?.(examples)) found = true;
    });
    return found;
  }

  observeEigenvalues(capture: ConvCapture, observation: Observation): void {
    this.#traced = false;
    this.#forEach((part, group) => {
      part.observeEigenvalues?.(groupCapture(capture, group), observation);
    });
  }

  observeMeanGradient(gradient: Matrix, examples: number, observation: Observation): void {
    this.#traced = false;
    this.#forEach((part, group) => {
      part.observeMeanGradient?.(this.#rows(gradient, group), examples, observation);
    });
  }

  beginRefresh(staleness: number, lasting: boolean): readonly EighJob[] {
    return this.parts.flatMap((part) => part.beginRefresh?.(staleness, lasting) ?? []);
  }

  beginInverses(step: number): readonly InverseJob[] {
    // What splits lambda over factors needs it now.
    this.#lambda = this.lambda(step);
    return this.parts.flatMap((part) => part.beginInverses?.(step) ?? []);
  }

  finishRefresh(step: number): Renewal | undefined {
    const renewals: Renewal[] = [];
    this.#forEach((part) => {
      const renewal = part.finishRefresh?.(step);
      if (renewal !== undefined) renewals.push(renewal);
    });
    this.#traced = false;
    if (renewals.length === 0) return undefined;
    this.#status ??= this.alloc(this.#backend, 1, renewals[0].status.cols);
    return jointRenewal(this.#backend, this.#status, renewals);
  }

  lambda(step: number): Scalar {
    const { rows, cols } = this.parameter.value;
    return this.damping.at(step, () => this.trace(), rows * cols);
  }

  trace(): Trace {
    if (!this.#traced) {
      const total = this.#trace;
      this.#forEach((part, group) => {
        const [first, second = 1] = part.trace!();
        const numbers = { before: group === 0 ? 0 : total, first, second };
        this.#backend.evaluate(sumOfProducts, numbers, { total });
      });
    }
    this.#traced = true;
    return [this.#trace];
  }

  precondition(out: Matrix, source: Matrix, step: number): void {
    this.#lambda = this.lambda(step);
    this.#forEach((part, group) => {
      part.precondition(this.#rows(out, group), this.#rows(source, group), step);
    });
  }

  multiply(out: Matrix, x: Matrix): void {
    this.#forEach((part, group) => part.multiply(this.#rows(out, group), this.#rows(x, group)));
  }

  power(out: Matrix, x: Matrix, power: BlockPower): void {
    this.#forEach((part, group) => part.power(this.#rows(out, group), this.#rows(x, group), power));
  }

  spectrum(): Matrix {
    const { rows, cols } = this.parameter.value;
    const out = this.#backend.scratch(rows, cols);
    this.#forEach((part, group) => {
      this.#backend.axpby(this.#rows(out, group), 1, part.spectrum(), 0);
    });
    return out;
  }

  mark(): () => void {
    const [traced, lambda] = [this.#traced, this.#lambda];
    const goBack = markAll([...this.parts, this.damping]);
    return () => {
      [this.#traced, this.#lambda] = [traced, lambda];
      goBack();
    };
  }

  get measured(): boolean {
    return this.parts.every(({ measured = false }) => measured);
  }

  underway(): Readonly<Record<string, Matrix>> {
    // Each makes room for itself.
    const [first] = this.parts.map((part) => part.underway?.() ?? {});
    return this.#whole(first);
  }

  resumeRefresh(): void {
    this.parts.forEach((part) => part.resumeRefresh?.());
  }

  restored(was: Pick<Block, "solved" | "measured">): void {
    this.#traced = false;
    this.parts.forEach((part) => part.restored?.(was));
  }

  #forEach(body: (part: Block, group: number) => void): void {
    this.parts.forEach((part, group) => this.#backend.scope(() => body(part, group)));
  }

  #rows(m: Matrix, group: number): Matrix {
    return rowsOfGroup(m, this.parts.length, group);
  }

  #whole(matrices: Readonly<Record<string, Matrix>>): Readonly<Record<string, Matrix>> {
    const entries = Object.entries(matrices);
    return Object.fromEntries(entries.map(([name, matrix]) => [name, this.#stacks.whole(matrix)]));
  }
}

/** A group's rows of a parameter, as the parameter of a convolution of its own. */
function partOf(parameter: Parameter, geometry: ConvGeometry, group: number): Parameter {
  const { groups = 1 } = geometry;
  return {
    name: parameter.name,
    layer: { kind: "conv2d", geometry: groupGeometry(geometry) },
    value: rowsOfGroup(parameter.value, groups, group),
    gradient: rowsOfGroup(parameter.gradient, groups, group),
    get trainable() {
      return parameter.trainable ?? true;
    },
  };
}

const sumOfProducts = formula(
  { before: "number", first: "number", second: "number" },
  ({ before, first, second }) => ({ total: add(before, mul(first, second)) }),
);
