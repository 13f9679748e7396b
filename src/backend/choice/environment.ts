/**
 * The one thing this library asks its surroundings: which backend the user wants.
 *
 * @module
 */

/** Names the backends to try, as `prefer` does, separated by commas: `TEKFAC_BACKEND=webgpu,wasm`. */
export const BACKEND_VARIABLE = "TEKFAC_BACKEND";

/** What matters here of Deno, and of Node and its kin. */
interface Host {
  readonly Deno?: {
    readonly permissions?: {
      querySync?(what: { name: "env"; variable: string }): { readonly state: string };
    };
    readonly env: { get(name: string): string | undefined };
  };
  readonly process?: { readonly env?: Readonly<Record<string, string | undefined>> };
}

/**
 * A variable of the environment; `undefined` where it is not set, there is none, or reading it would
 * need a permission that has not been given. Never prompts.
 */
export function environmentVariable(variable: string): string | undefined {
  const { Deno: deno, process } = globalThis as Host;
  if (deno === undefined) return process?.env?.[variable];
  const state = deno.permissions?.querySync?.({ name: "env", variable }).state;
  return state === "granted" ? deno.env.get(variable) : undefined;
}
