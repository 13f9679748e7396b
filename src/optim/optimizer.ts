/**
 * The one step that all optimizers share. Reading order: differentiate, check, observe curvature,
 * precondition, clip, apply.
 *
 * @module
 */

import { StateError } from "../core/errors.ts";
import { Random } from "../core/random.ts";
import { schedulesIn } from "../core/schema.ts";
import { Owner } from "../curvature/blocks/block.ts";
import { alone, type Reduction } from "../distributed/reduction.ts";
import { applyStep } from "./apply.ts";
import { attemptOf } from "./attempt.ts";
import { averageOf, checkTakesBack } from "./average.ts";
import { describeOptimizer } from "./describe.ts";
import { directionsOf, measureCurvature } from "./directions.ts";
import { Freezing, noticeFreezing } from "./freezing.ts";
import type { Attempt, Gate } from "./gate.ts";
import { gateOf } from "./gates.ts";
import { checkRates, type ParameterSettings, settingsOf } from "./groups.ts";
import { gradientFactorOf } from "./gradient_factor.ts";
import type { Objective } from "./objective.ts";
import { NOT_OBSERVED, type ObservationOptions, Observer } from "./observation.ts";
import { NOTHING_RENEWED, type Preconditioner } from "./preconditioner.ts";
import { type Progress, resume, settledProgress } from "./progress.ts";
import type { StepHandle, StepReport } from "./report.ts";
import { type LayerSpectrum, spectraOf } from "./spectra.ts";
import { StepBatches } from "./step_batches.ts";
import { endStep, takeBackLastStep } from "./step_check.ts";
import { StepLimits } from "./step_limits.ts";
import { lengthOf, type ResolvedStepOptions } from "./step_options.ts";
import type { TakenStep } from "./step_report.ts";
import { StepLog } from "./step_row.ts";
import { StepRules } from "./step_rules.ts";
import { MomentumState } from "./transforms/momentum.ts";
import { Rate } from "./transforms/rate.ts";
import { tryStep } from "./trial_step.ts";

