/**
 * The eigenvalues of a model's curvature.
 *
 * @module
 */

import type { Objective } from "./objective.ts";
import type { Preconditioner } from "./preconditioner.ts";

/** Eigenvalues of one layer's curvature. */
export interface LayerSpectrum {
  /** Name of the parameter. */
  readonly name: string;
  /** All `dOut * dIn'` eigenvalues of the undamped approximation, descending. */
  readonly eigenvalues: Float64Array;
}

/** What of an optimizer has spectra. */
interface Curved {
  /** Has the layers. */
  readonly objective: Pick<Objective<never>, "backend" | "parameters">;
  /** Has the curvature of some, or of none. */
  readonly preconditioner: Pick<Preconditioner, "spectrum">;
}

/** The spectra of all layers that have one, read together. */
export async function spectraOf(
  { objective: { backend, parameters }, preconditioner }: Curved,
): Promise<LayerSpectrum[]> {
  const read = () =>
    backend.scope(() =>
      Promise.all(parameters.flatMap(({ name }, index) => {
        const spectrum = preconditioner.spectrum?.(index);
        if (spectrum === undefined) return [];
        return [backend.read(spectrum).then((numbers) => ({ name, numbers }))];
      }))
    );
  return (await backend.reading(read)).map(({ name, numbers }) => ({
    name,
    eigenvalues: Float64Array.from(numbers).sort().reverse(),
  }));
}
