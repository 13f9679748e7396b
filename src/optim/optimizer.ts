/**
 * The one step that all optimizers share. Reading order: differentiate, check, observe curvature,
 * precondition, clip, apply.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { atLayer } from "../core/at_layer.ts";
import { ShapeError, StateError } from "../core/errors.ts";
import { columnsOf, type Matrix, type OwnedMatrix, reshaped, rowsOf } from "../core/matrix.ts";
import type { Parameter } from "../core/parameter.ts";
import { Random } from "../core/random.ts";
import { valueAt } from "../core/schedule.ts";
import type { Renewal } from "../curvature/renewal.ts";
import type { Fisher } from "../curvature/fisher.ts";
import type { AveragedWeights } from "./average.ts";
import { describeOptimizer } from "./describe.ts";
import type { Objective } from "./objective.ts";
import { type ObservedShare, Observer, type StepObservation } from "./observation.ts";
import type { Preconditioner } from "./preconditioner.ts";
import { type Progress, resume, settledProgress } from "./progress.ts";
import type { AdaptationReport, StepHandle, StepReport } from "./report.ts";
import type { ResolvedStepOptions } from "./step_options.ts";
import { type RowValues, StepLog, type StepRow } from "./step_row.ts";
import { StepRules } from "./step_rules.ts";
import { MomentumState } from "./transforms/momentum.ts";
import { Rate } from "./transforms/rate.ts";
import { limits, setStepLength, type StepNumbers } from "./transforms/step_length.ts";
import { lossesOf, tryStep } from "./trial_step.ts";
import { addPenaltyGradient, shrink } from "./transforms/weight_decay.ts";

/** Eigenvalues of one layer's curvature. */
export interface LayerSpectrum {
  /** Name of the parameter. */
  readonly name: string;
  /** All `dOut * dIn'` eigenvalues of the undamped approximation, descending. */
  readonly eigenvalues: Float64Array;
}

/**
 * An optimizer of one model. Made by `tekfac`, `ekfac`, `tkfac`, `kfac`, `soap`, `muon`, `adam` or `sgd`; the
 * caller disposes it, before the model.
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
 *
 * @example A function for any of the six
 * ```ts
 * import assert from "node:assert/strict";
 * import {
 *   adam,
 *   type BatchLike,
 *   createBackend,
 *   dense,
 *   objective,
 *   type Optimizer,
 *   sequential,
 *   squaredError,
 *   tekfac,
 * } from "@tekfac/tekfac";
 *
 * async function train(optimizer: Optimizer<BatchLike>, batch: BatchLike): Promise<number> {
 *   for (let step = 0; step < 9; step++) await optimizer.step(batch);
 *   const last = await optimizer.step(batch);
 *   return (await last.report()).loss;
 * }
 *
 * using backend = await createBackend();
 * for (const create of [tekfac, adam]) {
 *   using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
 *   const goal = objective(model, squaredError());
 *   const batch = { inputs: [0, 1], targets: [1, 3] };
 *   const { loss } = await goal.evaluate(batch);
 *   using optimizer: Optimizer<BatchLike> = create(goal);
 *   assert(await train(optimizer, batch) < loss);
 * }
 * ```
 */
export class Optimizer<B> implements Disposable {
  /** The model and its loss. */
  readonly objective: Objective<B>;
  /** What turns gradients into directions; owned. */
  readonly preconditioner: Preconditioner;
  /** How directions become steps. */
  readonly options: ResolvedStepOptions;
  /**
   * Velocities; part of a checkpoint.
   *
   * @internal
   */
  readonly momentum: MomentumState;
  /** Source of sampled labels; part of a checkpoint. */
  readonly random: Random;
  /** Steps taken so far. */
  stepCount = 0;
  /**
   * What keeps steps safe; part of a checkpoint.
   *
   * @internal
   */
  readonly rules: StepRules;
  readonly #observer: Observer<B>;
  /** Steps that observe all examples. */
  readonly #wholeUntil: number;
  /** Least norms of the layers' weights that a relative change is measured by, [1, parameters]. */
  readonly #leastWeights: OwnedMatrix;
  readonly #log: StepLog;
  /** In what goes on after the loss of a device. */
  readonly #membership: Disposable | undefined;
  #disposed = false;

