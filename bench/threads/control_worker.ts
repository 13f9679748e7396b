/**
 * A loop of products on a backend of its own: told for how many milliseconds, it answers how many it did in
 * each.
 *
 * @module
 */

import { createBackendSync } from "@tekfac/tekfac";

declare const self: {
  onmessage: (event: MessageEvent<number>) => void;
  postMessage: (pace: number) => void;
};

const SIZE = 256;

const backend = createBackendSync({ prefer: ["wasm"], threads: 1 });
const [a, b, c] = [0, 1, 2].map(() => backend.alloc(SIZE, SIZE));

self.onmessage = ({ data: milliseconds }) => {
  const start = performance.now();
  let products = 0;
  while (performance.now() - start < milliseconds) {
    backend.gemm(c, a, b);
    products++;
  }
  self.postMessage(products / (performance.now() - start));
};
