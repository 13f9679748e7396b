/**
 * The form of settings: from the visitor's choices to {@linkcode Settings} and back.
 *
 * @module
 */

/// <reference lib="dom" />

import {
  type BackendChoice,
  type Contestant,
  hasCurvature,
  type Network,
  type OptimizerName,
  optimizerNames,
  presetOf,
  type Settings,
  titleOf,
} from "./settings.ts";

/** The fields of one contestant. */
interface ContestantFields {
  readonly optimizer: HTMLSelectElement;
  readonly damping: HTMLInputElement;
  readonly learningRate: HTMLInputElement;
}

/** The form, and what it says. */
export class SettingsForm {
  readonly #form: HTMLFormElement;
  readonly #contestants: readonly HTMLFieldSetElement[];

  /** Fills in the optimizers and their presets. */
  constructor(form: HTMLFormElement) {
    this.#form = form;
    this.#contestants = [...form.querySelectorAll<HTMLFieldSetElement>("[data-contestant]")];
    for (const fieldset of this.#contestants) {
      const { optimizer } = fieldsOf(fieldset);
      for (const name of optimizerNames) optimizer.add(new Option(titleOf(name), name));
      optimizer.addEventListener("change", () => this.#preset(fieldset));
      this.#preset(fieldset);
    }
    this.#field("network").addEventListener("change", () => {
      this.#contestants.forEach((fieldset) => this.#preset(fieldset));
    });
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  /** Whether everything is filled in; shows the visitor what is not. */
  complete(): boolean {
    return this.#form.reportValidity();
  }

  /** The visitor's choices. */
  read(): Settings {
    return {
      network: this.#field("network").value as Network,
      backend: this.#field("backend").value as BackendChoice,
      epochs: Number(this.#field("epochs").value),
      contestants: this.#contestants.map(fieldsOf)
        .filter(({ optimizer }) => optimizer.value !== "")
        .map(({ optimizer, damping, learningRate }) => ({
          optimizer: optimizer.value as OptimizerName,
          damping: Number(damping.value),
          learningRate: Number(learningRate.value),
        })),
    };
  }

  /** Shows settings that came from elsewhere. */
  write({ network, backend, epochs, contestants }: Settings): void {
    this.#field("network").value = network;
    this.#field("backend").value = backend;
    this.#field("epochs").value = String(epochs);
    this.#contestants.forEach((fieldset, i) => this.#show(fieldset, contestants[i]));
  }

  /** Whether the visitor may change anything. */
  set enabled(enabled: boolean) {
    this.#form.querySelectorAll("fieldset").forEach((fieldset) => fieldset.disabled = !enabled);
  }

  /** Sets the numbers of a contestant to what suits its optimizer and the network. */
  #preset(fieldset: HTMLFieldSetElement): void {
    const { value } = fieldsOf(fieldset).optimizer;
    const network = this.#field("network").value as Network;
    this.#show(fieldset, value === "" ? undefined : presetOf(network, value as OptimizerName));
  }

  #show(fieldset: HTMLFieldSetElement, contestant: Contestant | undefined): void {
    const { optimizer, damping, learningRate } = fieldsOf(fieldset);
    optimizer.value = contestant?.optimizer ?? "";
    const curved = contestant !== undefined && hasCurvature(contestant.optimizer);
    for (
      const [field, used, value] of [
        [damping, curved, contestant?.damping],
        [learningRate, contestant !== undefined && !curved, contestant?.learningRate],
      ] as const
    ) {
      field.value = String(value ?? "");
      // What is not used is not to be filled in, either.
      field.disabled = !used;
      field.closest("label")!.hidden = !used;
    }
  }

  #field(name: string): HTMLSelectElement | HTMLInputElement {
    return this.#form.elements.namedItem(name) as HTMLSelectElement | HTMLInputElement;
  }
}

function fieldsOf(fieldset: HTMLFieldSetElement): ContestantFields {
  const field = (name: string) => fieldset.querySelector(`[name=${name}]`);
  return {
    optimizer: field("optimizer") as HTMLSelectElement,
    damping: field("damping") as HTMLInputElement,
    learningRate: field("learningRate") as HTMLInputElement,
  };
}
