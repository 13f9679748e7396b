/** A page that starts a worker as Vite's manual says, and makes backends when it is asked to. */
import { createBackend } from "@tekfac/tekfac";
import workerUrl from "@tekfac/tekfac/worker?worker&url";

const worker = new Worker(new URL("./vite_worker.js", import.meta.url), { type: "module" });
worker.onmessage = ({ data }) => globalThis.fromWorker = data;
worker.onerror = ({ message }) => globalThis.fromWorker = `error: ${message}`;

/** What a backend says of itself, before and after it has multiplied enough for its workers to begin. */
globalThis.describe = async (own) => {
  const backend = await createBackend({ threads: 2, ...(own ? { workerUrl } : {}) });
  const { description, rejected } = backend.info;
  const a = backend.alloc(100, 100), b = backend.alloc(100, 100);
  for (let i = 0; i < (backend.name === "reference" ? 1 : 2000); i++) backend.gemm(b, a, a);
  // What becomes of workers is told in turns of the event loop.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const result = { description, rejected, later: backend.info.description };
  backend[Symbol.dispose]();
  return result;
};
