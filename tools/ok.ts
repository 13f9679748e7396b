/**
 * The gate: everything that has to hold before a change is shared. `deno task ok`, or under the name
 * a newcomer tries first, `deno task test`.
 *
 * One line per stage with its time; the first stage that fails prints what it had to say and ends the
 * run. The last line is always `N passed, N failed`: the tests, or the one stage that failed.
 *
 * @module
 */

/** One program of the gate. */
interface Stage {
  /** What the stage is about, in a word or two. */
  readonly name: string;
  /** Arguments for `deno`. */
  readonly args: readonly string[];
}

/** What became of a stage. */
interface Outcome {
  readonly success: boolean;
  /** Standard output and error, without colours. */
  readonly output: string;
  readonly seconds: number;
}

const ROOT = new URL("../", import.meta.url);

/** Where the versions of packages may not change unnoticed, the lock file is law. */
const FROZEN: readonly string[] = Deno.env.has("CI") ? ["--frozen"] : [];

/** Hides GPU adapters: drivers in software crash now and then when several tests use them at once. */
const NO_GPU = { DENO_WEBGPU_BACKEND: "vulkan", VK_DRIVER_FILES: "/nonexistent" };

/** Public entry points, whose documentation is checked and whose examples are run. */
const ENTRY_POINTS: readonly string[] = Object.values(
  JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT))).exports as Record<string, string>,
);

const STAGES: readonly Stage[] = [
  { name: "format", args: ["fmt", "--check"] },
  { name: "lint", args: ["lint"] },
  { name: "types", args: ["check", ...FROZEN] },
  // Without packages, whose own types are not this project's to document.
  { name: "documentation", args: ["doc", "--lint", "--no-npm", ...ENTRY_POINTS] },
  { name: "examples", args: ["run", "-A", "tools/check_examples.ts"] },
  { name: "publishing", args: ["publish", "--dry-run", "--allow-dirty", "--quiet"] },
  { name: "options table", args: ["run", "-A", "tools/options_table.ts", "--check"] },
  { name: "import rule", args: ["run", "-A", "tools/check_imports.ts"] },
  { name: "house", args: ["run", "-A", "tools/house.ts"] },
  { name: "WASM kernels", args: ["run", "-A", ...FROZEN, "tools/build_kernels.ts", "--check"] },
  { name: "GPU kernels", args: ["run", "-A", ...FROZEN, "tools/build_shaders.ts", "--check"] },
  { name: "tests", args: ["test", "-A", "--parallel", "--doc", ...FROZEN] },
];

/** Runs one stage to its end. */
async function run(stage: Stage): Promise<Outcome> {
  const start = performance.now();
  const result = await new Deno.Command(Deno.execPath(), {
    args: [...stage.args],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...NO_GPU },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder();
  return {
    success: result.success,
    output: text.decode(result.stdout) + text.decode(result.stderr),
    seconds: (performance.now() - start) / 1000,
  };
}

/** The counts of the summary that `deno test` ends with, or `undefined` when it never came so far. */
function countsOf(output: string): { passed: number; failed: number } | undefined {
  const summary = [...output.matchAll(/\| (\d+) passed .*?\| (\d+) failed/g)].at(-1);
  return summary && { passed: Number(summary[1]), failed: Number(summary[2]) };
}

let counts = { passed: 0, failed: 0 };
for (const stage of STAGES) {
  const outcome = await run(stage);
  const verdict = outcome.success ? "ok    " : "FAILED";
  console.log(`${verdict}  ${stage.name.padEnd(16)}${outcome.seconds.toFixed(1).padStart(6)} s`);
  if (stage.name === "tests") counts = countsOf(outcome.output) ?? counts;
  if (!outcome.success) {
    console.log(outcome.output.trimEnd());
    counts.failed = Math.max(counts.failed, 1);
    break;
  }
}
console.log(`${counts.passed} passed, ${counts.failed} failed`);
Deno.exit(counts.failed > 0 ? 1 : 0);
