/**
 * The public names of every entry point, against the list in `api.txt`: the interface grows by
 * decision, never by accident. `deno test -A tests/api_test.ts -- --update` writes the list anew.
 */
import assert from "#assert";

const ROOT = new URL("../", import.meta.url);
const LIST = new URL("api.txt", import.meta.url);

/** The part of `deno doc --json` that matters here. */
interface Documentation {
  readonly nodes: Readonly<
    Record<string, {
      readonly symbols: readonly {
        readonly name: string;
        readonly declarations: readonly { readonly kind: string }[];
      }[];
    }>
  >;
}

/** One heading per entry point, one line per name: `  tekfac function`. */
async function publicNames(): Promise<string> {
  const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const entries = Object.entries(exports as Record<string, string>);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", ...entries.map(([, path]) => path)],
    cwd: ROOT,
  }).output();
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout)) as Documentation;
  return entries.map(([entry, path]) => {
    const symbols = nodes[new URL(path, ROOT).href]?.symbols ?? [];
    const lines = symbols.map(({ name, declarations }) => `  ${name} ${declarations[0].kind}`);
    return [`${entry}`, ...lines.sort()].join("\n");
  }).join("\n\n") + "\n";
}

Deno.test("the entry points export the names of tests/api.txt and no others", async () => {
  const actual = await publicNames();
  if (Deno.args.includes("--update")) await Deno.writeTextFile(LIST, actual);
  assert.equal(actual, await Deno.readTextFile(LIST));
});
