/**
 * CSV text (RFC 4180) as the columns of a table, by the package `papaparse`.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseCsv } from "@tekfac/tekfac/csv";
 * import { splitDataset, standardized, table } from "@tekfac/tekfac";
 *
 * const text = "area,town,price\n50,Ulm,200\n80,Bonn,330\n65,Ulm,260\n";
 * const houses = table(parseCsv(text, { targets: "price", source: "houses.csv" }));
 * assert.deepEqual(houses.features, ["area", "town=Bonn", "town=Ulm"]);
 * const { train, test } = standardized(splitDataset(houses, { testShare: 0.3, seed: 1 }));
 * assert.deepEqual([train.shape, test.targets.length], [[3], 1]);
 * ```
 *
 * @module
 */

export * from "./parse_csv.ts";
