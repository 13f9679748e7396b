/**
 * The one step that all optimizers share. Reading order: differentiate, check, observe curvature,
 * precondition, clip, apply.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { NumericalError, ShapeError, StateError } from "../core/errors.ts";
import type { Matrix } from "../core/matrix.ts";
import { Random } from "../core/random.ts";
import { valueAt } from "../core/schedule.ts";
import type { ObservedBatch } from "../curvature/estimator.ts";
import type { Fisher } from "../curvature/fisher.ts";
import { describeOptimizer } from "./describe.ts";
import type { Objective } from "./objective.ts";
import type { Preconditioner } from "./preconditioner.ts";
import type { LayerReport, StepHandle, StepReport } from "./report.ts";
import type { ResolvedStepOptions } from "./step_options.ts";
import { MomentumState } from "./transforms/momentum.ts";
import { addPenaltyGradient, shrink } from "./transforms/weight_decay.ts";

/** Eigenvalues of one layer's curvature. */
export interface LayerSpectrum {
  /** Name of the parameter. */
  readonly name: string;
  /** All `dOut * dIn'` eigenvalues of the undamped approximation, descending. */
  readonly eigenvalues: Float64Array;
}

/**
 * An optimizer of one model. Made by `tekfac`, `ekfac`, `tkfac`, `kfac`, `adam` or `sgd`; the caller
 * disposes it, before the model.
 *
 * @typeParam B What a batch of examples is to the objective.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, dense, objective, sequential, squaredError, tekfac } from "@tekfac/tekfac";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [dense(1)], seed: 1 });
 * using optimizer = tekfac(objective(model, squaredError()));
 * const batch = { inputs: new Float32Array([1, 2, 3, 5]), targets: [1, 2] };
 * const first = optimizer.stepSync(batch);
 * for (let i = 0; i < 20; i++) optimizer.stepSync(batch);
 * assert(optimizer.stepSync(batch).loss < first.loss);
 * ```
 */
export class Optimizer<B> implements Disposable {
  /** The model and its loss. */
  readonly objective: Objective<B>;
  /** What turns gradients into directions; owned. */
  readonly preconditioner: Preconditioner;
  /** How directions become steps. */
  readonly options: ResolvedStepOptions;
  /** Velocities; part of a checkpoint. */
  readonly momentum: MomentumState;
  /** Source of sampled labels; part of a checkpoint. */
  readonly random: Random;
  /** Steps taken so far. */
  stepCount = 0;
  readonly #fisher: Fisher;
  #disposed = false;

  /** Takes over the preconditioner. */
  constructor(
    objective: Objective<B>,
    preconditioner: Preconditioner,
    options: ResolvedStepOptions,
    fisher: Fisher = { kind: "empirical" },
  ) {
    this.objective = objective;
    this.preconditioner = preconditioner;
    this.options = options;
    this.momentum = new MomentumState(objective.backend, objective.parameters, options.momentum);
    this.momentum.buffers.forEach((buffer, index) => preconditioner.follow(index, buffer));
    this.random = new Random(options.seed);
    this.#fisher = fisher;
  }

  /** Name of the method: `"tekfac"`. */
  get method(): string {
    return this.preconditioner.method;
  }

