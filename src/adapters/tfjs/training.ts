/**
 * One TensorFlow.js model in training: its matrices on a backend of this library, their optimizer, and
 * the step that joins the two.
 *
 * @module
 */

import {
  fill,
  mul,
  type Scalar,
  type Tensor,
  tensor,
  tidy,
  type Variable,
} from "npm:@tensorflow/tfjs-core@4.22.0";
import type { LayersModel } from "npm:@tensorflow/tfjs-layers@4.22.0";
import type { Backend } from "../../backend/backend.ts";
import { createBackendSync } from "../../backend/choice/select_sync.ts";
import { sequenceVerbs } from "../../backend/wasm/sequences/extension.ts";
import { OptionError, StateError } from "../../core/errors.ts";
import type { Matrix } from "../../core/matrix.ts";
import { loadState, saveState } from "../../optim/checkpoint.ts";
import type { ExternalBatch } from "../../optim/external_batch.ts";
import { addGradient, toCapture } from "../../optim/external_capture.ts";
import { isMatrix, type Numbers } from "../../optim/external_numbers.ts";
import { type ExternalModel, externalModel } from "../../optim/external_model.ts";
import type { Optimizer } from "../../optim/optimizer.ts";
import type { StepHandle, StepReport } from "../../optim/report.ts";
import { decodeSafetensors, encodeSafetensors, type NamedArray } from "../../optim/safetensors.ts";
import { type Exchange, exchangeOf } from "./exchange.ts";
import { type Site, watchedLayers, type WatchedModel } from "./layers.ts";
import {
  createInner,
  needsCaptures,
  type RateOfSteps,
  SUBJECT,
  type TekfacOptimizerOptions,
} from "./options.ts";
import { type Pass, recordPass } from "./pass.ts";
import { WeightLink } from "./weights.ts";

/** A tensor by its name in a saved optimizer. */
export interface NamedTensor {
  /** The name. */
  name: string;
  /** The tensor. */
  tensor: Tensor;
}

/** Numbers of a saved optimizer on the host. */
export interface SavedState {
  /** Matrices by name. */
  readonly arrays: Readonly<Record<string, NamedArray>>;
  /** Everything else. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Names of saved tensors begin with this, so that they are none of the model's. */
const PREFIX = "tekfac/";

/** The saved tensor that holds text. */
const PROGRESS = PREFIX + "progress";

/** What became of a step. */
export interface TakenStep {
  /** The loss before the step; the caller disposes it. */
  readonly value: Scalar;
  /** What the step did; `undefined` on a GPU, which is not waited for. */
  readonly report: StepReport | undefined;
  /** The same, waited for. */
  readonly handle: StepHandle;
}

/** A model, its matrices and its optimizer. Owns no tensors. */
export class Training implements Disposable {
  /** The optimizer of this library. */
  readonly inner: Optimizer<ExternalBatch>;
  /** Its learning rate. */
  readonly rate: RateOfSteps;
  /** Sentences on what may surprise, and on layers that have less of the method than others. */
  readonly notes: readonly string[];
  readonly #model: WatchedModel;
  readonly #sites: readonly Site[];
  readonly #ownBackend: Backend | undefined;
  readonly #external: ExternalModel;
  readonly #exchange: Exchange;
  readonly #link: WeightLink;

