/**
 * `deno task compression`: loss against what is left out of a classifier, by the curvature and by magnitudes.
 *
 * @module
 */

import { formatTable } from "@tekfac/tekfac/pages";
import { helpText, openBackend, readArguments, run } from "../../src/cli/mod.ts";
import { studyCompression } from "../compression/study.ts";
import { imagesArgument, integer, limitArgument, readImages } from "./study_arguments.ts";

const options = {
  data: imagesArgument,
  limit: limitArgument,
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
  const { epochs = 5, seed = 0 } = given;
  const images = await readImages("compression", given);
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
