/** What a rank keeps of the curvature falls with the share of the ranks that keep each layer. */

import assert from "#assert";
import { soloGroup } from "@tekfac/tekfac/distributed";
import { type MemoryCase, memoryOf, type MemoryResult } from "./programs/memory.ts";
import { forms } from "./ranks.ts";

const MEMORY = new URL("programs/memory.ts", import.meta.url);
const RANKS = 4;
const FRACTIONS = [1, 1 / 2, 1 / 4];

const methods: readonly MemoryCase[] = [
  { optimizer: "kfac", options: {} },
  { optimizer: "tkfac", options: { split: "exact" } },
  { optimizer: "ekfac", options: { rank: "full" } },
  { optimizer: "tekfac", options: { rank: 8 } },
];

const cases = methods.flatMap(({ optimizer, options }) =>
  FRACTIONS.map((workerFraction) => ({ optimizer, options: { ...options, workerFraction } }))
);

Deno.test(`workerFraction: each of ${RANKS} ranks keeps this share of the curvature, and the rest of memory stays`, async () => {
  const byRank = await forms[0].run(RANKS, MEMORY, cases) as MemoryResult[][];
  methods.forEach(({ optimizer }, method) => {
    const of = (rank: number, fraction: number) =>
      byRank[rank][method * FRACTIONS.length + fraction];
    const { curvature: whole, live, spectra: all } = of(0, 0);
    const damping = 8; // Adapted dampings and the like are everywhere.
    FRACTIONS.forEach((fraction, index) => {
      const seen: string[] = [];
      for (let rank = 0; rank < RANKS; rank++) {
        const { curvature, live: mine, spectra } = of(rank, index);
        const what = `${optimizer}, rank ${rank}, ${fraction}`;
        const expected = fraction * whole;
        assert(Math.abs(curvature - expected) <= damping, `${what}: ${curvature}, not ${expected}`);
        // Two numbers a layer say what the traces are.
        const saved = live - mine - (whole - curvature);
        assert(fraction === 1 || saved <= 0 && saved >= -16 * all.length, `${what}: ${saved}`);
        seen.push(...spectra);
      }
      assert.deepEqual(
        [...seen].sort(),
        all.flatMap((name) => Array(RANKS * fraction).fill(name)).sort(),
        "all of them keep all",
      );
    });
  });
});

Deno.test(`each eigenproblem and each inverse is one rank's, whatever share of ${RANKS} ranks keeps a layer`, async () => {
  // At low rank there are none.
  const full = cases.filter(({ options }) => !("rank" in options) || options.rank === "full");
  const byRank = await forms[0].run(RANKS, MEMORY, full) as MemoryResult[][];
  for (const [index, each] of full.entries()) {
    const { decompositions: expected } = await memoryOf(each, soloGroup());
    const shares = byRank.map((results) => results[index].decompositions);
    assert.equal(expected, 32, "two sides of eight layers in two steps");
    assert.deepEqual(shares, Array(RANKS).fill(expected / RANKS), JSON.stringify(each));
  }
});
