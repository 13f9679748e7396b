/**
 * `deno task compression`: loss against what is left out of a classifier, by the curvature and by magnitudes.
 *
 * @module
 */

import { formatTable } from "@tekfac/tekfac/pages";
import { helpText, loadData, openBackend, readArguments, run } from "../../src/cli/mod.ts";
import { studyCompression } from "../compression/study.ts";

const integer = (min: number, help: string) =>
  ({ kind: "integer", range: { min, max: 1_000_000 }, help }) as const;

const options = {
  data: { kind: "text", placeholder: "DIR", help: "directory of images (default: drawn digits)" },
  limit: integer(10, "images that are learned from (default: all)"),
  epochs: integer(1, "passes over the images (default: 5)"),
  seed: integer(0, "decides weights and order (default: 0)"),
  help: { kind: "flag", help: "this text" },
} as const;

const purpose =
  "Trains a network with two hidden layers, leaves out more and more of it by the curvature of its\n" +
  "loss and by the size of its weights, and says what becomes of the test images.";

async function main(args: readonly string[]): Promise<void> {
  const given = readArguments("compression", args, options);
  if (given.help) return console.log(helpText("compression", purpose, options));
  const { epochs = 5, seed = 0, data, limit } = given;
  const images = await loadData("Cannot run 'compression'", {
    ...{ data, limit },
    ...{ labels: undefined, augment: "none" },
  });
  const backend = await openBackend("auto");
  try {
    const rows = await studyCompression(backend, images, {
      ...{ hidden: [256, 128], epochs, seed },
      ...{ shares: [0.5, 0.8, 0.9, 0.95, 0.98], ranks: [64, 32, 16, 8] },
    });
    console.log(formatTable(
      ["", "amount", "test loss", "test accuracy"],
      rows.map(({ way, amount, loss, accuracy }) => [
        way,
        amount,
        loss.toFixed(4),
        `${(100 * accuracy).toFixed(2)} %`,
      ]),
    ));
  } finally {
    backend[Symbol.dispose]();
  }
}

if (import.meta.main) await run(main);