/**
 * An optimizer of one model. Made by `tekfac`, `ekfac`, `tkfac`, `kfac`, `soap`, `muon`, `adam` or `sgd`; the
 * caller disposes it, before the model.
 *
 * @typeParam B What a batch of examples is to the objective.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type BatchLike, createBackend, dense, objective, type Optimizer, sequential, squaredError, tekfac }
 *   from "@tekfac/tekfac";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [dense(1)], seed: 1 });
 * using optimizer: Optimizer<BatchLike> = tekfac(objective(model, squaredError()));
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
  /**
   * Velocities; part of a checkpoint.
   * @internal
   */
  readonly momentum: MomentumState;
  /** Source of sampled labels; part of a checkpoint. */
  readonly random: Random;
  /** Steps taken so far. */
  stepCount = 0;
  /**
   * What keeps steps safe; part of a checkpoint.
   * @internal
   */
  readonly rules: StepRules;
  /**
   * What holds for each parameter, by the groups.
   * @internal
   */
  readonly settings: readonly ParameterSettings[];
  /**
   * Which layers are frozen; part of a checkpoint.
   * @internal
   */
  readonly freezing: Freezing = new Freezing();
  /**
   * What becomes of steps that are not finite.
   * @internal
   */
  readonly gate: Gate;
  readonly #observer: Observer<B>;
  /** What options are functions of the step. */
  readonly #schedules: readonly ((step: number) => number)[];
  /** How far steps go. */
  readonly #limits: StepLimits;
  readonly #log: StepLog;
  readonly #reduction: Reduction;
  readonly #owner = new Owner();
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
    this.#schedules = schedulesIn(options);
    const { backend, parameters } = objective;
    const own = <T extends Disposable>(thing: T): T => this.#owner.own(thing);
    own(preconditioner);
    try {
      this.gate = own(gateOf(backend));
      const subject = `Cannot create ${preconditioner.method.toUpperCase()}`;
      checkTakesBack(subject, options);
      this.#reduction = options.group?.reductionOn(subject, backend) ?? alone;
      const ownRate = (index: number) => preconditioner.ownRate?.(index);
      this.settings = settingsOf(subject, options, parameters, ownRate);
      const momenta = this.settings.map(({ momentum }) => momentum);
      this.momentum = own(new MomentumState(backend, parameters, momenta));
      // Only a loss that is read at once can tell that a step is to be taken back.
      const takeBack = options.takeBack && this.gate.read !== undefined;
      this.rules = own(new StepRules(objective, { ...options, takeBack }, observation.limit));
      this.#limits = own(new StepLimits(backend, parameters, options, this.rules));
      const names = parameters.map(({ name }) => name);
      this.#log = own(new StepLog(backend, names, this.gate.outstanding));
    } catch (error) {
      this.#owner[Symbol.dispose]();
      throw error;
    }
    this.random = new Random(options.seed);
    const { observationGuard } = this.rules;
    const checks = { gate: this.gate, reduction: this.#reduction };
    this.#observer = new Observer(objective, observation, observationGuard, checks);
    const membership = backend.recovery?.join({
      save: () => settledProgress(this),
      stands: () => this.gate.stand(),
      restore: (progress) => (resume(this, progress as Progress), this.gate.restart()),
    });
    if (membership !== undefined) own(membership);
  }

  /** Name of the method: `"tekfac"`. */
  get method(): string {
    return this.preconditioner.method;
  }

  /**
   * Takes one step and returns its report, on a synchronous backend. Several batches are accumulated as
   * if they were one: same update, less memory.
   *
   * Where it throws, for these or other reasons, everything is what it was before, to the last bit: weights,
   * averages, velocities, curvature, counters and random state; the next step does what it would have done.
   *
   * @throws {NumericalError} When the loss, a gradient or an update is not finite, or would make state so.
   * @throws {OptionError} When a function of the step returns a value outside its option's range.
   * @throws {StateError} After disposal, or on a backend that is not synchronous.
   */
  stepSync(...batches: readonly B[]): StepReport {
    return this.gate.takeNow(this.#attempt(batches));
  }

  /**
   * Enqueues one step and returns a handle to its report. On a synchronous backend the step is already
   * taken when this returns, and errors are thrown here, as by {@linkcode Optimizer.stepSync}.
   *
   * On a GPU nothing is waited for: the device itself refuses a step whose numbers are not finite, and all that were
   * enqueued behind it. Its report tells, or that of one behind it, if it is asked for within 64 steps; else the
   * next call of this method does, 32 steps later or more. From then on everything is what it was before the step
   * that was refused, to the last bit, and steps are taken again.
   *
   * @throws {NumericalError} On a synchronous backend as {@linkcode Optimizer.stepSync}; on a GPU where an earlier
   * step has been refused and nobody has asked. This one has not been enqueued then.
   */
  step(...batches: readonly B[]): StepHandle {
    return this.gate.take(this.#attempt(batches));
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
    return averageOf(this.rules).run(body);
  }

  /**
   * {@linkcode Optimizer.withAverage} at once.
   *
   * @throws {StateError} As there, and on a backend that is not synchronous.
   */
  withAverageSync<T>(body: () => T): T {
    this.gate.checkAtOnce("evaluate", "withAverage()");
    return averageOf(this.rules).runSync(body);
  }

  /** An aligned table of layers, blocks, factor sizes and bytes, and the refresh plan. */
  describe(): string {
    return describeOptimizer(this);
  }

  /** Eigenvalues of each layer's curvature as it is now; empty for SGD, Adam, Muon and SOAP. */
  spectra(): Promise<LayerSpectrum[]> {
    return spectraOf(this);
  }

  /** Gives all state back; the model stays. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#owner[Symbol.dispose]();
  }

  #attempt(batches: readonly B[]): Attempt {
    if (this.#disposed) throw new StateError("Cannot step: the optimizer is disposed");
    return attemptOf(this, this.#log, () => this.#take(batches), this.#reduction);
  }

  /** The step itself. Reads nothing back on an asynchronous backend. */
  #take(micro: readonly B[]): TakenStep {
    this.rules.average?.checkOutside("Cannot step");
    const { objective, preconditioner, stepCount: step } = this;
    const started = performance.now();
    // Values outside their range are found here, before anything is touched.
    for (const schedule of this.#schedules) schedule(step);
    checkRates(this.settings, this.options.learningRate, step);
    return objective.backend.scope(() => {
      const again = this.rules.stepCheck !== undefined;
      const batches = new StepBatches(objective, micro, this, this.#reduction, again);
      const row = this.#log.rowOf(step);
      noticeFreezing(this);
      batches.differentiate(row);
      takeBackLastStep(this.rules, objective.backend, batches, row);
      this.gate.afterGradients(row, step);
      const factor = gradientFactorOf(this, row, step);

      const observation = this.#observer.observe(batches, row, this.random, step);
      const { observed, renewals } = preconditioner.update?.(step, observation) ?? NOTHING_RENEWED;
      const { examples } = batches;
      const found = directionsOf(this, row, { step, factor, examples });
      preconditioner.noise?.heed(row.innerProduct, this.rules.unit ?? row.loss);
      if (observed.eigenvalues) measureCurvature(this, observation, found);
      this.#limits.set(row, found.numbers, { step, examples });

      const { directions } = found;
      const length = lengthOf(this.options, step);
      this.gate.beforeApplying(row, found.numbers, { step, rate: length });
      const rate = new Rate(objective.backend, length, this.rules.settling?.factor);
      const { adapter } = preconditioner;
      const tried = adapter?.dueAt(step) === true;
      if (tried) tryStep(objective, adapter, batches, directions, { rate, row });
      applyStep(this, directions, { rate, clip: row.clip, step, examples });
      endStep(this.rules, objective.backend, batches, row);
      this.stepCount++;
      this.#reduction.note(row.finitePart);

      this.#log.note(
        row,
        renewals,
        (index) => preconditioner.damping?.(index),
        (index) => observed.statistics ? preconditioner.effectiveShare?.(index) : undefined,
      );
      const milliseconds = performance.now() - started;
      return { step, examples, row, observed, renewals, tried, milliseconds };
    });
  }
}
