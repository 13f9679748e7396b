/** The command of ranks. */

import assert from "#assert";
import { launchers } from "./ranks.ts";

const TRAIN = new URL("../../src/cli/train.ts", import.meta.url).href;

/** Trains, as so many ranks or alone; what the last line says. */
async function train(
  ranks: readonly string[],
  args: readonly string[],
): Promise<{ testLoss: number; heldOutLoss: number; sample: string }> {
  const [command, ...rest] = [
    ...ranks,
    ...[Deno.execPath(), "run", "-A", "--no-check", "--no-lock", TRAIN],
    ...["--json", ...args],
    ...(ranks.length > 0 ? ["--group", "mpi"] : []),
  ];
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: rest,
    env: { OMPI_ALLOW_RUN_AS_ROOT: "1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1" },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  assert.equal(code, 0, text.decode(stderr));
  const lines = text.decode(stdout).trim().split("\n");
  assert.equal(lines.length, 1, "one rank speaks");
  return JSON.parse(lines[0]);
}

for (const { name, available, command } of launchers) {
  Deno.test({
    name:
      `train --group mpi learns what one process learns, and goes on with other ranks [${name}]`,
    ignore: !available,
    async fn() {
      const directory = await Deno.makeTempDir();
      const page = ["--report", `${directory}/page.html`];
      const data = ["--model", "mlp", "--batch", "90", "--limit", "400", ...page];
      const saved = `${directory}/saved.safetensors`;
      try {
        const whole = await train([], [...data, "--epochs", "2"]);
        const half = [...data, "--epochs", "2", "--save", saved];
        const two = await train([...command, "-n", "2"], half);
        const close = (a: number, b: number) =>
          assert(Math.abs(a - b) < 1e-3 * b, `${a} is not about ${b}`);
        close(two.testLoss, whole.testLoss);
        assert.match(await Deno.readTextFile(`${directory}/page.html`), /rank 1 of/);
        const later = [...page, "--batch", "90", "--load", saved, "--epochs", "3"];
        close(
          (await train([...command, "-n", "3"], later)).testLoss,
          (await train([], later)).testLoss,
        );
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    },
  });

  Deno.test({
    name:
      `train --group mpi learns a text as one process does, and goes on with other ranks [${name}]`,
    ignore: !available,
    async fn() {
      const directory = await Deno.makeTempDir();
      const page = ["--report", `${directory}/page.html`];
      const saved = `${directory}/saved.safetensors`;
      const sizes = ["--layers", "1", "--heads", "2", "--width", "16", "--context", "16"];
      const text = ["--model", "gpt", ...sizes, "--batch", "7", ...page];
      try {
        const whole = await train([], [...text, "--steps", "30"]);
        const two = await train([...command, "-n", "2"], [...text, "--steps", "30"]);
        const close = (a: number, b: number) =>
          assert(Math.abs(a - b) < 1e-3 * b, `${a} is not about ${b}`);
        close(two.heldOutLoss, whole.heldOutLoss);
        await train([...command, "-n", "2"], [...text, "--steps", "20", "--save", saved]);
        assert.match(await Deno.readTextFile(`${directory}/page.html`), /rank 1 of/);
        const later = [...page, "--load", saved, "--steps", "30"];
        close(
          (await train([...command, "-n", "3"], later)).heldOutLoss,
          (await train([], later)).heldOutLoss,
        );
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    },
  });
}
