/** What the tests of commands share: small data, a directory to work in, and the command itself. */

const root = new URL("../../", import.meta.url);

/** The bytes of an IDX file with numbers in [0, 255]. */
function idx(sizes: number[], number: (i: number) => number): Uint8Array {
  const header = new DataView(new ArrayBuffer(4 + 4 * sizes.length));
  header.setUint32(0, 0x0800 + sizes.length);
  sizes.forEach((size, i) => header.setUint32(4 + 4 * i, size));
  const count = sizes.reduce((product, size) => product * size, 1);
  return Uint8Array.from([
    ...new Uint8Array(header.buffer),
    ...Array.from({ length: count }, (_, i) => number(i)),
  ]);
}

/** Images of 6 x 6 pixels whose pixels 3 label .. 3 label + 2 are bright; label i is i modulo 10. */
export async function writeData(directory: string, count = 60): Promise<void> {
  await Deno.mkdir(directory, { recursive: true });
  const images = idx(
    [count, 6, 6],
    (i) => Math.floor(i % 36 / 3) === Math.floor(i / 36) % 10 ? 255 : 0,
  );
  await Deno.writeFile(`${directory}/t10k-images-idx3-ubyte`, images);
  await Deno.writeFile(`${directory}/t10k-labels-idx1-ubyte`, idx([count], (i) => i % 10));
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in a directory, as `deno task` would in the project's. */
export async function run(command: string, directory: string, ...args: string[]): Promise<Outcome> {
  const { code, stdout, stderr } = await commandOf(command, directory, args).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** Starts a command and does not wait for it; its output is thrown away. */
export function start(command: string, directory: string, ...args: string[]): Deno.ChildProcess {
  return commandOf(command, directory, args, "null").spawn();
}

function commandOf(
  command: string,
  directory: string,
  args: readonly string[],
  output: "piped" | "null" = "piped",
): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--quiet", "--no-check", "--config", new URL("deno.json", root).pathname],
      ...[
        new URL(`${["train", "explain"].includes(command) ? "src" : "lab"}/cli/${command}.ts`, root)
          .pathname,
      ],
      ...args,
    ],
    cwd: directory,
    env: { NO_COLOR: "1" },
    stdout: output,
    stderr: output,
  });
}

/** Runs `body` in a new directory with small data in `data/`. */
export async function inDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await writeData(`${directory}/data`);
    await body(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Names of the files in a directory. */
export function filesIn(directory: string): string[] {
  return Array.from(Deno.readDirSync(directory), ({ name }) => name).sort();
}

/** Two short epochs on the small data. */
export const small = ["--data", "data", "--epochs", "2", "--batch", "16"];

/** The object in the last line. */
export function lastLine(stdout: string): Record<string, unknown> {
  return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
}
