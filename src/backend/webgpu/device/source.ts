/**
 * The text that a device compiles.
 *
 * @module
 */

import { SHARED } from "./_kernels.gen.ts";
import type { AnyShader, Texts } from "./shader.ts";

/**
 * The WGSL of a kernel. Extensions that its shared texts enable are named at the top, as WGSL demands.
 *
 * @param instead Shared texts to take in the place of others.
 */
export function sourceOf(
  shader: AnyShader,
  instead: Texts = {},
): string {
  const expand = (text: string): string =>
    text.replace(/^\/\/! include (\w+)$/gm, (_, name: string) => {
      return expand(SHARED[instead[name] ?? name]);
    });
  const extensions = new Set<string>();
  const body = expand(shader.source).replace(/^enable \w+;\n/gm, (line) => {
    extensions.add(line);
    return "";
  });
  return [...extensions, body].join("");
}
