/**
 * What a rank says when it ends before the others.
 *
 * @module
 */

/** What tells that a program ends: well, by `Deno.exit`, or by an error that nobody handles. */
const ENDS = ["unload", "error", "unhandledrejection"] as const;

/**
 * A sentence that is written to stderr when this process ends, unless it is withdrawn. The launcher of MPICH ends all
 * ranks as soon as one is gone, before they can say which, and tells at best the number of a process.
 */
export class LastWord {
  readonly #sentence: string;
  #said = false;

  /** Begins to listen for the end. */
  constructor(sentence: string) {
    this.#sentence = sentence;
    for (const event of ENDS) addEventListener(event, this.#onEnd);
  }

  /** Says it, once. */
  say(): void {
    if (!this.#said) console.error(this.#sentence);
    this.withdraw();
  }

  /** Nothing more is to be said. */
  withdraw(): void {
    this.#said = true;
    for (const event of ENDS) removeEventListener(event, this.#onEnd);
  }

  readonly #onEnd = (event: Event): void => {
    if (!event.defaultPrevented) this.say();
  };
}
