/**
 * Writes the tables of options into docs/OPTIONS.md: `deno run -A tools/options_table.ts [--check]`.
 *
 * What an option takes and what it is by default comes from the schemas that also check it, what it means from
 * the first sentence of its documentation. The text between `<!-- options -->` and `<!-- /options -->` is
 * replaced; with `--check` it is only compared, for the gate.
 *
 * @module
 */

import type { Schema } from "../src/core/schema.ts";
import { geluSchema } from "../src/nn/smooth_activations.ts";
import { attentionSchema } from "../src/nn/attention.ts";
import { batchNorm2dSchema } from "../src/nn/batch_norm2d.ts";
import { conv1dSchema } from "../src/nn/conv1d.ts";
import { conv2dTransposeSchema } from "../src/nn/conv2d_transpose.ts";
import { conv2dSchema } from "../src/nn/conv2d.ts";
import { denseSchema } from "../src/nn/dense.ts";
import { embeddingSchema } from "../src/nn/embedding.ts";
import { huberSchema } from "../src/nn/losses/huber.ts";
import { softmaxCrossEntropySchema } from "../src/nn/losses/softmax_cross_entropy.ts";
import { loraSchema } from "../src/nn/lora.ts";
import { squaredErrorSchema } from "../src/nn/losses/squared_error.ts";
import { poolSchema } from "../src/nn/pool.ts";
import { groupNormSchema } from "../src/nn/group_norm.ts";
import { rowNormSchema } from "../src/nn/scaled_layer.ts";
import { adamSchema } from "../src/optim/adam.ts";
import { ekfacSchema } from "../src/optim/ekfac.ts";
import { exponentialAverageSchema } from "../src/optim/exponential_average.ts";
import { factoredSchema } from "../src/optim/kronecker_options.ts";
import { measuredSchema } from "../src/optim/measured.ts";
import { muonSchema } from "../src/optim/muon.ts";
import { presets } from "../src/optim/presets.ts";
import { scheduleFreeSchema } from "../src/optim/schedule_free.ts";
import { scheduleFreeAdamSchema } from "../src/optim/schedule_free_adam.ts";
import { sgdSchema } from "../src/optim/sgd.ts";
import { soapSchema } from "../src/optim/soap.ts";
import { tekfacSchema } from "../src/optim/tekfac.ts";
import { replaceSection } from "./bench_tables.ts";

const ROOT = new URL("../", import.meta.url);

