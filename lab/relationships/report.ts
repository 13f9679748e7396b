/**
 * The page and the tables about a network's Fisher blocks.
 *
 * @module
 */

import { frobeniusNorm, trace } from "@tekfac/tekfac/linalg";
import {
  dataElement,
  formatNumber,
  renderDocument,
  scriptElement,
  type Table,
  tableSection,
} from "@tekfac/tekfac/pages";
import { type FisherMethod, fisherMethods } from "./approximations.ts";
import { dampings, type FamilyMember, measureFamily } from "./divergences.ts";
import { heatMapSection } from "./heat_map.ts";
import { heatMapScript, heatMapStyle } from "./heat_map_script.ts";
import { type FisherError, fisherErrors, type LayerRelationships } from "./layer_relationships.ts";
import { checkTheorems, type TheoremCheck } from "./theorems.ts";

/** Everything that the page shows. */
export interface RelationshipsReport {
  /** The layers. */
  readonly layers: readonly LayerRelationships[];
  /** Errors of each layer's approximations. */
  readonly errors: readonly Readonly<Record<FisherMethod, FisherError>>[];
  /** How far the members of the family of factors are from each layer's block. */
  readonly families: readonly (readonly FamilyMember[])[];
  /** Every theorem, judged. */
  readonly theorems: readonly TheoremCheck[];
}

/** Judges theorems and measures errors. */
export function relationshipsReport(layers: readonly LayerRelationships[]): RelationshipsReport {
  return {
    layers,
    errors: layers.map(fisherErrors),
    families: layers.map(measureFamily),
    theorems: layers.flatMap(checkTheorems),
  };
}

/** Divergences of the family of factors, per layer and choice. */
export function familyTable({ layers, families }: RelationshipsReport): Table {
  const [strong, weak] = dampings;
  return {
    title: "One family of factors",
    note:
      "Factors E[w a a'] and alike, by the weight w of an input; all scaled to F's trace. Von Neumann's " +
      "divergence over tr F; Kullback and Leibler's of normal distributions with covariances F + lambda and " +
      `X + lambda, lambda ${strong} and ${weak} times the mean eigenvalue; Frobenius distance over |F|. ` +
      "Corrected is with measured eigenvalues (MATH.md, 2.15).",
    text: 3,
    head: ["Layer", "Weight", "Form", "von Neumann", `KL ${strong}`, `KL ${weak}`, "Frobenius"],
    rows: layers.flatMap(({ name }, i) =>
      (["factored", "corrected"] as const).flatMap((form) =>
        families[i].map((member) => {
          const { vonNeumann, kl, frobenius } = member[form];
          const numbers = [vonNeumann, ...kl, frobenius].map((value) => formatNumber(value, 4));
          return [name, member.choice, form, ...numbers];
        })
      )
    ),
  };
}

/** Frobenius and spectral errors and traces, per layer and approximation. */
export function errorTable({ layers, errors }: RelationshipsReport): Table {
  return {
    title: "Errors and traces",
    note:
      "Distances from the exact block, in the Frobenius norm, as a share of its norm, and in the " +
      "spectral norm, and the trace of each approximation. No theorem orders EKFAC and TEKFAC.",
    text: 2,
    head: [
      "Layer",
      "Method",
      "Frobenius error",
      "Relative",
      "Spectral error",
      "Trace",
      "Trace of F",
    ],
    rows: layers.flatMap((layer, i) =>
      fisherMethods.map((method) => {
        const { frobenius, spectral, trace: own } = errors[i][method];
        const numbers = [
          frobenius,
          frobenius / frobeniusNorm(layer.fisher),
          ...[spectral, own, trace(layer.fisher)],
        ];
        return [layer.name, method.toUpperCase(), ...numbers.map((value) => formatNumber(value))];
      })
    ),
  };
}

