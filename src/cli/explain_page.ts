/**
 * The page about what a model can say of itself.
 *
 * @module
 */

import type { DatasetSplit, ImageDataset } from "../data/dataset.ts";
import {
  type Chart,
  type ChartLibrary,
  type Gallery,
  renderPage,
  type Thumbnail,
} from "../pages/page.ts";
import { formatNumber, formatPercent } from "../pages/text.ts";
import { spectrumChart } from "../training/spectrum_chart.ts";
import { bitmapOf } from "./bitmap.ts";
import type { Findings } from "./explain_findings.ts";

/** What the page is about, besides findings. */
export interface ExplainedRun {
  /** The heading. */
  readonly title: string;
  /** Names and values of the settings. */
  readonly settings: readonly (readonly [name: string, value: string])[];
  /** Share of the test images that are classified rightly. */
  readonly testAccuracy: number;
  /** The images. */
  readonly data: DatasetSplit<ImageDataset>;
}

/** Writes the page. */
export function explainPage(
  { title, settings, testAccuracy, data }: ExplainedRun,
  findings: Findings,
  library: ChartLibrary,
): string {
  const { reliability, spectra } = findings;
  return renderPage({
    title,
    subtitle: settings.map(([name, value]) => `${name} ${value}`).join(", "),
    figures: [
      { label: "Test accuracy", value: formatPercent(testAccuracy) },
      ...reliability.map(({ name, loss }) => ({
        label: `Test loss, ${name}`,
        value: formatNumber(loss),
      })),
    ],
    galleries: [taught(findings, data), suspects(findings, data), uncertain(findings, data)],
    charts: [reliabilityChart(findings), spectrumChart(spectra)],
    tables: [{ title: "Settings", head: ["Setting", "Value"], rows: settings }],
  }, library);
}

function picture(data: ImageDataset, image: number, caption: string): Thumbnail {
  const alt = `image ${image}, labelled ${data.labels[image]}`;
  return { source: bitmapOf(data, image), alt, caption };
}

function taught(
  { taught }: Findings,
  { train, test }: DatasetSplit<ImageDataset>,
): Gallery {
  const labelled = ({ example }: { readonly example: number }) =>
    picture(train, example, `labelled ${train.labels[example]}`);
  return {
    title: "These images taught it this",
    note:
      "Test images, each with the training images that did most to lower its loss, and most to raise " +
      "it, by influence functions.",
    rows: taught.flatMap(({ image, predicted, confidence, helpful, harmful }) => {
      const words = `test image ${image}, labelled ${test.labels[image]}, taken for ${predicted} ` +
        `(${formatPercent(confidence)})`;
      return [
        {
          name: `Helpful for ${words}`,
          pictures: [picture(test, image, "asked about"), ...helpful.map(labelled)],
        },
        { name: "Harmful", pictures: harmful.map(labelled) },
      ];
    }),
  };
}

function suspects({ suspects }: Findings, { train }: DatasetSplit<ImageDataset>): Gallery {
  return {
    title: "Suspected wrong labels",
    note:
      "Training images that the model would label otherwise, those first with the most to say for " +
      "themselves: a large self-influence.",
    rows: [{
      pictures: suspects.map(({ image, predicted }) =>
        picture(train, image, `labelled ${train.labels[image]}, more like ${predicted}`)
      ),
    }],
  };
}

function uncertain({ uncertain }: Findings, { test }: DatasetSplit<ImageDataset>): Gallery {
  return {
    title: "Least sure",
    note:
      "Test images of which the model is least sure, by Laplace's approximation of its last layer.",
    rows: [{
      pictures: uncertain.map(({ image, predicted, confidence }) => {
        const label = test.labels[image];
        const caption = `${predicted} at ${formatPercent(confidence)}, labelled ${label}`;
        return picture(test, image, caption);
      }),
    }],
  };
}

function reliabilityChart({ reliability }: Findings): Chart {
  return {
    title: "Whether confidence keeps its word",
    note:
      "Share of the test images that are right, by how sure the model was, in bins of a tenth. On the " +
      "pale line both are the same; below it the model is too sure.",
    x: { label: "confidence" },
    y: { label: "share that is right" },
    series: [
      { name: "the same", x: [0, 1], y: [0, 1], faint: true, color: 7 },
      ...reliability.map(({ name, bins }, color) => ({
        name,
        x: bins.map(({ confidence }) => confidence),
        y: bins.map(({ accuracy }) => accuracy),
        color,
      })),
    ],
  };
}
