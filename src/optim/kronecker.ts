/**
 * What the four Kronecker-factored optimizers share: their options, and the preconditioner that owns a
 * model's curvature.
 *
 * @module
 */

import type { Backend, Scalar } from "../backend/backend.ts";
import { madeForEach } from "../core/at_layer.ts";
import { OptionError, StateError } from "../core/errors.ts";
import type { Matrix } from "../core/matrix.ts";
import { checkChoice, checkKnownKeys, checkNumber, checkSchedule } from "../core/options.ts";
import { leavesCaptures, type Parameter } from "../core/parameter.ts";
import type { Schedule } from "../core/schedule.ts";
import {
  type DampingAdaptation,
  DampingAdapter,
  resolveAdaptation,
} from "../curvature/adaptation.ts";
import type { Refresh } from "../curvature/renewal.ts";
import type { Block, BlockMethod, BlockOptions } from "../curvature/blocks/block.ts";
import { DiagonalBlock } from "../curvature/blocks/diagonal.ts";
import { ScaleShiftBlock } from "../curvature/blocks/scale_shift.ts";
import { type Damping, resolveDamping } from "../curvature/damping.ts";
import { CurvatureEstimator, type ObservedBatch } from "../curvature/estimator.ts";
import type { Fisher } from "../curvature/fisher.ts";
import type { Averaging } from "../curvature/moving_average.ts";
import { type RefreshMode, resolveRefreshMode } from "../curvature/refresher.ts";
import {
  type DenseStart,
  type Intervals,
  type RefreshPlan,
  resolvePlan,
} from "../curvature/scheduler.ts";
import type { Objective } from "./objective.ts";
import type { ObservedShare } from "./observation.ts";
import { Optimizer } from "./optimizer.ts";
import type {
  Counters,
  Preconditioner,
  PreconditionerRow,
  PreconditionerUpdate,
} from "./preconditioner.ts";
import { type KroneckerPreset, type Preset, presets } from "./presets.ts";
import {
  type ResolvedStepOptions,
  resolveStepOptions,
  stepOptionNames,
  type StepOptions,
} from "./step_options.ts";

/** Options of all four Kronecker-factored optimizers; defaults are those of {@linkcode presets}. */
export interface KroneckerOptions extends StepOptions {
  /** What is not said otherwise: the safe default, or the papers' algorithms. @default {"default"} */
  readonly preset?: Preset;
  /** What is added to the eigenvalues. @default {{ kind: "relative", tau: 0.3 }} */
  readonly damping?: Damping;
  /**
   * Multiplies the damping of all layers by a factor that follows how well the quadratic model predicts
   * the loss (Levenberg-Marquardt), or `false`. A trial step is the clipped step along the direction
   * itself: without momentum on the update and without decoupled decay. Reads nothing back. Cannot be
   * joined with L2 decay (whose penalty the loss does not hold), an `exponent` below 1 (whose direction
   * does not minimise the model), or a model whose loss cannot be asked for.
   *
   * @default {false}
   */
  readonly dampingAdaptation?: DampingAdaptation | false;
  /**
   * Which gradients the curvature is made of. @default {{ kind: "gaussNewton" }}, or `{ kind: "perLoss" }` where the
   * model's outputs cannot be sampled
   */
  readonly fisher?: Fisher;
  /** How many examples of a batch are observed after the dense start. @default {{ share: 1 / 4, atLeast: 16 }} */
  readonly observe?: Partial<ObservedShare>;
  /**
   * An observation more than this many times as large as usual is left out, once, > 1; or `false`. See
   * `ObservationGuard`. @default {1000}
   */
  readonly observationLimit?: number | false;
  /**
   * Steps between renewals.
   * @default {{ statistics: 2, basis: 10, eigenvalues: 2 }}, and 10, 100, 10 for full bases and inverses
   */
  readonly intervals?: Intervals;
  /** More frequent renewals at the beginning, or `false`. */
  readonly denseStart?: DenseStart | false;
  /** Renew the layers' bases at different steps, so that no step does all the work. @default {false} */
  readonly staggered?: boolean;
  /** How averages begin. @default {"corrected"} */
  readonly averaging?: Averaging;
  /** Weight of the past in the averages of the factors, in [0, 1). @default {0.95} */
  readonly factorDecay?: Schedule;
  /** Weight of the past in the averages of the eigenvalues, in [0, 1). @default {0.95} */
  readonly eigenvalueDecay?: Schedule;
  /**
   * A full basis that is due is only renewed when its off-diagonal share, `|offdiag(Q^T X Q)|_F / |X|_F`,
   * exceeds this, in [0, 1). @default {0}
   */
  readonly staleness?: number;
  /** Whether steps wait for full bases, or go on with the old ones. @default {{ kind: "immediate" }} */
  readonly refresh?: RefreshMode;
  /** Failed refreshes of a layer in a row that are borne before a step throws. @default {5} */
  readonly toleratedFailures?: number;
  /**
   * Which block a parameter gets: `kronecker` is the method's own, for scales and shifts of layer normalisations
   * the exact 2 x 2 block of each channel. Parameters of batch normalisations, scales without shifts and
   * parameters of no known layer kind can only be diagonal.
   * @default {the method's own, diagonal where the layer leaves no captures}
   */
  readonly blocks?: (parameter: Parameter) => "kronecker" | "diagonal";
}

