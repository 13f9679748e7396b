/** Where threads can be had, and that no process waits for them. */

import assert from "#assert";
import {
  type BackendOptions,
  createBackend,
  createBackendSync,
  kernelBinary,
  probeSimd,
} from "@tekfac/tekfac/backend";
import { eighJob, normal, sharing } from "./_threads.ts";

/** What a program prints that runs in a process of its own, without any permission. */
async function outputOf(program: string): Promise<string> {
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const module = new URL("../../src/backend/mod.ts", import.meta.url);
    await Deno.writeTextFile(path, program.replace("BACKEND", module.href));
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--no-prompt", "--config", config, path],
      env: { NO_COLOR: "1" },
      signal: AbortSignal.timeout(300_000),
    });
    const { success, stdout, stderr } = await child.output();
    const text = new TextDecoder();
    assert.ok(success, `ended by itself: ${text.decode(stderr)}`);
    return text.decode(stdout).trim();
  } finally {
    await Deno.remove(path);
  }
}

for (const disposes of [true, false]) {
  const name = disposes ? "after dispose()" : "even when nobody disposes";
  Deno.test(`a process with workers ends by itself ${name}, and needs no permission`, async () => {
    const output = await outputOf(`
      import { createBackend } from "BACKEND";
      const backend = await createBackend({ prefer: ["wasm"], threads: 2 });
      const a = backend.alloc(2, 2), q = backend.alloc(2, 2);
      const values = backend.alloc(1, 2), status = backend.alloc(1, 3);
      backend.write(a, [2, 0, 0, 3]);
      const ticket = backend.beginEigh([{ matrix: a, vectors: q, values, status }]);
      while (!ticket.ready) await new Promise((resolve) => setTimeout(resolve, 1));
      ticket.finish();
      console.log(...backend.readSync(values));
      ${disposes ? "backend[Symbol.dispose]();" : ""}
    `);
    assert.equal(output, "2 3");
  });
}

/** Runs `body` with a property of `globalThis` replaced. */
function withGlobal(name: string, value: unknown, body: () => void): void {
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, name)!;
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  try {
    body();
  } finally {
    Object.defineProperty(globalThis, name, descriptor);
  }
}

Deno.test("createBackend() has one thread where shared memory or workers are missing, and says so", () => {
  const works = (reason: RegExp): void => {
    using backend = createBackendSync({ prefer: ["wasm"], threads: 4 });
    assert.match(backend.info.description, reason);
    using a = normal(backend, 200, 200, 1);
    using c = backend.alloc(200, 200);
    backend.gemm(c, a, a);
    assert.ok(backend.readSync(c).every(Number.isFinite));
    backend.beginEigh([eighJob(backend, 5)]).finish();
  };
  withGlobal("SharedArrayBuffer", undefined, () => works(/one thread: no SharedArrayBuffer/));
  withGlobal("process", undefined, () => {
    withGlobal("Worker", undefined, () => works(/one thread: no workers/));
  });
});

Deno.test("createBackend() computes alone where workers refuse to start", () => {
  const refusing = {
    getBuiltinModule: () => ({
      Worker: class {
        constructor() {
          throw new Error("refused");
        }
      },
    }),
  };
  withGlobal("process", refusing, () => {
    using backend = sharing(3);
    using a = normal(backend, 20, 20, 1);
    using c = backend.alloc(20, 20);
    backend.gemm(c, a, a);
    backend.beginEigh([eighJob(backend, 6)]).finish();
    assert.ok(backend.readSync(c).every(Number.isFinite));
  });
});

for (
  const [what, options] of [
    ["from text that comes along", {}],
    ["from a script of one's own", { workerUrl: import.meta.resolve("@tekfac/tekfac/worker") }],
  ] as const
) {
  Deno.test(`createBackend() uses the host's own kind of workers where there are no others, ${what}`, () => {
    const { process } = globalThis as { process?: unknown };
    assert.ok(process);
    // The backend is used while the replacement is in force; workers start in the verb.
    withGlobal("process", undefined, () => {
      using backend = createBackendSync({ prefer: ["wasm"], threads: 2, ...options });
      const jobs = [eighJob(backend, 60), eighJob(backend, 61)];
      const ticket = backend.beginEigh(jobs);
      const end = performance.now() + 300_000;
      while (!ticket.ready && performance.now() < end);
      assert.ok(ticket.ready, "the worker has solved the problems");
      assert.match(backend.info.description, /2 threads\)$/);
      ticket.finish();
    });
  });
}

Deno.test("createBackend() keeps to one thread with a module of the host", async () => {
  const module = await WebAssembly.compile(kernelBinary(probeSimd()!));
  using backend = await createBackend({ prefer: ["wasm"], module, threads: 2 });
  assert.match(backend.info.description, /module of the host, one thread: a compiled module/);
});

Deno.test("createBackend() tells the number of threads", async () => {
  using two = await createBackend({ prefer: ["wasm"], threads: 2 });
  assert.match(two.info.description, /^wasm \(\w+ SIMD, 2 threads\)$/);
  using auto = await createBackend({ prefer: ["wasm"], threads: "auto" });
  const threads = Math.min(4, navigator.hardwareConcurrency);
  const expected = threads === 1
    ? /one thread: there is one core/
    : new RegExp(`${threads} threads`);
  assert.match(auto.info.description, expected);
});

Deno.test("createBackend() rejects what is no number of threads", async () => {
  for (const threads of [0, -1, 1.5, 33, NaN, "two", null]) {
    await assert.rejects(createBackend({ threads } as BackendOptions), {
      name: "OptionError",
      message: /'threads' must be 'auto' or an integer from 1 to 32/,
    });
  }
});