/** A table: who takes the options, what they take, and where they are documented, the most special first. */
interface Section {
  readonly title: string;
  readonly schema: Schema;
  readonly sources: readonly string[];
  /** Defaults that the schema leaves to a preset. */
  readonly presets?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const step = "src/optim/step_options.ts";

const SECTIONS: readonly Section[] = [
  {
    title: "`tekfac`, `ekfac`, `tkfac`, `kfac`",
    schema: { ...measuredSchema, ...tekfacSchema, ...ekfacSchema, ...factoredSchema },
    sources: ["tekfac", "ekfac", "measured", "kfac", "kronecker_options"].map((file) =>
      `src/optim/${file}.ts`
    ).concat(step),
    presets: { Default: { ...presets.default }, '`preset: "paper"`': { ...presets.paper } },
  },
  { title: "`sgd`", schema: sgdSchema, sources: [step] },
  { title: "`adam`", schema: adamSchema, sources: ["src/optim/adam.ts", step] },
  {
    title: "`scheduleFreeAdam`",
    schema: scheduleFreeAdamSchema,
    sources: ["src/optim/schedule_free_adam.ts", "src/optim/adam.ts", step],
  },
  { title: "`muon`", schema: muonSchema, sources: ["src/optim/muon.ts", step] },
  { title: "`soap`", schema: soapSchema, sources: ["src/optim/soap.ts", step] },
  {
    title: "`exponentialAverage`",
    schema: exponentialAverageSchema,
    sources: ["src/optim/exponential_average.ts"],
  },
  {
    title: "`scheduleFree`",
    schema: scheduleFreeSchema,
    sources: ["src/optim/schedule_free.ts"],
  },
  { title: "`dense`", schema: denseSchema, sources: ["src/nn/dense.ts"] },
  { title: "`conv2d`", schema: conv2dSchema, sources: ["src/nn/conv2d.ts"] },
  {
    title: "`conv2dTranspose`",
    schema: conv2dTransposeSchema,
    sources: ["src/nn/conv2d_transpose.ts"],
  },
  { title: "`conv1d`", schema: conv1dSchema, sources: ["src/nn/conv1d.ts"] },
  { title: "`maxPool2d`, `averagePool2d`", schema: poolSchema, sources: ["src/nn/pool.ts"] },
  { title: "`batchNorm2d`", schema: batchNorm2dSchema, sources: ["src/nn/batch_norm2d.ts"] },
  { title: "`layerNorm`, `rmsNorm`", schema: rowNormSchema, sources: ["src/nn/scaled_layer.ts"] },
  {
    title: "`groupNorm`",
    schema: groupNormSchema,
    sources: ["src/nn/group_norm.ts", "src/nn/scaled_layer.ts"],
  },
  { title: "`embedding`", schema: embeddingSchema, sources: ["src/nn/embedding.ts"] },
  { title: "`attention`", schema: attentionSchema, sources: ["src/nn/attention.ts"] },
  { title: "`lora`", schema: loraSchema, sources: ["src/nn/lora.ts"] },
  { title: "`gelu`", schema: geluSchema, sources: ["src/nn/smooth_activations.ts"] },
  {
    title: "`softmaxCrossEntropy`",
    schema: softmaxCrossEntropySchema,
    sources: ["src/nn/losses/softmax_cross_entropy.ts"],
  },
  {
    title: "`huber`",
    schema: huberSchema,
    sources: ["src/nn/losses/huber.ts"],
  },
  {
    title: "`squaredError`",
    schema: squaredErrorSchema,
    sources: ["src/nn/losses/squared_error.ts"],
  },
];

/** First sentences of the documentation of a file's optional and required members, by name. */
export function meaningsIn(source: string): Map<string, string> {
  const meanings = new Map<string, string>();
  for (
    const [, comment, name] of source.matchAll(
      /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*readonly (\w+)\??:/g,
    )
  ) {
    const text = comment.replace(/^\s*\*/gm, "").replace(/\{@linkcode (\S+)\}/g, "`$1`").replace(
      /\s+/g,
      " ",
    ).split(" @")[0].trim();
    // The users' type comes before the resolved one.
    if (meanings.has(name)) continue;
    meanings.set(name, (/^.*?[.:](?= |$)/.exec(text)?.[0] ?? text).replace(/[.:]$/, ""));
  }
  return meanings;
}

function shown(value: unknown): string {
  if (value === undefined) return "";
  if (typeof value === "function") return value.name === "" ? "a function" : `\`${value.name}\``;
  const named = (_: string, part: unknown) => typeof part === "function" ? `@${part.name}` : part;
  const text = JSON.stringify(value, named).replace(/"(\w+)":/g, "$1: ").replace(/"@(\w+)"/g, "$1")
    .replace(/,/g, ", ");
  return `\`${text.replace(/^\{(.+)\}$/, "{ $1 }")}\``;
}

function table(
  { title, schema, presets = { Default: {} }, sources }: Section,
  texts: Map<string, string>[],
): string {
  const escaped = (text: string): string => text.replaceAll("|", "\\|");
  const head = ["Option", ...Object.keys(presets), "Takes", "Meaning"];
  const rows = Object.entries(schema).map(([name, rule]) => {
    const meaning = texts.map((text) => text.get(name)).find((text) => text !== undefined);
    if (meaning === undefined) {
      throw new Error(`Cannot find the documentation of '${name}' in ${sources.join(", ")}`);
    }
    const defaults = Object.values(presets).map((preset) => shown(preset[name] ?? rule.preset));
    return [`\`${name}\``, ...defaults, rule.takes, meaning].map(escaped);
  });
  const lines = [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`);
  return `### ${title}\n\n${lines.join("\n")}`;
}

/** All tables. */
export async function optionsPage(): Promise<string> {
  const read = (path: string): Promise<string> => Deno.readTextFile(new URL(path, ROOT));
  const tables = SECTIONS.map(async (section) => {
    const sources = await Promise.all(section.sources.map(read));
    return table(section, sources.map(meaningsIn));
  });
  return (await Promise.all(tables)).join("\n\n");
}

async function formatted(markdown: string): Promise<string> {
  const fmt = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext", "md", "-"],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = fmt.stdin.getWriter();
  await writer.write(new TextEncoder().encode(markdown));
  await writer.close();
  return new TextDecoder().decode((await fmt.output()).stdout);
}

if (import.meta.main) {
  const path = new URL("docs/OPTIONS.md", ROOT);
  const page = await Deno.readTextFile(path);
  const next = await formatted(replaceSection(page, "options", await optionsPage()));
  if (!Deno.args.includes("--check")) await Deno.writeTextFile(path, next);
  else if (next !== page) {
    console.error(
      "docs/OPTIONS.md is not what the schemas say: run deno run -A tools/options_table.ts",
    );
    Deno.exit(1);
  }
}