const names: readonly (keyof KroneckerOptions)[] = [
  ...stepOptionNames,
  "preset",
  "damping",
  "dampingAdaptation",
  "fisher",
  "observe",
  "observationLimit",
  "intervals",
  "denseStart",
  "staggered",
  "averaging",
  "factorDecay",
  "eigenvalueDecay",
  "staleness",
  "refresh",
  "toleratedFailures",
  "blocks",
];

/** How a method makes its blocks. */
export interface BlockMaker {
  /** Name of the method. */
  readonly method: Exclude<BlockMethod, "diagonal" | "scaleShift">;
  /** Names of options of the method alone, which its caller checks. */
  readonly extraNames: readonly string[];
  /** The method's block of a parameter, of an embedding too. */
  readonly create: (backend: Backend, parameter: Parameter, options: BlockOptions) => Block;
  /** Whether all bases are of full rank. */
  readonly full: boolean;
}

/**
 * Builds an optimizer from the constructor of its blocks.
 *
 * @param objective The model and its loss.
 * @param options The user's.
 * @throws {OptionError} On an unknown option or a value outside its range; nothing is allocated then.
 */
export function kroneckerOptimizer<B>(
  objective: Objective<B>,
  options: KroneckerOptions & { readonly exponent?: number },
  { method, extraNames, create, full }: BlockMaker,
): Optimizer<B> {
  const subject = `Cannot create ${method.toUpperCase()}`;
  checkKnownKeys(subject, options, [...names, ...extraNames]);
  const preset = presetOf(subject, options);
  const step = resolveStepOptions(subject, options, preset);
  const damping = resolveDamping(subject, options.damping ?? preset.damping);
  const adaptation = resolveAdaptation(subject, options.dampingAdaptation ?? false);
  checkAdaptation(subject, objective, step, options);
  const fisher = resolveFisher(subject, objective, options.fisher, preset);
  const decay = { min: 0, below: 1 };
  const schedule = (name: "factorDecay" | "eigenvalueDecay"): Schedule =>
    checkSchedule(subject, name, options[name] ?? 0.95, decay);
  const denseStart = options.denseStart ?? preset.denseStart;
  const intervals = full ? preset.fullIntervals : preset.intervals;
  const plan = resolvePlan(subject, { ...options, denseStart }, intervals);
  const estimatorOptions = {
    plan,
    averaging: checkChoice(subject, "averaging", options.averaging ?? preset.averaging, [
      "corrected",
      "seeded",
    ]),
    factorDecay: schedule("factorDecay"),
    eigenvalueDecay: schedule("eigenvalueDecay"),
    staleness: checkNumber(subject, "staleness", options.staleness ?? 0, decay),
    refresh: resolveRefreshMode(subject, options.refresh ?? { kind: "immediate" }),
    toleratedFailures: checkNumber(subject, "toleratedFailures", options.toleratedFailures ?? 5, {
      min: 0,
      integer: true,
    }),
  };
  const { observationLimit = preset.observationLimit } = options;
  const observation = {
    fisher,
    wholeUntil: plan.denseStart === false ? 0 : plan.denseStart.steps,
    share: resolveShare(subject, { ...preset.observe, ...options.observe }),
    limit: observationLimit !== false &&
      checkNumber(subject, "observationLimit", observationLimit, { above: 1 }),
  };
  const { backend, parameters } = objective;
  const choices = parameters.map((parameter) => chooseBlock(subject, parameter, options.blocks));
  let blocks: readonly Block[] = [];
  const adapter = adaptation === false ? undefined : new DampingAdapter(backend, adaptation);
  const context: BlockOptions = {
    damping,
    convolutions: () => blocks.filter(hasKroneckerConvolution),
    ...(adapter === undefined ? {} : { dampingFactor: adapter.factor }),
  };
  try {
    blocks = madeForEach(
      parameters,
      (index) => {
        const parameter = parameters[index];
        if (choices[index] === "diagonal") return new DiagonalBlock(backend, parameter, context);
        if (parameter.layer.kind !== "scaleShift") return create(backend, parameter, context);
        return new ScaleShiftBlock(backend, parameter, {
          ...context,
          exponent: options.exponent ?? 1,
        });
      },
    );
  } catch (error) {
    adapter?.[Symbol.dispose]();
    throw error;
  }
  const estimator = new CurvatureEstimator(backend, blocks, estimatorOptions);
  const preconditioner = new KroneckerPreconditioner(
    backend,
    method,
    estimator,
    plan,
    adapter,
  );
  return new Optimizer(objective, preconditioner, step, observation);
}