  /**
   * Takes one step and returns its report, on a synchronous backend. Several batches are accumulated as
   * if they were one: same update, less memory.
   *
   * @throws {NumericalError} When the loss or the gradient is not finite, before any parameter, average
   * or velocity is touched; when an update is not finite, before any parameter is.
   * @throws {StateError} After disposal, or on a backend that is not synchronous.
   */
  stepSync(...batches: readonly B[]): StepReport {
    const { objective: { backend }, stepCount: step } = this;
    if (this.#disposed) throw new StateError("Cannot step: the optimizer is disposed");
    if (!backend.sync) {
      throw new StateError(`Cannot step synchronously on backend '${backend.name}': use step()`);
    }
    const started = performance.now();
    return backend.scope(() => {
      const sizes = batches.map((batch) => this.objective.examplesOf(batch));
      const examples = sizes.reduce((sum, size) => sum + size, 0);
      if (examples === 0) throw new ShapeError("Cannot step", "at least one example", "none");
      const loss = backend.scratch(1, 1);
      this.#differentiate(batches, examples, loss);
      const checked = this.#checkFinite(loss, step);

      const observed = this.#observed(batches, examples);
      const update = this.preconditioner.update(step, observed);
      const { directions, innerProduct } = this.#directions(step);
      const clip = this.#clipFactor(innerProduct, loss, step);
      this.#apply(directions, clip, step);
      this.preconditioner.endStep(Math.max(...sizes));
      this.stepCount++;

      return {
        step,
        ...checked,
        examples,
        learningRate: valueAt(this.options.learningRate, step),
        annealing: valueAt(this.options.annealing, step),
        clipFactor: backend.readSync(clip)[0],
        innerProduct: backend.readSync(innerProduct)[0],
        layers: this.#layerReports(update.refreshes),
        observed: update.observed,
        milliseconds: performance.now() - started,
      };
    });
  }

  /**
   * Enqueues one step and returns a handle to its report. On a synchronous backend the step is already
   * taken when this returns, and errors are thrown here, as by {@linkcode Optimizer.stepSync}.
   */
  step(...batches: readonly B[]): StepHandle {
    const report = this.stepSync(...batches);
    return { report: () => Promise.resolve(report) };
  }

  /** An aligned table of layers, blocks, factor sizes and bytes, and the refresh plan. */
  describe(): string {
    return describeOptimizer(this);
  }

  /** Eigenvalues of each layer's curvature as it is now; empty for SGD and Adam. */
  async spectra(): Promise<LayerSpectrum[]> {
    const { objective: { backend, parameters }, preconditioner } = this;
    const pending = backend.scope(() =>
      parameters.flatMap(({ name }, index) => {
        const spectrum = preconditioner.spectrum(index);
        return spectrum === undefined ? [] : [{ name, numbers: backend.read(spectrum) }];
      })
    );
    return await Promise.all(pending.map(async ({ name, numbers }) => ({
      name,
      eigenvalues: Float64Array.from(await numbers).sort().reverse(),
    })));
  }

  /** Gives all state back; the model stays. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    // The preconditioner first: it may have to move weights and velocities back.
    this.preconditioner[Symbol.dispose]();
    this.momentum[Symbol.dispose]();
  }

  get #backend(): Backend {
    return this.objective.backend;
  }

  /** Leaves the mean loss in `loss`, its gradient in the parameters, and captures of the last batch. */
  #differentiate(batches: readonly B[], examples: number, loss: Matrix): void {
    const differentiate = (batch: B, index: number): void => {
      const blend = { decay: index === 0 ? 0 : 1, scale: 1 / examples };
      this.#backend.sum(loss, this.objective.differentiate(batch, blend), blend);
    };
    if (batches.length === 1) return differentiate(batches[0], 0);
    batches.forEach((batch, index) => this.#backend.scope(() => differentiate(batch, index)));
  }

  #checkFinite(
    loss: Matrix,
    step: number,
  ): { readonly loss: number; readonly gradientNorm: number } {
    const backend = this.#backend;
    const value = backend.readSync(loss)[0];
    if (!Number.isFinite(value)) this.#fail("loss", value, step);
    const squares = backend.scratch(1, 1);
    let norm = 0;
    this.objective.parameters.forEach(({ name, gradient }) => {
      backend.dot(squares, gradient, gradient);
      const square = backend.readSync(squares)[0];
      if (!Number.isFinite(square)) this.#fail("gradient", square, step, name);
      norm += square;
    });
    return { loss: value, gradientNorm: Math.sqrt(norm) };
  }

