/**
 * Helpers for tests of this library and of code built on it. They need no test framework: a
 * function that registers tests can be given.
 *
 * @experimental Helpers follow the tests of this library, and change with them.
 *
 * @example One body, all backends; a test file registers with `Deno.test` instead
 * ```ts
 * import {
 *   allClose,
 *   type BackendTest,
 *   download,
 *   eachBackend,
 *   randomMatrix,
 *   upload,
 * } from "@tekfac/tekfac/testing";
 * import { Random } from "@tekfac/tekfac/core";
 *
 * const tests: BackendTest[] = [];
 * const register = (test: BackendTest) => tests.push(test);
 * eachBackend(register, "squares() squares", (backend) => {
 *   const numbers = randomMatrix(new Random(1), 2, 3);
 *   using x = upload(backend, numbers);
 *   backend.squares(x, x);
 *   const expected = numbers.data.map((v) => v * v);
 *   allClose(download(backend, x).data, expected, { relative: 2 ** -22 });
 * });
 * for (const test of tests) if (!test.ignore) await test.fn();
 * ```
 *
 * @module
 */

export * from "./all_close.ts";
export * from "./each_backend.ts";
export * from "./generators.ts";
export * from "./made_up_call.ts";
export * from "./self_check.ts";
