import assert from "#assert";
import { withTwins } from "../../tools/npm_parts.ts";

Deno.test("withTwins() gives a module with parts a twin that has them at once, and one name for both", () => {
  const { modules, imports } = withTwins(
    new Map([
      ["mod.js", 'export { open } from "./src/a/open.js";\n'],
      [
        "src/a/open.js",
        '/** await import("./no.js") */\nexport const open = () => import("./part.js");\n',
      ],
      ["src/a/part.js", "export const x = 1;\n"],
    ]),
  );
  assert.deepEqual(Object.fromEntries(modules), {
    "mod.js": 'export { open } from "#a/open";\n',
    "src/a/open.js":
      '/** await import("./no.js") */\nexport const open = () => import("./part.js");\n',
    "src/a/open.whole.js": 'import * as part0 from "./part.js";\n\n' +
      "export const open = () => Promise.resolve(part0);\n",
  });
  assert.deepEqual(imports, {
    "#a/open": {
      development: "./src/a/open.whole.js",
      production: "./src/a/open.whole.js",
      default: "./src/a/open.js",
    },
  });
});

Deno.test("withTwins() changes nothing where nothing is imported by a call", () => {
  const { modules, imports } = withTwins(new Map([["mod.js", 'import "./a.js";\n']]));
  assert.deepEqual([[...modules], imports], [[], {}]);
});
