/** What the worker tells the page. */
export type Message =
  /** Where it computes. */
  | { readonly kind: "backend"; readonly description: string }
  /** How good the head is after an epoch. */
  | { readonly kind: "epoch"; readonly epoch: number; readonly accuracy: number }
  /** The head as a file. */
  | { readonly kind: "file"; readonly file: Uint8Array<ArrayBuffer>; readonly seconds: number }
  /** What went wrong. */
  | { readonly kind: "failure"; readonly text: string };
