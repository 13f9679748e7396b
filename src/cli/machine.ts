/**
 * Where a comparison ran, and whether its times can be trusted.
 *
 * The benches have a watch of their own, which the library may not import.
 *
 * @module
 */

import os from "node:os";
import type { Finding } from "../training/laboratory.ts";

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

/** Programs waiting for a core in the last minute, per core. */
export function loadPerCore(): number {
  return os.loadavg()[0] / navigator.hardwareConcurrency;
}

/** A load that leaves the cores to this process. */
const QUIET_LOAD = 0.35;

/** Mean step times of equal work that differ by more were disturbed. */
const QUIET_SPREAD = 1.2;

/**
 * What speaks against the times of a comparison, or `undefined` when nothing does: others were waiting
 * for a core before it began, or an optimizer's steps, which are the same work with every seed, took
 * unequal times.
 */
export function contention(optimizers: readonly Finding[], load: number): string | undefined {
  const spreads = optimizers.flatMap(({ name, runs }) => {
    const times = runs.map(({ stepMs }) => stepMs);
    const ratio = Math.max(...times) / Math.min(...times);
    return runs.length > 1 && ratio > QUIET_SPREAD ? [{ name, ratio }] : [];
  });
  const worst = spreads.toSorted((a, b) => b.ratio - a.ratio)[0];
  const signs = [
    ...(load > QUIET_LOAD ? [`the load was ${load.toFixed(2)} per core before the start`] : []),
    ...(worst === undefined
      ? []
      : [`steps of ${worst.name} took times that differ by a factor of ${worst.ratio.toFixed(2)}`]),
  ];
  return signs.length === 0 ? undefined : `contended: ${signs.join(", and ")}`;
}
