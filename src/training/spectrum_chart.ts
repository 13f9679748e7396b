/**
 * Eigenvalues as a chart.
 *
 * @module
 */

import type { LayerSpectrum } from "../optim/spectra.ts";
import type { Chart } from "../pages/page.ts";
import { MOST_POINTS } from "./loss_chart.ts";

/** Eigenvalues by rank, a line per layer. */
export function spectrumChart(spectra: readonly LayerSpectrum[]): Chart {
  return {
    title: "Spectrum of each layer's curvature",
    note: "Eigenvalues of each layer's approximation of the Fisher matrix at the end, without " +
      "damping, the largest first. A steep line is a layer in which directions differ most.",
    x: { label: "rank", log: true },
    y: { label: "eigenvalue", log: true },
    ordered: true,
    series: spectra.map(({ name, eigenvalues }, color) => {
      const floor = eigenvalues[0] * 1e-12;
      const ranks = ranksToShow(eigenvalues.length).filter((rank) => eigenvalues[rank - 1] > floor);
      return { name, x: ranks, y: ranks.map((rank) => eigenvalues[rank - 1]), color };
    }),
  };
}

/** Ranks 1..length that are evenly spread on a logarithmic axis, both ends included. */
function ranksToShow(length: number): number[] {
  const ranks = Array.from(
    { length: MOST_POINTS },
    (_, i) => Math.round(length ** (i / (MOST_POINTS - 1))),
  );
  return [...new Set(ranks)];
}