/** The preset that options name. */
export function presetOf(
  subject: string,
  { preset = "default" }: KroneckerOptions,
): KroneckerPreset {
  return presets[checkChoice(subject, "preset", preset, ["default", "paper"])];
}

function checkAdaptation<B>(
  subject: string,
  objective: Objective<B>,
  { weightDecay }: ResolvedStepOptions,
  { dampingAdaptation = false }: KroneckerOptions,
): void {
  if (dampingAdaptation === false) return;
  if (weightDecay !== false && weightDecay.kind === "l2") {
    const expectation = "must be of kind 'decoupled' where damping is adapted";
    throw new OptionError(subject, "weightDecay.kind", expectation, weightDecay.kind);
  }
  if (objective.losses === false) {
    const expectation = "must be false for a model that is not asked for its loss at trial weights";
    throw new OptionError(subject, "dampingAdaptation", expectation, dampingAdaptation);
  }
}

function resolveFisher<B>(
  subject: string,
  { canSample = true }: Objective<B>,
  fisher: Fisher | undefined,
  preset: KroneckerPreset,
): Fisher {
  if (fisher === undefined) {
    const sampled = preset.fisher.kind === "gaussNewton" || preset.fisher.kind === "monteCarlo";
    return sampled && !canSample ? { kind: "perLoss" } : preset.fisher;
  }
  checkKnownKeys(subject, fisher, ["kind"], "fisher.");
  const kinds = ["gaussNewton", "monteCarlo", "empirical", "perLoss"] as const;
  return { kind: checkChoice(subject, "fisher.kind", fisher.kind, kinds) };
}

function resolveShare(subject: string, observe: ObservedShare): ObservedShare {
  checkKnownKeys(subject, observe, ["share", "atLeast"], "observe.");
  return {
    share: checkNumber(subject, "observe.share", observe.share, { above: 0, max: 1 }),
    atLeast: checkNumber(subject, "observe.atLeast", observe.atLeast, { min: 1, integer: true }),
  };
}

function hasKroneckerConvolution({ parameter, method }: Block): boolean {
  return parameter.layer.kind === "conv2d" && method !== "diagonal";
}

function chooseBlock(
  subject: string,
  parameter: Parameter,
  choose: KroneckerOptions["blocks"],
): "kronecker" | "diagonal" {
  const { layer, value } = parameter;
  const own = leavesCaptures(layer) || layer.kind === "embedding" ||
    (layer.kind === "scaleShift" && value.rows === 2);
  const possible = own ? ["kronecker" as const, "diagonal" as const] : ["diagonal" as const];
  const choice = choose === undefined ? possible[0] : choose(parameter);
  if (!(possible as string[]).includes(choice)) {
    throw new OptionError(
      subject,
      "blocks",
      `must choose ${possible.map((p) => `'${p}'`).join(" or ")} for parameter ` +
        `'${parameter.name}', so that every parameter is claimed`,
      choice,
    );
  }
  return choice;
}

/**
 * Preconditions by the damped inverse of each layer's block.
 *
 * @example The curvature inside an optimizer
 * ```ts
 * import assert from "node:assert/strict";
 * import {
 *   createBackend,
 *   dense,
 *   objective,
 *   sequential,
 *   squaredError,
 *   tekfac,
 * } from "@tekfac/tekfac";
 * import { KroneckerPreconditioner } from "@tekfac/tekfac/optim";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
 * using optimizer = tekfac(objective(model, squaredError()));
 * const { preconditioner } = optimizer;
 * assert(preconditioner instanceof KroneckerPreconditioner);
 * assert.equal(preconditioner.estimator.blocks.length, 1);
 * ```
 */
