/** What the server of the built page sends; `vite preview` does. */
export const headers = {
  // Threads share memory, which pages may do only when they are isolated from other origins.
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  // WebAssembly is compiled from bytes in a script, and threads are started from text in it.
  "Content-Security-Policy": [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self' blob:",
    "style-src 'self'",
    "img-src 'self' data:",
  ].join("; "),
};
