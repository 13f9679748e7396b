/** A rank in a process of an MPI launcher: leaves its result in a file of a directory. */

import { mpiGroup } from "@tekfac/tekfac/distributed";

const [program, argument, directory] = Deno.args;
const { default: run } = await import(program);
using group = mpiGroup();
const result = await run(group, JSON.parse(argument));
await Deno.writeTextFile(`${directory}/${group.rank}`, JSON.stringify(result));
