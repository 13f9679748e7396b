import assert from "#assert";
import { forest } from "../../lab/pictures/forest.ts";
import { logScale } from "../../lab/pictures/svg.ts";
import { factorChoices, type FamilyMember } from "../../lab/relationships/divergences.ts";
import { cloudPicture } from "../../lab/when/cloud.ts";
import {
  blocksPicture,
  blocksTable,
  trainingPicture,
  trainingTable,
} from "../../lab/when/figures.ts";

/** Every element is closed, and no number is missing. */
function wellFormed(svg: string): void {
  const open: string[] = [];
  for (const [, end, tag, , self] of svg.matchAll(/<(\/?)([a-z]+)((?:[^>"]|"[^"]*")*?)(\/?)>/g)) {
    if (end === "/") assert.equal(open.pop(), tag);
    else if (self !== "/") open.push(tag);
  }
  assert.deepEqual(open, []);
  assert.doesNotMatch(svg, /NaN|undefined|Infinity|null/);
}

Deno.test("logScale() puts ends, middles and ticks where they belong", () => {
  const log = logScale([0.1, 10], [100, 300]);
  assert.deepEqual([0.1, 1, 10, 99].map((x) => Math.round(log.at(x))), [100, 200, 300, 300]);
  assert.deepEqual(log.ticks, [0.1, 0.2, 0.5, 1, 2, 5, 10]);
  assert.deepEqual(logScale([1e-3, 1e3], [0, 1]).ticks.length, 7);
});

Deno.test("forest() colours what is decided, and names what has no ratio", () => {
  const inks = (svg: string) =>
    [...svg.matchAll(/<circle[^>]*fill="([^"]+)"/g)].map(([, ink]) => ink);
  const rows = [
    { name: "lower", ratio: 0.5, low: 0.4, high: 0.6 },
    { name: "higher", ratio: 2, low: 1.5, high: 3 },
    { name: "either", ratio: 1, low: 0.5, high: 2 },
    { name: "too few", ratio: 0.5, low: 0.4, high: 0.6, decided: false },
    { name: "never <reached>", ratio: undefined, remark: "reached in 0 of 5" },
  ];
  const svg = forest("Ratios", ["lower", "higher"], rows);
  wellFormed(svg);
  const [lower, higher, either, few] = inks(svg);
  assert.equal(new Set([lower, higher, either]).size, 3);
  assert.equal(few, either);
  assert.equal(inks(svg).length, 4);
  assert.match(svg, /never &#60;reached&#62;.*reached in 0 of 5/s);
});

Deno.test("cloudPicture() shows every input twice, with two ellipses", () => {
  const svg = cloudPicture();
  wellFormed(svg);
  assert.equal(svg.match(/<circle/g)?.length, 520);
  assert.equal(svg.match(/<ellipse/g)?.length, 2);
});

Deno.test("figures of docs/WHEN.md are EKFAC's over TEKFAC's for blocks, TEKFAC's over EKFAC's for losses", () => {
  const member = (choice: FamilyMember["choice"], value: number): FamilyMember => {
    const divergences = { vonNeumann: value, kl: [2 * value, 3 * value], frobenius: value };
    return { choice, factored: divergences, corrected: divergences };
  };
  const layers = [factorChoices.map((choice, i) => member(choice, 1 / (i + 1)))];
  const blocks = [{ title: "a family", stages: [{ step: 20, effectiveShare: 0.25, layers }] }];
  assert.match(
    blocksTable(blocks),
    /\| a family \| 20 \| 1 \| 0\.25 \| 1 \/ 0\.5 \| 2 \/ 1 \| 3 \/ 1\.5 \|$/,
  );
  const picture = blocksPicture(blocks);
  wellFormed(picture);
  assert.match(picture, />0\.5</);

  const values = (of: number) => [1, 2, 3].map((seed) => ({ seed, value: of }));
  const trainings = [{
    ...{ title: "a family", setting: "defaults" },
    ...{ learned: [values(1), values(4)] as const, heldOut: [values(3), values(2)] as const },
  }];
  assert.match(
    trainingTable(trainings),
    /\| 0\.25 \(0\.25 to 0\.25\) \| 1\.5 \(1\.5 to 1\.5\) \| 3 \|$/,
  );
  wellFormed(trainingPicture(trainings));
});
