/** {@linkcode exercise}, on runtimes where a program is started from a command line. */
import { exercise } from "./exercise.js";

console.log(JSON.stringify(await exercise()));
