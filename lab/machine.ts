/**
 * Where a comparison ran, and whether its times can be trusted.
 *
 * The benches have a watch of their own, which the library may not import.
 *
 * @module
 */

import os from "node:os";
import process from "node:process";
import type { Finding } from "./laboratory.ts";

/** The processor and the number of cores this process may use: `"AMD EPYC, 2 cores"`. */
export function machineName(): string {
  const cores = navigator.hardwareConcurrency;
  const model = os.cpus()[0]?.model.replaceAll(/\(R\)|\(TM\)|\bCPU\b|@.*$/g, " ") ?? "unknown CPU";
  return `${model.replaceAll(/\s+/g, " ").trim()}, ${cores} core${cores === 1 ? "" : "s"}`;
}

/** The runtime and its version: `"Deno 2.9.6, x86_64-unknown-linux-gnu"`. */
export function runtimeName(): string {
  return `Deno ${Deno.version.deno}, ${Deno.build.target}`;
}

/** Share of the cores that others may use without disturbing times. */
const QUIET_SHARE = 0.1;

/** Mean step times of equal work that differ by more were disturbed. */
const QUIET_SPREAD = 1.2;

/** Watches how much of the machine other programs use, by the processor's own accounts. */
export class ContentionWatch {
  #begin = accounts();

  /** Begins to watch. */
  restart(): void {
    this.#begin = accounts();
  }

  /** Share of all cores that other programs have used since then, in [0, 1]; 0 where it is unknown. */
  get others(): number {
    const end = accounts();
    const all = end.all - this.#begin.all;
    if (!(all > 0)) return 0;
    const busy = end.busy - this.#begin.busy;
    const own = end.own - this.#begin.own;
    return Math.min(1, Math.max(0, (busy - own) / all));
  }
}

/** Milliseconds of all cores since the machine began, and of this process with its threads. */
function accounts(): { readonly all: number; readonly busy: number; readonly own: number } {
  const times = os.cpus().map(({ times }) => times);
  const sum = (pick: (of: typeof times[number]) => number): number =>
    times.reduce((total, of) => total + pick(of), 0);
  const busy = sum(({ user, nice, sys, irq }) => user + nice + sys + irq);
  const { user, system } = process.cpuUsage();
  return { all: busy + sum(({ idle }) => idle), busy, own: (user + system) / 1000 };
}

/**
 * What speaks against the times of a comparison, or `undefined` when nothing does: other programs were at
 * work, or an optimizer's steps, which are the same work with every seed, took unequal times.
 *
 * @param optimizers What was found.
 * @param others Share of the cores that others used during each run.
 */
export function contention(
  optimizers: readonly Finding[],
  others: readonly number[],
): string | undefined {
  const spreads = optimizers.flatMap(({ name, runs }) => {
    const times = runs.map(({ stepMs }) => stepMs);
    const ratio = Math.max(...times) / Math.min(...times);
    return runs.length > 1 && ratio > QUIET_SPREAD ? [{ name, ratio }] : [];
  });
  const worst = spreads.toSorted((a, b) => b.ratio - a.ratio)[0];
  const disturbed = others.filter((share) => share > QUIET_SHARE);
  const signs = [
    ...(disturbed.length === 0 ? [] : [
      `other programs used up to ${Math.round(100 * Math.max(...disturbed))} % of the cores in ` +
      `${disturbed.length} of ${others.length} runs`,
    ]),
    ...(worst === undefined
      ? []
      : [`steps of ${worst.name} took times that differ by a factor of ${worst.ratio.toFixed(2)}`]),
  ];
  return signs.length === 0 ? undefined : `contended: ${signs.join(", and ")}`;
}
