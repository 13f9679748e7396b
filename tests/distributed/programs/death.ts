/** A rank that dies while the others wait for it. */

import type { Group } from "@tekfac/tekfac/distributed";

export default function (group: Group, how: unknown): void {
  group.barrier();
  if (group.rank === 1) {
    if (how === "throw") throw new Error("this rank has failed");
    if (how === "exit") Deno.exit(3);
    Deno.kill(Deno.pid, "SIGKILL");
  }
  for (;;) group.barrier();
}