export class KroneckerPreconditioner implements Preconditioner {
  readonly method: string;
  /** The model's curvature; owned. */
  readonly estimator: CurvatureEstimator;
  readonly adapter: DampingAdapter | undefined;
  readonly #backend: Backend;
  readonly #plan: RefreshPlan;

  /** Takes over the estimator and the adapter. */
  constructor(
    backend: Backend,
    method: string,
    estimator: CurvatureEstimator,
    plan: RefreshPlan,
    adapter?: DampingAdapter,
  ) {
    this.#backend = backend;
    this.method = method;
    this.estimator = estimator;
    this.adapter = adapter;
    this.#plan = plan;
  }

  get plan(): string {
    const { intervals, denseStart, staggered } = this.#plan;
    const every = (interval: Schedule): string =>
      typeof interval === "number" ? `every ${interval} steps` : "on a schedule";
    return `statistics ${every(intervals.statistics)}, bases ${every(intervals.basis)}` +
      `${staggered ? " (staggered)" : ""}, eigenvalues ${every(intervals.eigenvalues)}` +
      (denseStart === false
        ? ""
        : `; dense start: every one of the first ${denseStart.steps} steps, bases at steps ` +
          denseStart.basisAt.join(", "));
  }

  get state(): Readonly<Record<string, Matrix>> {
    const matrices = this.estimator.blocks.flatMap(({ parameter, state }) =>
      Object.entries(state).map(([name, matrix]): [string, Matrix] => [
        `${parameter.name}.${name}`,
        matrix,
      ])
    );
    return Object.fromEntries(
      this.adapter === undefined
        ? matrices
        : [...matrices, ["damping.factor", this.adapter.factor]],
    );
  }

  counters(): Counters {
    const { averages, failures } = this.estimator;
    return {
      factorObservations: averages.factors.count,
      eigenvalueObservations: averages.eigenvalues.count,
      failures: [...failures],
    };
  }

  restore(counters: Counters): void {
    const { averages, failures, blocks } = this.estimator;
    const { factorObservations, eigenvalueObservations, failures: saved } = counters;
    if (
      typeof factorObservations !== "number" || typeof eigenvalueObservations !== "number" ||
      !Array.isArray(saved) || saved.length !== failures.length
    ) {
      throw new StateError("Cannot restore curvature: its counters are missing or damaged");
    }
    averages.factors.count = factorObservations;
    averages.eigenvalues.count = eigenvalueObservations;
    saved.forEach((count, index) => failures[index] = count);
    if (factorObservations > 0) { for (const block of blocks) block.restored(); }
  }

  update(step: number, batch: ObservedBatch): PreconditionerUpdate {
    const { statistics, eigenvalues } = this.estimator.dueAt(step);
    const renewals = this.estimator.update(step, batch);
    return { observed: { statistics, eigenvalues }, renewals };
  }

  precondition(index: number, source: Matrix, step: number): Matrix {
    const block = this.estimator.blocks[index];
    const direction = this.#backend.scratch(source.rows, source.cols);
    this.#backend.scope(() => block.precondition(direction, source, step));
    return direction;
  }

  settle(step: number): void {
    this.#backend.scope(() => this.estimator.settle(step));
  }

  damping(index: number): Scalar | undefined {
    return this.estimator.blocks[index].damping.current;
  }

  judge(index: number, refresh: Refresh, step: number): void {
    this.estimator.judge(index, refresh, step);
  }

  describe(index: number): PreconditionerRow {
    const { method, state } = this.estimator.blocks[index];
    // Factors, or what is kept of them.
    const { outputFactor = state.outputBasis, inputFactor = state.inputBasis } = state;
    const size = (matrix: Matrix): string => `${matrix.rows} x ${matrix.cols}`;
    return {
      block: method,
      factors: outputFactor === undefined ? "" : `${size(outputFactor)}, ${size(inputFactor)}`,
      elements: Object.values(state).reduce((sum, { rows, cols }) => sum + rows * cols, 0),
    };
  }

  spectrum(index: number): Matrix {
    return this.estimator.blocks[index].spectrum();
  }

  /** Disposes the estimator, its blocks and the adapter. */
  [Symbol.dispose](): void {
    this.estimator[Symbol.dispose]();
    this.adapter?.[Symbol.dispose]();
  }
}
