/**
 * Verbs whose results can go elsewhere than to what they change, by their definitions.
 *
 * @module
 */

import * as linalg from "../../linalg/mod.ts";
import type { Aside } from "../kernels.ts";
import { gather, numberOf, type ReferenceStorage, scatter } from "./storage.ts";

/** See {@linkcode Aside}. */
export const aside: Aside = {
  axpby([to], y, alpha, x, beta) {
    scatter(to, linalg.axpby(numberOf(alpha), gather(x), numberOf(beta), gather(y)).data);
  },

  takeStep([to], w, rate, u, decay, columns) {
    const [length, share] = [numberOf(rate), numberOf(decay)];
    scatter(to, linalg.takeStep(gather(w), length, gather(u), share, columns).data);
  },

  adamDirection([out, toM, toV], _, m, v, g, numbers) {
    const result = linalg.adamDirection(gather(m), gather(v), gather(g), numbers);
    scatter(toM, result.m.data);
    scatter(toV, result.v.data);
    scatter(out, result.direction.data);
  },

  exchange(a, b) {
    const [x, y] = [a as ReferenceStorage, b as ReferenceStorage];
    [x.data, y.data] = [y.data, x.data];
  },
};
