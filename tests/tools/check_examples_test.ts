import assert from "#assert";
import { type Documentation, misquotes, withoutExample } from "../../tools/check_examples.ts";

/** Documentation of one entry with these symbols, all in one file unless said otherwise. */
function documentation(
  symbols: readonly { name: string; kind?: string; doc?: string; filename?: string }[],
  moduleDoc = "",
): Documentation {
  return {
    nodes: {
      "file:///mod.ts": {
        module_doc: { doc: moduleDoc },
        symbols: symbols.map((
          { name, kind = "function", doc = "", filename = "file:///a.ts" },
        ) => ({
          name,
          declarations: [{ kind, location: { filename }, jsDoc: { doc } }],
        })),
      },
    },
  };
}

/** An example that uses a name. */
const using = (name: string): string => "Text.\n```ts\n" + name + "();\n```\n";

Deno.test("withoutExample() lists functions and classes that no example uses", () => {
  const symbols = [{ name: "f" }, { name: "C", kind: "class" }, { name: "T", kind: "interface" }];
  assert.deepEqual(withoutExample(documentation(symbols)), ["file:///a.ts: C", "file:///a.ts: f"]);
});

Deno.test("withoutExample() takes examples of a neighbour in the file and of the entry point", () => {
  const symbols = [{ name: "f", doc: using("f") + using("g") }, { name: "g" }, { name: "h" }];
  assert.deepEqual(withoutExample(documentation(symbols, using("h"))), []);
});

Deno.test("withoutExample() takes no example from another file, nor a mention outside of code", () => {
  const symbols = [{ name: "f", doc: "See f." }, {
    name: "g",
    doc: using("f") + using("g"),
    filename: "file:///b.ts",
  }];
  assert.deepEqual(withoutExample(documentation(symbols)), ["file:///a.ts: f"]);
});

Deno.test("withoutExample() is not satisfied by a longer name", () => {
  assert.deepEqual(withoutExample(documentation([{ name: "f", doc: using("fg") }])).length, 1);
});

Deno.test("misquotes() names lines that are not in the file of the last link above them", () => {
  const files: Record<string, string> = {
    "../a.ts": "function f() {\n  return 1; // why\n}\n",
    "../b.ts": "const b = 2;\n",
  };
  const quoted = (code: string): string => "```ts ignore\n" + code + "\n```\n";
  const page = `[a](../a.ts) and [notes](n.md)\n${quoted("return 1; // one\nreturn 2;")}` +
    `[b](../b.ts)\n${quoted("const b = 2;\nreturn 1;")}`;
  assert.deepEqual(misquotes(page, (link) => files[link]), [
    "../a.ts: return 2;",
    "../b.ts: return 1;",
  ]);
  assert.throws(() => misquotes(quoted("x();"), () => ""), /no link/);
});