  #fail(quantity: string, value: number, step: number, layer?: string): never {
    const where = layer === undefined ? "" : ` of layer '${layer}'`;
    throw new NumericalError(
      `Cannot take step ${step}: the ${quantity}${where} is not finite (${value}); parameters are ` +
        "unchanged. Try a smaller learning rate or a larger damping, and check the scale of the inputs",
      { quantity, step, ...(layer === undefined ? {} : { layer }) },
    );
  }

  /**
   * The batch as the curvature sees it. A single micro-batch's captures are still there from the
   * gradient's pass; several are differentiated again, one after the other, to keep memory small.
   */
  #observed(batches: readonly B[], examples: number): ObservedBatch {
    const { objective } = this;
    const sampled = this.#fisher.kind === "monteCarlo";
    const labels = sampled ? this.random.fork().save() : [];
    let sampledAlready = false;
    return {
      examples,
      forEachCapture: (visit) => {
        const random = new Random(0);
        // The same labels for statistics and eigenvalues of one step.
        if (sampled) random.restore(labels);
        if (batches.length === 1) {
          if (sampled && !sampledAlready) objective.differentiateSampled(random);
          sampledAlready = true;
          return visit((parameter) => objective.capture(parameter));
        }
        for (const batch of batches) {
          this.#backend.scope(() => {
            objective.differentiate(batch, undefined);
            if (sampled) objective.differentiateSampled(random);
            visit((parameter) => objective.capture(parameter));
          });
        }
      },
    };
  }

  /** The preconditioned (averaged) gradients and the sum of their products with what they came from. */
  #directions(step: number): { readonly directions: Matrix[]; readonly innerProduct: Matrix } {
    const { objective: { parameters }, options: { weightDecay } } = this;
    const backend = this.#backend;
    const innerProduct = backend.scratch(1, 1);
    this.momentum.advance(step);
    const directions = parameters.map((parameter, index) => {
      if (weightDecay !== false && weightDecay.kind === "l2") {
        addPenaltyGradient(backend, parameter, weightDecay, step);
      }
      const source = this.momentum.averaged(index, parameter.gradient, step);
      const direction = this.preconditioner.precondition(index, source, step);
      backend.dot(innerProduct, direction, source, { decay: index === 0 ? 0 : 1 });
      return direction;
    });
    const value = backend.readSync(innerProduct)[0];
    if (!Number.isFinite(value)) this.#fail("update", value, step);
    return { directions, innerProduct };
  }

  #clipFactor(innerProduct: Matrix, loss: Matrix, step: number): Matrix {
    const { klClip } = this.options;
    const out = this.#backend.scratch(1, 1);
    if (klClip === false) {
      this.#backend.write(out, [1]);
    } else {
      const learningRate = valueAt(this.options.learningRate, step);
      this.#backend.clipFactor(out, innerProduct, {
        learningRate,
        ...(klClip.kind === "fixed"
          ? { kl: valueAt(klClip.kl, step) }
          : { kl: valueAt(klClip.kappa, step), loss }),
      });
    }
    return out;
  }

  #apply(directions: readonly Matrix[], clip: Matrix, step: number): void {
    const { learningRate, annealing, weightDecay } = this.options;
    const rate = valueAt(learningRate, step) * valueAt(annealing, step);
    this.objective.parameters.forEach((parameter, index) => {
      if (weightDecay !== false && weightDecay.kind === "decoupled") {
        shrink(this.#backend, parameter, weightDecay, { rate, step });
      }
      this.momentum.apply(index, parameter.value, directions[index], { rate, clip, step });
    });
  }

  #layerReports(refreshes: readonly LayerReport["refresh"][]): LayerReport[] {
    return this.objective.parameters.map(({ name }, index) => ({
      name,
      block: this.preconditioner.describe(index).block,
      damping: this.preconditioner.damping(index),
      refresh: refreshes[index],
    }));
  }
}
