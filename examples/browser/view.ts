/**
 * Everything that shows how a training is doing: table, curves, spectra, misread digits.
 *
 * @module
 */

/// <reference lib="dom" />

import { Chart, type Line } from "./charts.ts";
import { showMistakes } from "./mistakes.ts";
import type { Evaluation, History, Progress, TrainingFacts } from "./protocol.ts";
import { type Contestant, fixed, hasCurvature, titleOf } from "./settings.ts";

/** Steps over which the loss is averaged. */
const SMOOTHING = 10;

/** What the curves are drawn against. */
type Abscissa = "steps" | "seconds";

/** The part of the page below the buttons. */
export class View {
  readonly #loss = new Chart(byId("loss"));
  readonly #accuracy = new Chart(byId("accuracy"));
  readonly #abscissa = byId("abscissa") as HTMLSelectElement;
  #contestants: readonly Contestant[] = [];
  #histories: readonly History[] = [];
  #steps = 0;
  /** Rows, charts and lists of each contestant. */
  #panels: readonly Panel[] = [];

  /** Shows nothing yet. */
  constructor() {
    this.#abscissa.addEventListener("change", () => this.#draw());
  }

  /** Begins with a training, which may have a history already. */
  begin({ settings: { contestants }, steps, histories }: TrainingFacts): void {
    this.#contestants = contestants;
    this.#steps = steps;
    this.#histories = histories;
    this.#panels = contestants.map((contestant) => new Panel(contestant));
    byId("figures").querySelector("tbody")!.replaceChildren(...this.#panels.map((p) => p.row));
    byId("spectra").replaceChildren(...this.#panels.map((p) => p.spectra));
    byId("mistakes").replaceChildren(...this.#panels.map((p) => p.mistakes));
    this.#draw();
  }

  /** Adds steps. */
  add(progress: Progress): void {
    progress.forEach(({ losses, seconds }, i) => {
      this.#histories[i].losses.push(...losses);
      this.#histories[i].seconds.push(...seconds);
    });
    this.#draw();
  }

  /** Adds evaluations. */
  judge(evaluations: readonly Evaluation[]): void {
    evaluations.forEach((evaluation, i) => {
      const { step, seconds, accuracy } = evaluation;
      const { accuracies } = this.#histories[i];
      // A restored training is judged where it was saved, which may have been done before.
      if (accuracies.at(-1)?.step !== step) accuracies.push({ step, seconds, accuracy });
      this.#panels[i].judge(evaluation);
    });
    this.#draw();
  }

  #draw(): void {
    const abscissa = this.#abscissa.value as Abscissa;
    const x = { label: abscissa === "steps" ? "Step" : "Seconds" };
    const names = this.#contestants.map(nameOf);
    this.#loss.show({
      x,
      y: { label: "Loss", log: true },
      lines: this.#histories.flatMap((history, i) => lossLines(history, abscissa, names[i], i)),
    });
    this.#accuracy.show({
      x,
      y: { label: "Accuracy, %" },
      lines: this.#histories.map(({ accuracies }, color) => ({
        ...{ label: names[color], color },
        x: accuracies.map((point) => abscissa === "steps" ? point.step : point.seconds),
        y: accuracies.map(({ accuracy }) => 100 * accuracy),
      })),
    });
    this.#panels.forEach((panel, i) => panel.count(this.#histories[i]));
    const taken = this.#histories[0]?.losses.length ?? 0;
    const bar = byId("progress") as HTMLProgressElement;
    bar.max = Math.max(1, this.#steps);
    bar.value = taken;
  }
}

/** What belongs to one contestant alone. */
class Panel {
  /** Row of the table. */
  readonly row = document.createElement("tr");
  /** Its chart of spectra, or a word about why there is none. */
  readonly spectra = document.createElement("figure");
  /** Its misread digits. */
  readonly mistakes = document.createElement("div");
  readonly #contestant: Contestant;
  readonly #chart: Chart | undefined;
  readonly #heading = document.createElement("h3");
  readonly #list = document.createElement("ul");

  constructor(contestant: Contestant) {
    this.#contestant = contestant;
    const name = nameOf(contestant);
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = name;
    this.row.append(head, ...Array.from({ length: 4 }, () => document.createElement("td")));

    const caption = document.createElement("figcaption");
    this.spectra.append(caption);
    if (hasCurvature(contestant.optimizer)) {
      caption.textContent = name;
      const place = document.createElement("div");
      place.className = "chart";
      place.role = "img";
      place.ariaLabel = `Chart of the eigenvalues, ${name}`;
      this.spectra.append(place);
      this.#chart = new Chart(place);
    } else {
      caption.textContent = `${
        titleOf(contestant.optimizer)
      } has no spectrum: it approximates no Fisher information.`;
    }

    this.#heading.textContent = name;
    this.#list.className = "digits";
    this.mistakes.append(this.#heading, this.#list);
  }

  /** Shows what an evaluation found. */
  judge({ accuracy, wrong, mistakes, spectra }: Evaluation): void {
    this.row.cells[3].textContent = `${(100 * accuracy).toFixed(1)} %`;
    this.#heading.textContent = `${nameOf(this.#contestant)}: ${wrong} of ${fixed.test}`;
    showMistakes(this.#list, mistakes);
    this.#chart?.show({
      x: { label: "Rank of the eigenvalue", log: true },
      y: { label: "Eigenvalue", log: true },
      lines: spectra.map(({ layer, ranks, eigenvalues }, color) => ({
        ...{ label: layer, color, x: ranks, y: eigenvalues },
      })),
    });
  }

  /** Shows how far it has come. */
  count({ losses, seconds }: History): void {
    if (losses.length === 0) return;
    this.row.cells[1].textContent = String(losses.length);
    this.row.cells[2].textContent = smoothed(losses).at(-1)!.toPrecision(3);
    this.row.cells[4].textContent = (1000 * seconds.at(-1)! / losses.length).toFixed(1);
  }
}

/** Optimizer and its number. */
function nameOf({ optimizer, damping, learningRate }: Contestant): string {
  const number = hasCurvature(optimizer) ? `damping ${damping}` : `rate ${learningRate}`;
  return `${titleOf(optimizer)}, ${number}`;
}

function lossLines(history: History, abscissa: Abscissa, label: string, color: number): Line[] {
  const { losses, seconds } = history;
  const x = abscissa === "steps" ? losses.map((_, i) => i + 1) : seconds;
  return [
    { label: `${label}, each step`, x, y: losses, color, raw: true },
    { label, x, y: smoothed(losses), color },
  ];
}

/** Mean of each value and those up to nine before it. */
function smoothed(values: readonly number[]): number[] {
  let sum = 0;
  return values.map((value, i) => {
    sum += value - (i >= SMOOTHING ? values[i - SMOOTHING] : 0);
    return sum / Math.min(i + 1, SMOOTHING);
  });
}

function byId(id: string): HTMLElement {
  return document.getElementById(id)!;
}
