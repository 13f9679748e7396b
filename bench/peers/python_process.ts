/**
 * A Python program that answers every line it is sent, a JSON object, with another.
 *
 * @module
 */

/** Interpreters to look for: the first on the path need not be the one that has the libraries. */
const INTERPRETERS = ["python3", "/usr/bin/python3"] as const;

/**
 * The first interpreter that has all the modules.
 *
 * @param modules Names of Python modules.
 * @returns Its command, or `undefined` when there is none.
 */
export async function findPython(...modules: readonly string[]): Promise<string | undefined> {
  for (const command of INTERPRETERS) {
    try {
      const { success } = await new Deno.Command(command, {
        args: ["-c", `import ${modules.join(", ")}`],
        stdout: "null",
        stderr: "null",
      }).output();
      if (success) return command;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return undefined;
}

/** A running program. Requests are answered in order, one at a time. */
export class PythonProcess {
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<string>;
  /** What has been read beyond the last line. */
  #rest = "";

  /**
   * Starts a program of this folder.
   *
   * @param command The interpreter.
   * @param script Name of the file.
   * @param args Its arguments.
   */
  constructor(command: string, script: string, args: readonly string[]) {
    const path = new URL(script, import.meta.url).pathname;
    this.#process = new Deno.Command(command, {
      args: [path, ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#writer = this.#process.stdin.getWriter();
    this.#reader = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Sends a request and waits for the answer. */
  async ask<T>(request: unknown): Promise<T> {
    await this.#writer.write(new TextEncoder().encode(JSON.stringify(request) + "\n"));
    return await this.receive();
  }

  /**
   * The next line.
   *
   * @throws {Error} When the program has ended.
   */
  async receive<T>(): Promise<T> {
    let end: number;
    while ((end = this.#rest.indexOf("\n")) < 0) {
      const { value, done } = await this.#reader.read();
      if (done) {
        throw new Error("The Python program ended before it answered; see its message above");
      }
      this.#rest += value;
    }
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    return JSON.parse(line) as T;
  }

  /** Lets the program end, and waits for it. */
  async close(): Promise<void> {
    await this.#writer.close();
    await this.#reader.cancel();
    await this.#process.status;
  }
}

/** A folder for arrays on their way from one program to another; gone when it is disposed. */
export class Exchange implements Disposable {
  readonly #folder = Deno.makeTempDirSync({ prefix: "tekfac-peers-" });
  #files = 0;

  /** A file name not used before. */
  reserve(): string {
    return `${this.#folder}/${this.#files++}.f32`;
  }

  /** Writes an array and returns the file's name. */
  write(data: ArrayLike<number>): string {
    const file = this.reserve();
    Deno.writeFileSync(file, new Uint8Array(Float32Array.from(data).buffer));
    return file;
  }

  /** Reads an array. */
  read(file: string): Float32Array {
    return new Float32Array(Deno.readFileSync(file).buffer);
  }

  /** Deletes the folder. */
  [Symbol.dispose](): void {
    Deno.removeSync(this.#folder, { recursive: true });
  }
}
