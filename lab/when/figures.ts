/**
 * The tables and pictures of docs/WHEN.md.
 *
 * @module
 */

import { formatNumber } from "@tekfac/tekfac/pages";
import { markdownTable } from "../markdown.ts";
import {
  geometricMean,
  type Measured,
  pairedRatios,
  type RatioEstimate,
} from "../paired_statistics.ts";
import { forest, type ForestRow } from "../pictures/forest.ts";
import type { ExactStage } from "./exact.ts";

/** Blocks of a family at all stages. */
export interface FamilyBlocks {
  /** The family's title. */
  readonly title: string;
  /** What was measured. */
  readonly stages: readonly ExactStage[];
}

/** Where two trainings with equal seeds ended. */
export interface FamilyTrainings {
  /** The family's title. */
  readonly title: string;
  /** What optimizers were set to besides: `"defaults"`. */
  readonly setting: string;
  /** Training losses by seed, TEKFAC's and EKFAC's. */
  readonly learned: readonly [readonly Measured[], readonly Measured[]];
  /** Held-out values likewise. */
  readonly heldOut: readonly [readonly Measured[], readonly Measured[]];
}

/** The divergence of EKFAC's block from F over that of TEKFAC's, with measured eigenvalues, by kind. */
function overTekfac(stage: ExactStage, layer: number) {
  const [ekfac, tekfac] = stage.layers[layer].map(({ corrected }) => corrected);
  return {
    frobenius: [ekfac.frobenius, tekfac.frobenius],
    strong: [ekfac.kl[0], tekfac.kl[0]],
    weak: [ekfac.kl[1], tekfac.kl[1]],
  } as const;
}

/** Divergences of both blocks, family by family and stage by stage. */
export function blocksTable(families: readonly FamilyBlocks[]): string {
  const pair = ([ekfac, tekfac]: readonly [number, number] | readonly number[]): string =>
    `${formatNumber(ekfac, 3)} / ${formatNumber(tekfac, 3)}`;
  return markdownTable(
    ["Family", "Step", "Layer", "Effective share", "Frobenius", "KL, strong", "KL, weak"],
    families.flatMap(({ title, stages }) =>
      stages.flatMap((stage) =>
        stage.layers.map((_, layer) => {
          const { frobenius, strong, weak } = overTekfac(stage, layer);
          const share = stage.step === 0 ? "-" : formatNumber(stage.effectiveShare, 2);
          return [
            ...[title, `${stage.step}`, `${layer + 1}`, layer === 0 ? share : ""],
            ...[pair(frobenius), pair(strong), pair(weak)],
          ];
        })
      )
    ),
  );
}

/** TEKFAC's divergence over EKFAC's for each block, under strong damping. */
export function blocksPicture(families: readonly FamilyBlocks[]): string {
  const rows = families.flatMap(({ title, stages }) =>
    stages.flatMap((stage) =>
      stage.layers.map((_, layer): ForestRow => {
        const { strong: [ekfac, tekfac] } = overTekfac(stage, layer);
        return {
          name: `${title}, step ${stage.step}, layer ${layer + 1}`,
          ...{ ratio: tekfac / ekfac, low: tekfac / ekfac, high: tekfac / ekfac },
        };
      })
    )
  );
  return forest(
    "KL divergence of TEKFAC's block from the exact one over that of EKFAC's",
    ["TEKFAC nearer", "EKFAC nearer"],
    rows,
  );
}

function ratioOf([tekfac, ekfac]: readonly [readonly Measured[], readonly Measured[]]) {
  return geometricMean(pairedRatios(tekfac, ekfac));
}

/** Ratios of training losses and of held-out values. */
export function trainingTable(trainings: readonly FamilyTrainings[]): string {
  const text = (estimate: RatioEstimate | undefined): string =>
    estimate === undefined
      ? "-"
      : `${formatNumber(estimate.ratio, 3)} (${formatNumber(estimate.low, 3)} to ` +
        `${formatNumber(estimate.high, 3)})`;
  return markdownTable(
    ["Family", "Setting", "Training loss", "Held out", "Pairs"],
    trainings.map(({ title, setting, learned, heldOut }) => [
      ...[title, setting, text(ratioOf(learned)), text(ratioOf(heldOut)), `${learned[0].length}`],
    ]),
  );
}

/** The same as a picture: training losses. */
export function trainingPicture(trainings: readonly FamilyTrainings[]): string {
  return forest(
    "Training loss of TEKFAC over that of EKFAC",
    ["TEKFAC lower", "higher"],
    trainings.map(({ title, setting, learned }) => {
      const name = `${title}, ${setting}`;
      const estimate = ratioOf(learned);
      return estimate === undefined ? { name, ratio: undefined } : { name, ...estimate };
    }),
  );
}