  /**
   * Takes over the preconditioner.
   *
   * @param observation How the curvature observes; of no meaning where nothing is observed.
   */
  constructor(
    objective: Objective<B>,
    preconditioner: Preconditioner,
    options: ResolvedStepOptions,
    observation: ObservationOptions = NOT_OBSERVED,
  ) {
    this.objective = objective;
    this.preconditioner = preconditioner;
    this.options = options;
    const { backend, parameters } = objective;
    const made: Disposable[] = [preconditioner];
    const own = <T extends Disposable>(thing: T): T => (made.push(thing), thing);
    try {
      this.momentum = own(new MomentumState(backend, parameters, options.momentum));
      this.rules = own(new StepRules(objective, options, observation.limit));
      this.#leastWeights = own(backend.alloc(1, parameters.length));
      this.#log = own(new StepLog(backend, parameters.map(({ name }) => name)));
    } catch (error) {
      for (const thing of made) thing[Symbol.dispose]();
      throw error;
    }
    backend.write(this.#leastWeights, parameters.map(leastNorm));
    this.random = new Random(options.seed);
    const { fisher, share, wholeUntil } = observation;
    this.#wholeUntil = wholeUntil;
    this.#observer = new Observer(objective, fisher, share, this.rules.observationGuard);
    this.#membership = backend.recovery?.join({
      save: () => settledProgress(this),
      restore: (progress) => resume(this, progress as Progress),
    });
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
    if (!this.#backend.sync) {
      throw new StateError(
        `Cannot step synchronously on backend '${this.#backend.name}': use step()`,
      );
    }
    const taken = this.#take(batches);
    return this.#report(taken, this.#backend.readSync(taken.row.all));
  }

  /**
   * Enqueues one step and returns a handle to its report. On a synchronous backend the step is already
   * taken when this returns, and errors are thrown here, as by {@linkcode Optimizer.stepSync}. On a GPU
   * nothing is waited for: a step whose numbers are not finite cancels itself on the device (averages
   * decay, parameters stay), which its report tells, if it is asked for within 64 steps.
   */
  step(...batches: readonly B[]): StepHandle {
    if (this.#backend.sync) {
      const report = this.stepSync(...batches);
      return { report: () => Promise.resolve(report) };
    }
    const { recovery } = this.#backend;
    const take = () => {
      const devicesLost = recovery?.devicesLost;
      const taken = recovery?.pending === true ? undefined : this.#take(batches);
      recovery?.stepped();
      return { devicesLost, taken };
    };
    let { devicesLost, taken } = take();
    const report = () =>
      this.#backend.reading(async () => {
        // What a lost device was told to do is done again.
        if (taken === undefined || recovery?.devicesLost !== devicesLost) {
          ({ devicesLost, taken } = take());
        }
        const { step, row } = taken!;
        this.#log.checkKept(step, this.stepCount);
        const numbers = await this.#backend.read(row.all);
        row.checkFinite(numbers, step);
        return this.#report(taken!, numbers);
      });
    return { report };
  }

  /**
   * Runs `body` with the averaged weights in the place of the model's, to evaluate or to save them, and puts the
   * weights of training back, exactly, when it has ended or thrown. Where a device is lost and recovered from
   * meanwhile, it is run again.
   *
   * @throws {StateError} Without the option `average`, and inside itself. So do steps and checkpoints inside.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { createBackend, dense, exponentialAverage, objective, sequential, squaredError, tekfac }
   *   from "@tekfac/tekfac";
   *
   * using backend = await createBackend();
   * using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
   * const goal = objective(model, squaredError());
   * using optimizer = tekfac(goal, { average: exponentialAverage({ decay: 0.9 }) });
   * const batch = { inputs: [-1, 1], targets: [1, 3] };
   * for (let i = 0; i < 50; i++) optimizer.stepSync(batch);
   * const { loss } = await optimizer.withAverage(() => goal.evaluate(batch));
   * assert(loss < 1e-2);
   * ```
   */
  withAverage<T>(body: () => T | Promise<T>): Promise<T> {
    return this.#average.run(body);
  }

  /**
   * {@linkcode Optimizer.withAverage} at once.
   *
   * @throws {StateError} As there, and on a backend that is not synchronous.
   */
  withAverageSync<T>(body: () => T): T {
    if (!this.#backend.sync) {
      throw new StateError(
        `Cannot evaluate synchronously on backend '${this.#backend.name}': use withAverage()`,
      );
    }
    return this.#average.runSync(body);
  }

  /** An aligned table of layers, blocks, factor sizes and bytes, and the refresh plan. */
  describe(): string {
    return describeOptimizer(this);
  }

  /** Eigenvalues of each layer's curvature as it is now; empty for SGD, Adam, Muon and SOAP. */
  async spectra(): Promise<LayerSpectrum[]> {
    const { objective: { backend, parameters }, preconditioner } = this;
    const spectra = () =>
      backend.scope(() =>
        Promise.all(parameters.flatMap(({ name }, index) => {
          const spectrum = preconditioner.spectrum(index);
          if (spectrum === undefined) return [];
          return [backend.read(spectrum).then((numbers) => ({ name, numbers }))];
        }))
      );
    return (await backend.reading(spectra)).map(({ name, numbers }) => ({
      name,
      eigenvalues: Float64Array.from(numbers).sort().reverse(),
    }));
  }

  /** Gives all state back; the model stays. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#membership?.[Symbol.dispose]();
    this.preconditioner[Symbol.dispose]();
    this.momentum[Symbol.dispose]();
    this.rules[Symbol.dispose]();
    this.#leastWeights[Symbol.dispose]();
    this.#log[Symbol.dispose]();
  }

  get #average(): AveragedWeights {
    const { average } = this.rules;
    if (average !== undefined) return average;
    throw new StateError(
      "Cannot evaluate with averaged weights: expected an optimizer made with the option 'average', " +
        "exponentialAverage({ decay: 0.99 })",
    );
  }

  get #backend(): Backend {
    return this.objective.backend;
  }

  /** The step itself. Reads nothing back on an asynchronous backend. */
  #take(batches: readonly B[]): TakenStep {
    if (this.#disposed) throw new StateError("Cannot step: the optimizer is disposed");
    this.rules.average?.checkOutside("Cannot step");
    const { objective: { backend }, stepCount: step } = this;
    const started = performance.now();
    return backend.scope(() => {
      const sizes = batches.map((batch) => this.objective.examplesOf(batch));
      const examples = sizes.reduce((sum, size) => sum + size, 0);
      if (examples === 0) throw new ShapeError("Cannot step", "at least one example", "none");
      const row = this.#log.rowOf(step);
      this.#differentiate(batches, examples, row);
      this.#checkLastStep(batches, examples, row);
      this.#stopUnlessFinite(row, row.gradientPart, step);
      if (!backend.sync) {
        for (const { gradient } of this.objective.parameters) {
          backend.zeroUnless(gradient, row.flag);
        }
      }
      this.#clipGradients(row);

      const observation = this.#observer.observe(
        ...[batches, sizes, row, this.random] as const,
        step < this.#wholeUntil,
      );
      const { observed, renewals } = this.preconditioner.update(step, observation);
      const { directions, numbers } = this.#directions(row, step);
      this.#stopUnlessFinite(row, row.finitePart, step);
      if (observed.eigenvalues) {
        this.#measureCurvature(observation, directions, numbers.products);
      }
      this.#setLength(row, numbers, step);
      const rate = this.#rate(row, step);
      const { adapter } = this.preconditioner;
      const tried = adapter?.dueAt(step) === true;
      if (tried) tryStep(this.objective, adapter, { batches, examples }, directions, { rate, row });
      this.#apply(directions, rate, row, step);
      this.rules.stepCheck?.seal();
      this.stepCount++;

      this.#log.note(
        row,
        renewals,
        this.objective.parameters.map((_, i) => this.preconditioner.damping(i)),
      );
      const milliseconds = performance.now() - started;
      return { step, examples, row, observed, renewals, tried, milliseconds };
    });
  }

  /** Leaves the mean loss, its gradient and the gradients' norms, and captures of the last batch. */
  #differentiate(batches: readonly B[], examples: number, row: StepRow): void {
    const differentiate = (batch: B, index: number): void => {
      const blend = { decay: index === 0 ? 0 : 1, scale: 1 / examples };
      this.#backend.sum(row.loss, this.objective.differentiate(batch, blend), blend);
    };
    if (batches.length === 1) differentiate(batches[0], 0);
    else batches.forEach((batch, index) => this.#backend.scope(() => differentiate(batch, index)));
    this.objective.parameters.forEach(({ gradient }, index) => {
      this.#backend.dot(row.squaredNorm(index), gradient, gradient);
    });
  }

  /** Takes the last step back where it turns out to have been too long; gradients are then of the old weights. */
  #checkLastStep(batches: readonly B[], examples: number, row: StepRow): void {
    const { stepCheck: check } = this.rules;
    const backend = this.#backend;
    if (check === undefined) return;
    const lossOf = (m: Matrix): number => backend.readSync(m)[0];
    const after = lossOf(row.loss);
    if (!check.suspects(after)) return;
    check.swap();
    const before = backend.scope(() => {
      const sum = backend.scratch(1, 1);
      batches.forEach((batch, index) => {
        backend.scope(() => {
          const losses = lossesOf(this.objective, batch);
          backend.sum(sum, losses, { decay: index === 0 ? 0 : 1, scale: 1 / examples });
        });
      });
      return lossOf(sum);
    });
    if (check.isTooLong(before, after)) {
      this.rules.average?.amend(check.kept);
      check.shorten();
    } else check.swap();
    this.#differentiate(batches, examples, row);
  }

  /** Throws, or leaves it to the device to cancel the step, unless these numbers are finite. */
  #stopUnlessFinite(row: StepRow, numbers: Matrix, step: number): void {
    if (this.#backend.sync) row.checkFinite(this.#backend.readSync(numbers), step);
    else this.#backend.allFinite(row.flag, numbers);
  }

  #clipGradients(row: StepRow): void {
    const { gradientClip } = this.rules;
    if (gradientClip === undefined) return;
    gradientClip.update(row.squaredNorms);
    this.#backend.axpby(row.gradientFactor, 1, gradientClip.factor, 0);
  }

  /** The preconditioned (averaged) gradients, and the numbers from which their length follows. */
  #directions(row: StepRow, step: number): { directions: Matrix[]; numbers: LayerNumbers } {
    const { objective: { parameters }, options: { weightDecay } } = this;
    const backend = this.#backend;
    // A row per layer: products, and squared norms of directions and weights.
    const table = backend.scratch(parameters.length, 3);
    this.momentum.advance(step);
    const directions = parameters.map((parameter, index) => {
      if (weightDecay !== false && weightDecay.kind === "l2") {
        addPenaltyGradient(backend, parameter, weightDecay, step);
      }
      const factor = this.rules.gradientClip?.factor;
      const source = this.momentum.averaged(index, parameter.gradient, factor);
      const direction = atLayer(parameter.name, () => {
        return this.preconditioner.precondition(index, source, step);
      });
      const sums = rowsOf(table, index, index + 1);
      backend.stepProducts(sums, direction, source, parameter.value);
      return direction;
    });
    const [products, directionNorms, weights] = [0, 1, 2].map((column) => {
      const out = backend.scratch(parameters.length, 1);
      backend.axpby(out, 1, columnsOf(table, column, column + 1), 0);
      return reshaped(out, 1, parameters.length);
    });
    backend.sum(row.innerProduct, products);
    return { directions, numbers: { products, directions: directionNorms, weights } };
  }

  /** Looks at the curvature of what has been observed, along the directions. */
  #measureCurvature(
    { captures }: StepObservation,
    directions: readonly Matrix[],
    products: Matrix,
  ): void {
    const { curvature } = this.rules;
    if (curvature === undefined || captures.length === 0) return;
    const backend = this.#backend;
    let seen = products;
    if (captures.includes(undefined)) {
      seen = backend.scratch(1, products.cols);
      backend.axpby(seen, 1, products, 0);
      captures.forEach((capture, index) => {
        if (capture === undefined) backend.write(columnsOf(seen, index, index + 1), [0]);
      });
    }
    curvature.update(captures, directions, seen);
  }

  #setLength(row: StepRow, numbers: LayerNumbers, step: number): void {
    const backend = this.#backend;
    const curvature = this.rules.curvature?.ratio;
    if (curvature !== undefined) backend.axpby(row.curvature, 1, curvature, 0);
    const { loss } = row;
    const leastWeights = this.#leastWeights;
    const all = { loss, ...numbers, leastWeights, curvature };
    setStepLength(backend, row, all, this.options, step);
    const { stepCheck } = this.rules;
    if (stepCheck !== undefined) {
      if (stepCheck.scale < 1) {
        backend.axpby(row.clip, stepCheck.scale, row.clip, 0);
        backend.write(row.limit, [limits.indexOf("rejection")]);
      }
      stepCheck.keep(backend.readSync(row.loss)[0]);
    }
    if (!backend.sync) backend.zeroUnless(row.clip, row.flag);
  }

  /** Length of a step along its clipped directions. */
  #rate({ flag }: StepRow, step: number): Rate {
    const { learningRate, annealing } = this.options;
    const value = valueAt(learningRate, step) * valueAt(annealing, step);
    return new Rate(this.#backend, value, this.#backend.sync ? undefined : flag);
  }

  #apply(directions: readonly Matrix[], rate: Rate, { clip }: StepRow, step: number): void {
    const { options: { weightDecay, learningRate, annealing }, rules: { average } } = this;
    average?.begin(valueAt(learningRate, step) * valueAt(annealing, step));
    this.objective.parameters.forEach((parameter, index) => {
      const take = (weights: Matrix): void => {
        if (weightDecay !== false && weightDecay.kind === "decoupled") {
          const share = this.preconditioner.rateShare?.(index, step) ?? 1;
          shrink(this.#backend, parameter, weightDecay, { rate, step, share }, weights);
        }
        this.momentum.apply(index, weights, directions[index], { rate, clip, step });
      };
      if (average === undefined) take(parameter.value);
      else average.apply(index, parameter, take);
    });
    average?.end();
  }

  #report(taken: TakenStep, numbers: ArrayLike<number>): StepReport {
    const { step, examples, row, observed, renewals, tried, milliseconds } = taken;
    const values = row.values(numbers);
    const { loss, gradientNorm, innerProduct, clipFactor, lambda, status } = values;
    const { gradientClip, curvature } = this.rules;
    const layers = this.objective.parameters.map(({ name }, index) => {
      const refresh = renewals[index]?.outcome(status(index));
      if (refresh !== undefined && !this.#backend.sync) {
        this.preconditioner.judge(index, refresh, step);
      }
      const damped = this.preconditioner.damping(index) !== undefined;
      const { block } = this.preconditioner.describe(index);
      return { name, block, damping: damped ? lambda(index) : undefined, refresh };
    });
    return {
      step,
      loss,
      examples,
      learningRate: valueAt(this.options.learningRate, step),
      annealing: valueAt(this.options.annealing, step),
      clipFactor,
      limitedBy: limits[values.limit],
      gradientFactor: gradientClip && values.gradientFactor,
      curvature: curvature && values.curvature,
      gradientNorm,
      innerProduct,
      layers,
      observed,
      adaptation: tried ? adaptationOf(values) : undefined,
      milliseconds,
    };
  }
}