/** Every theorem with the number it was judged by. */
export function theoremTable({ theorems }: RelationshipsReport): Table {
  return {
    title: "Theorems",
    note:
      "Measured is what a theorem says is at most 0: the difference of both sides, in absolute value " +
      "where they are equal, in the Frobenius norm where they are matrices. It held when that is at most " +
      "what the rounding of float64 may amount to. T is the number of locations; numbers in " +
      "parentheses are those of docs/MATH.md.",
    text: 3,
    head: ["Layer", "Verdict", "Statement", "Measured", "Allowed", "Theorem"],
    rows: theorems.map(({ layer, statement, source, measured, tolerance, held }) => [
      layer,
      held ? "held" : "did not hold",
      statement,
      formatNumber(measured, 2),
      formatNumber(tolerance, 2),
      source,
    ]),
  };
}

/** "55 of 55 theorems held". */
export function verdictOf({ theorems }: RelationshipsReport): string {
  const held = theorems.filter((theorem) => theorem.held).length;
  return `${held} of ${theorems.length} theorems held`;
}

/**
 * Writes the self-contained page: figures, tables, and a heat map of every matrix.
 *
 * @param report What was found.
 * @param settings Names and values of the settings, in the order of their importance.
 *
 * @example The same numbers on a page and in tables of text
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 * import { fisherRelationships } from "./layer_relationships.ts";
 * import {
 *   errorTable,
 *   familyTable,
 *   relationshipsPage,
 *   relationshipsReport,
 *   theoremTable,
 *   verdictOf,
 * } from "./report.ts";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using model = sequential(backend, { input: [2], layers: [dense(2)], seed: 1 });
 * const batch = { inputs: [1, 0, 2, 1, 0, 3], targets: [1, 0, 0, 1, 2, 1] };
 * const report = relationshipsReport(
 *   fisherRelationships(objective(model, squaredError()), batch),
 * );
 * const { rows } = theoremTable(report);
 * assert.equal(verdictOf(report), `${rows.length} of ${rows.length} theorems held`);
 * const methods = errorTable(report).rows.map(([, method]) => method);
 * assert.deepEqual(methods.sort(), ["EKFAC", "KFAC", "TEKFAC", "TKFAC"]);
 * assert.equal(familyTable(report).rows.length, 8); // four weights, with eigenvalues of products or measured
 * const page = relationshipsPage(report, [["examples", "3"]]);
 * for (const [, , statement] of rows) assert(page.includes(statement.replaceAll("<", "&#60;")));
 * ```
 */
export function relationshipsPage(
  report: RelationshipsReport,
  settings: readonly (readonly [name: string, value: string])[],
): string {
  const { layers, errors, theorems } = report;
  const held = theorems.filter((theorem) => theorem.held).length;
  const sections = layers.map((layer, i) => heatMapSection(layer, errors[i]));
  return renderDocument({
    title: "Fisher blocks and their approximations",
    subtitle: settings.map(([name, value]) => `${name} ${value}`).join(", "),
    figures: [
      { label: "Theorems held", value: `${held} of ${theorems.length}` },
      { label: "Layers", value: `${layers.length}` },
      { label: "Examples", value: layers[0].examples.toLocaleString("en-US") },
      { label: "TEKFAC nearest to F", value: `${nearest(report)} of ${layers.length} layers` },
    ],
    styles: [heatMapStyle],
    sections: [
      tableSection(errorTable(report)),
      tableSection(familyTable(report)),
      ...sections.map(({ html }) => html),
      tableSection(theoremTable(report)),
    ],
    scripts: [
      dataElement("maps", sections.flatMap(({ maps }) => maps)),
      scriptElement(heatMapScript),
    ],
  });
}

/** In how many layers no other approximation is nearer to F than TEKFAC. */
function nearest({ errors }: RelationshipsReport): number {
  return errors.filter((layer) =>
    fisherMethods.every((method) => layer.tekfac.frobenius <= layer[method].frobenius)
  ).length;
}