  /**
   * Allocates everything; the caller disposes it.
   *
   * @throws {StateError} When the model has no layers or nothing to train, or `backend` is on a GPU that
   * is not the framework's.
   * @throws {OptionError} On an unknown option or a value outside its range. Nothing is allocated then.
   */
  constructor(model: LayersModel, options: TekfacOptimizerOptions) {
    this.#model = watchedLayers(model);
    const { diagonals, warnings } = this.#model;
    this.notes = needsCaptures(options) ? [...warnings, ...diagonals] : warnings;
    this.#sites = this.#model.layers.flatMap(({ sites }) => sites);
    this.#ownBackend = options.backend === undefined ? createBackendSync() : undefined;
    const backend = options.backend ?? this.#ownBackend!;
    let external: ExternalModel | undefined;
    try {
      const exchange = exchangeOf(backend);
      if (exchange === undefined) {
        const expectation =
          "must be a synchronous backend of this library, such as 'wasm', or one on " +
          "TensorFlow.js's own GPU device, without recovery";
        throw new OptionError(SUBJECT, "backend", expectation, backend.name);
      }
      exchange.check();
      this.#exchange = exchange;
      if (this.#sites.some(({ parameter }) => parameter.layer.kind === "embedding")) {
        backend.extend(sequenceVerbs);
      }
      external = externalModel(backend, this.#sites.map(({ parameter }) => parameter));
      const { optimizer, rate } = createInner(external, options);
      this.inner = optimizer;
      this.rate = rate;
    } catch (error) {
      external?.[Symbol.dispose]();
      this.#ownBackend?.[Symbol.dispose]();
      throw error;
    }
    this.#external = external;
    this.#link = new WeightLink(this.#sites, external, this.#exchange);
  }

  /**
   * Throws unless these are the variables that are trained.
   *
   * @throws {StateError} Naming what is different.
   */
  check(variables: readonly Variable[]): void {
    const own = new Set(this.#sites.flatMap(({ variables }) => variables));
    const stranger = variables.find((variable) => !own.has(variable));
    if (stranger === undefined && variables.length === own.size) return;
    throw new StateError(
      "Cannot step: expected the variables that were trainable when the optimizer was created, received " +
        (stranger === undefined
          ? `${variables.length} of ${own.size}`
          : `'${stranger.name}' of another model or layer`) +
        "; create an optimizer for the model as it is now, and compile with it",
    );
  }

  /**
   * Takes a step; on a GPU, enqueues it.
   *
   * @param f Computes the loss by calling the model.
   */
  step(f: () => Scalar): TakenStep {
    const { backend } = this.#external;
    this.#exchange.check();
    return backend.scope(() => {
      this.#link.pull();
      const pass = recordPass(f, this.#model.layers, {
        external: this.#external,
        exchange: this.#exchange,
      });
      try {
        const batch = this.#batchOf(pass);
        const handle = this.inner.step(batch);
        this.#link.push();
        return { value: pass.value, report: handle.known, handle };
      } catch (error) {
        pass.value.dispose();
        throw error;
      }
    });
  }

  /** The optimizer's state without the weights, as tensors that the caller disposes. */
  async save(): Promise<NamedTensor[]> {
    const { arrays, metadata } = decodeSafetensors(await saveState(this.inner));
    const weights = this.#weightNames();
    const matrices = Object.entries(arrays).filter(([name]) => !weights.has(name));
    return [
      { name: PROGRESS, tensor: tensor([JSON.stringify(metadata)], [1], "string") },
      ...matrices.map(([name, { shape, data }]) => ({
        name: PREFIX + name,
        tensor: tensor(Float32Array.from(data), [...shape], "float32"),
      })),
    ];
  }

  /**
   * Goes on from a saved state, with the weights that the model has now.
   *
   * @throws {StateError} When it was saved from another model or by another method; nothing is changed.
   */
  load({ arrays, metadata }: SavedState): void {
    // A checkpoint has weights too; those that count are the variables, taken over afterwards.
    const own = [...this.#weightNames()].map(([file, name]): [string, NamedArray] => {
      const { rows, cols } = this.#external.parameters.find((p) => p.name === name)!.value;
      return [file, { shape: [rows, cols], data: new Float32Array(rows * cols) }];
    });
    const all = { ...arrays, ...Object.fromEntries(own) };
    loadState(this.inner, encodeSafetensors({ arrays: all, metadata }));
    this.#link.forget();
  }

  /** Gives everything back. */
  [Symbol.dispose](): void {
    this.inner[Symbol.dispose]();
    this.#external[Symbol.dispose]();
    this.#ownBackend?.[Symbol.dispose]();
  }

  /** Names of the weights in a checkpoint, and of their parameters. */
  #weightNames(): Map<string, string> {
    return new Map(this.#external.parameters.map(({ name }) => [`${name}.weights`, name]));
  }

  /** What the optimizer takes: whether numbers are finite is for the step to judge. */
  #batchOf({ value, examples, captures, gradients }: Pass): ExternalBatch {
    const { backend } = this.#external;
    const loss = backend.scratch(1, examples);
    tidy(() => this.#exchange.write(loss, mul(fill([1, examples], 1), value)));
    for (const [site, gradient] of gradients) {
      // The gradient of the mean loss, as captures tell it, to that of a penalty.
      const blend = { decay: 1, scale: 1 / examples };
      for (const use of captures.get(site) ?? []) {
        const capture = toCapture(backend, site.parameter, use, examples, matrixOf);
        addGradient(backend, gradient, capture, blend);
      }
    }
    const named = <T>(found: ReadonlyMap<Site, T>): Record<string, T> =>
      Object.fromEntries([...found].map(([{ parameter }, what]) => [parameter.name, what]));
    return { examples, loss, captures: named(captures), gradients: named(gradients) };
  }
}

/** All that a pass leaves is on the backend already. */
function matrixOf(numbers: Numbers): Matrix {
  if (isMatrix(numbers)) return numbers;
  throw new StateError("Cannot use a capture: its numbers are not on the backend");
}

/**
 * Copies saved tensors to the host.
 *
 * @throws {StateError} When they are not those of {@linkcode Training.save}.
 */
export async function readSaved(tensors: readonly NamedTensor[]): Promise<SavedState> {
  const arrays: Record<string, NamedArray> = {};
  let metadata: Record<string, string> | undefined;
  for (const { name, tensor } of tensors) {
    if (name === PROGRESS) metadata = JSON.parse((await tensor.data<"string">())[0]);
    else if (name.startsWith(PREFIX)) {
      const data = Float32Array.from(await tensor.data());
      arrays[name.slice(PREFIX.length)] = { shape: tensor.shape, data };
    }
  }
  if (metadata !== undefined) return { arrays, metadata };
  throw new StateError(
    `Cannot set the weights of TekfacOptimizer: expected a tensor '${PROGRESS}' among them, received ` +
      (tensors.map(({ name }) => `'${name}'`).join(", ") || "none"),
  );
}