/** A step that has been enqueued, and where its numbers will be. */
interface TakenStep extends Pick<StepReport, "step" | "examples" | "observed" | "milliseconds"> {
  readonly row: StepRow;
  readonly renewals: readonly (Renewal | undefined)[];
  /** Whether the step was tried out to adapt the damping. */
  readonly tried: boolean;
}

function adaptationOf(values: RowValues): AdaptationReport {
  const { loss: before, trialLoss: loss, predicted, dampingFactor: factor } = values;
  return { loss, predicted, reductionRatio: (loss - before) / predicted, factor };
}

/** How the curvature observes steps. */
export interface ObservationOptions {
  /** Which gradients it is made of. */
  readonly fisher: Fisher;
  /** How many examples are observed ... */
  readonly share: ObservedShare;
  /** ... from this step on; all of them before, when averages have nothing to stand on. */
  readonly wholeUntil: number;
  /** See `ObservationGuard`; `false` for none. */
  readonly limit: number | false;
}

const NOT_OBSERVED: ObservationOptions = {
  fisher: { kind: "empirical" },
  share: { share: 1, atLeast: 1 },
  wholeUntil: 0,
  limit: false,
};

/** Numbers of the layers, [1, parameters] each. */
type LayerNumbers = Pick<StepNumbers, "products" | "directions" | "weights">;

/** Share of its usual initial norm, `sqrt(dOut)`, that a layer's weights are taken to have at least. */
const LEAST_SHARE = 0.1;

/** A layer that begins with zeros could not move at all by a share of them. */
function leastNorm({ value }: Parameter): number {
  return LEAST_SHARE * Math.sqrt(value.rows);
}
