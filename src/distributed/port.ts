/**
 * What ports are to a group.
 *
 * @module
 */

/**
 * What leads to one other rank, and keeps the order of messages: a `MessagePort`, or a `WebSocket` that is open,
 * with `binaryType: "arraybuffer"`, to the other or to a server that hands on. The group has it to itself.
 */
export interface Port {
  /** Of a `MessagePort`. */
  postMessage?(message: unknown): void;
  /** Of a `WebSocket`. */
  send?(message: ArrayBuffer | string): void;
  /** Of both: `message`, and `close` where the host tells of it. */
  addEventListener(type: "message" | "close", listener: (event: { data?: unknown }) => void): void;
  /** Of a `MessagePort`. */
  start?(): void;
}
