/**
 * The fitted curvature of a model.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { OptionError, StateError } from "../core/errors.ts";
import { columnsOf, type Matrix, rowsOf } from "../core/matrix.ts";
import type { Random } from "../core/random.ts";
import type { Block } from "../curvature/blocks/block.ts";
import type { Objective } from "../optim/objective.ts";
import type { CurvatureSettings } from "./curvature_options.ts";
import type { InverseDamping } from "./damping.ts";
import { checkFingerprint, type Fingerprint, fingerprintOf } from "./fingerprint.ts";
import { LayerCurvature } from "./layer_curvature.ts";
import type { CurvatureOperator } from "./operator.ts";

/** What a curvature is of. */
export interface CurvatureFacts {
  /** Examples that it is the mean over. */
  readonly examples: number;
  /** Mean loss of the examples. */
  readonly loss: number;
  /** Method, rank, Fisher, damping and seed. */
  readonly settings: CurvatureSettings;
  /** Trainable parameters that leave no captures, and so have no curvature here. */
  readonly leftOut: readonly string[];
  /** Which model it was fitted to. */
  readonly fingerprint: Fingerprint;
}

/**
 * The mean curvature of a model's loss over examples, `F = E[vec G_n vec G_n^T]` layer by layer (docs/MATH.md,
 * sections 1 and 2), at the weights that the model had. Made by `curvatureOf` and `loadCurvature`. An operator over
 * one matrix per layer, in the order of {@linkcode Curvature.layers}; layers do not meet.
 *
 * Owns its blocks: dispose it before the model. Refers to the model, and refuses to be used once its weights are
 * others.
 *
 * @typeParam B What a batch of the model is.
 *
 * @example A step of Newton's along the mean gradient
 * ```ts
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 * import { Curvature, curvatureOf } from "@tekfac/tekfac/analysis";
 * import { allClose } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
 * const goal = objective(model, squaredError());
 * const data = { inputs: [-1, 0, 1], targets: [1, 2, 3] };
 * using curvature: Curvature<typeof data> = await curvatureOf(goal, data);
 * const [{ value, gradient }] = model.parameters;
 * backend.scope(() => {
 *   goal.differentiate(data, { decay: 0, scale: 1 / 3 });
 *   const step = backend.scratch(1, 2);
 *   curvature.solve([step], [gradient], { kind: "absolute", lambda: 0 });
 *   backend.axpby(value, -1, step, 1);
 * });
 * allClose(backend.readSync(value), [1, 2], { relative: 1e-12 }); // the line x + 2
 * ```
 */
export class Curvature<B> implements CurvatureOperator<readonly Matrix[]>, Disposable {
  /** The model with its loss; not owned. */
  readonly objective: Objective<B>;
  /** One operator per layer that leaves captures. */
  readonly layers: readonly LayerCurvature[];
  /** What it is of. */
  readonly facts: CurvatureFacts;
  readonly #blocks: readonly Block[];

  /** Takes the blocks over, whose eigenvalues have been read. */
  constructor(
    objective: Objective<B>,
    blocks: readonly Block[],
    eigenvalues: readonly Float64Array[],
    facts: CurvatureFacts,
  ) {
    this.objective = objective;
    this.#blocks = blocks;
    this.facts = facts;
    const { damping } = facts.settings;
    this.layers = blocks.map((block, i) =>
      new LayerCurvature(objective.backend, block, eigenvalues[i], damping)
    );
  }

  /** Where it lives. */
  get backend(): Backend {
    return this.objective.backend;
  }

  get dimension(): number {
    return this.layers.reduce((sum, { dimension }) => sum + dimension, 0);
  }

  multiply(outs: readonly Matrix[], xs: readonly Matrix[]): void {
    this.layers.forEach((layer, i) => layer.multiply(outs[i], xs[i]));
  }

  solve(outs: readonly Matrix[], xs: readonly Matrix[], damping?: InverseDamping): void {
    this.layers.forEach((layer, i) => layer.solve(outs[i], xs[i], damping));
  }

  trace(): number {
    return this.layers.reduce((sum, layer) => sum + layer.trace(), 0);
  }

  logdet(damping?: InverseDamping): number {
    return this.layers.reduce((sum, layer) => sum + layer.logdet(damping), 0);
  }

  sample(outs: readonly Matrix[], random: Random, damping?: InverseDamping): void {
    this.layers.forEach((layer, i) => layer.sample(outs[i], random, damping));
  }

  toDense(): Matrix {
    const { backend, dimension } = this;
    const out = backend.scratch(dimension, dimension);
    backend.write(out, new Float64Array(dimension ** 2));
    let at = 0;
    for (const layer of this.layers) {
      const end = at + layer.dimension;
      const place = columnsOf(rowsOf(out, at, end), at, end);
      backend.scope(() => backend.axpby(place, 1, layer.toDense(), 0));
      at = end;
    }
    return out;
  }

  /**
   * The layers of some names.
   *
   * @param names All of them where left out.
   * @throws {OptionError} When there is none of a name.
   */
  layersOf(subject: string, names?: readonly string[]): readonly LayerCurvature[] {
    if (names === undefined) return this.layers;
    return names.map((wanted) => {
      const layer = this.layers.find(({ name }) => name === wanted);
      if (layer !== undefined) return layer;
      const known = this.layers.map(({ name }) => `'${name}'`).join(", ");
      throw new OptionError(subject, "layers", `must be some of ${known}`, wanted);
    });
  }

  /**
   * Checks that the model still has the weights that this is the curvature at.
   *
   * @throws {StateError} When it has not.
   */
  async checkModel(subject: string): Promise<void> {
    const { parameters } = this.objective;
    const gone = this.layers.find(({ parameter }) => !parameters.includes(parameter));
    if (gone !== undefined) {
      throw new StateError(`${subject}: the model has no '${gone.name}' any more`);
    }
    checkFingerprint(subject, this.facts.fingerprint, await fingerprintOf(this.objective));
  }

  /** Gives the blocks back. */
  [Symbol.dispose](): void {
    for (const block of this.#blocks) block[Symbol.dispose]();
  }
}
