import assert from "#assert";
import { checkImports } from "../../tools/check_imports.ts";

/** The breaches of a project made of these files. */
function breachesOf(files: Record<string, string>): string[] {
  return checkImports(new Map(Object.entries(files)));
}

const core = { "src/core/matrix.ts": "export interface Matrix {}\n" };

Deno.test("checkImports() accepts imports that go down the layers", () => {
  const files = {
    ...core,
    "src/backend/backend.ts": 'import type { Matrix } from "../core/matrix.ts";\n',
    "src/nn/dense.ts":
      'import type { Matrix } from "../core/matrix.ts";\nimport "../backend/backend.ts";\n',
  };
  assert.deepEqual(breachesOf(files), []);
});

Deno.test("checkImports() names file, line and the layers allowed for an upward import", () => {
  const files = {
    ...core,
    "src/linalg/gemm.ts": '// why\nimport {\n  Matrix,\n} from "../nn/dense.ts";\n',
    "src/nn/dense.ts": "export {};\n",
  };
  assert.deepEqual(breachesOf(files), [
    "src/linalg/gemm.ts:4: may not import '../nn/dense.ts': linalg may import core",
  ]);
});

Deno.test("checkImports() keeps nn from curvature and optimizers, and testing out of the library", () => {
  const files = {
    "src/nn/mod.ts": 'export * from "../optim/mod.ts";\n',
    "src/optim/mod.ts": 'export * from "../curvature/mod.ts";\n',
    "src/curvature/mod.ts": 'export * from "../nn/mod.ts";\nexport * from "../testing/mod.ts";\n',
    "src/testing/mod.ts": "export {};\n",
  };
  const breaches = breachesOf(files);
  assert.match(
    breaches[0],
    /^src\/nn\/mod.ts:1: .*nn may import core, linalg, backend, curvature$/,
  );
  assert.match(breaches[1], /^src\/curvature\/mod.ts:1: .*'\.\.\/nn\/mod.ts'/);
  assert.match(breaches[2], /^src\/curvature\/mod.ts:2: .*'\.\.\/testing\/mod.ts'/);
});

Deno.test("checkImports() finds a cycle within one layer and tells its way", () => {
  const files = {
    "src/core/a.ts": 'import { b } from "./b.ts";\n',
    "src/core/b.ts": 'export { c } from "./c.ts";\n',
    "src/core/c.ts": 'const a = await import("./a.ts");\n',
  };
  assert.deepEqual(breachesOf(files), [
    "src/core/a.ts:1: import cycle: src/core/a.ts -> src/core/b.ts -> src/core/c.ts -> src/core/a.ts",
  ]);
});

Deno.test("checkImports() finds a cycle of types in the library, and lets others have theirs", () => {
  const files = (folder: string) => ({
    [`${folder}/a.ts`]: 'import type { B } from "./b.ts";\n',
    [`${folder}/b.ts`]: 'import { a } from "./a.ts";\n',
  });
  assert.deepEqual(breachesOf(files("src/core")), [
    "src/core/a.ts:1: import cycle: src/core/a.ts -> src/core/b.ts -> src/core/a.ts",
  ]);
  assert.deepEqual(breachesOf(files("bench")), []);
});

Deno.test("checkImports() finds a cycle between folders of the backend, though no file is in one", () => {
  const files = {
    "src/backend/mod.ts": 'export * from "./wasm/a.ts";\n',
    "src/backend/wasm/a.ts": 'import { b } from "../webgpu/b.ts";\n',
    "src/backend/webgpu/b.ts": "export const b = 1;\n",
    "src/backend/webgpu/c.ts": 'import { d } from "../wasm/d.ts";\n',
    "src/backend/wasm/d.ts": "export const d = 1;\n",
  };
  assert.deepEqual(breachesOf(files), [
    "src/backend/wasm:1: import cycle: src/backend/wasm -> src/backend/webgpu -> src/backend/wasm",
  ]);
});

Deno.test("checkImports() wants packages in full and only where they belong", () => {
  const files = {
    "src/backend/load.ts": 'import l from "npm:@assemblyscript/loader@0.28.20";\n',
    "src/cli/train.ts": 'import bar from "npm:some-bar@1.2.3/sub";\n',
    "src/core/a.ts": 'import x from "npm:left-pad@1.3.0";\n',
    "src/cli/b.ts": 'import x from "npm:left-pad";\nimport y from "#alias";\n',
    "src/data/c.ts": 'import { readFile } from "node:fs/promises";\n',
  };
  assert.deepEqual(breachesOf(files).map((breach) => breach.split(": ").at(-1)), [
    "core uses no packages",
    "src names packages in full, 'npm:name@1.2.3'",
    "src names packages in full, 'npm:name@1.2.3'",
  ]);
});

Deno.test("checkImports() lets tests and programs see the library as its users do", () => {
  const files = {
    ...core,
    "tests/core/a_test.ts": 'import "../../src/core/matrix.ts";\n',
    "tests/oracle/b.ts": 'import "@tekfac/tekfac/linalg";\nimport "./c.ts";\n',
    "tests/oracle/c.ts": 'import "#assert";\n',
    "bench/d.ts": 'import "../tests/oracle/c.ts";\n',
    "lab/e.ts": 'import "@tekfac/tekfac/training";\nimport "../src/cli/mod.ts";\n',
    "lab/f.ts": 'import "./e.ts";\nimport "../src/core/matrix.ts";\n',
    "src/cli/mod.ts": "export {};\n",
    "tests/lab/e_test.ts": 'import "../../lab/e.ts";\n',
    "tests/core/e_test.ts": 'import "../../lab/e.ts";\n',
    "asm/gemm.ts": 'import "./fma";\nimport "../src/core/matrix.ts";\n',
  };
  assert.deepEqual(breachesOf(files).map((breach) => breach.split(":")[0]), [
    "tests/core/a_test.ts",
    "bench/d.ts",
    "lab/f.ts",
    "tests/core/e_test.ts",
    "asm/gemm.ts",
  ]);
});

Deno.test("checkImports() reads code, not comments or strings", () => {
  const files = {
    "src/core/a.ts": [
      '/** import { x } from "../nn/x.ts"; Deno.exit() */',
      '// import "../nn/x.ts";',
      'const text = `\nimport "../nn/x.ts";\n`;',
      "",
    ].join("\n"),
  };
  assert.deepEqual(breachesOf(files), []);
});

Deno.test("checkImports() keeps the host's own interface on the command line", () => {
  const files = {
    "src/data/idx.ts": "\nDeno.readFile(path);\n",
    "src/cli/train.ts": "Deno.exit(2);\n",
  };
  assert.deepEqual(breachesOf(files), [
    "src/data/idx.ts:2: may not use 'Deno': only src/cli/, src/data/files.ts, src/distributed/mpi/ may",
  ]);
});

Deno.test("checkImports() rejects a folder that is in no layer and a file that is missing", () => {
  const files = {
    ...core,
    "src/misc/a.ts": 'import "../core/matrix.ts";\n',
    "src/core/b.ts": 'import "./gone.ts";\n',
  };
  assert.deepEqual(breachesOf(files).map((breach) => breach.split(": ").at(-1)), [
    "'src/misc' is not in the table of layers",
    "there is no such file",
  ]);
});
