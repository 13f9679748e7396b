/**
 * Messages of one port, in their order, to be waited for in one form or the other.
 *
 * @module
 */

import type { Port } from "./port.ts";

/** What is sent when no more will come. */
const FAREWELL = "farewell";

/** What has come: bytes, that no more will, or nothing within the time. */
export type Received = Uint8Array | "closed" | "late";

/** One port's messages. */
export interface Mailbox {
  /** Sends. */
  send(message: ArrayBuffer): void;
  /** The next message, for which it sleeps up to so many milliseconds; where the host can. */
  readonly take?: (patience: number) => Received;
  /** The next message. */
  next(patience: number): Promise<Received>;
  /** Tells the other side that no more will come. */
  close(): void;
}

/** Takes a message from a port that has none listening, where a host has such a function. */
type Receive = (port: Port) => { readonly message: unknown } | undefined;

/** Looks at a port before the thread sleeps between two of them. */
const EAGER = 50;

/** Milliseconds of such a sleep. */
const NAP = 0.1;

/** A mailbox that can be waited for at once, if that is possible here. */
export function mailboxOf(port: Port): Mailbox {
  const receive = receiverOf(port);
  return receive === undefined ? listening(port) : polling(port, receive);
}

function receiverOf(port: Port): Receive | undefined {
  if (typeof MessagePort !== "function" || !(port instanceof MessagePort)) return undefined;
  interface Threads {
    readonly receiveMessageOnPort?: Receive;
  }
  const { process } = globalThis as {
    readonly process?: { readonly getBuiltinModule?: (name: string) => Threads | undefined };
  };
  return process?.getBuiltinModule?.("node:worker_threads")?.receiveMessageOnPort;
}

/** Asks again and again: also in the asynchronous form, since a port that has a listener cannot be asked. */
function polling(port: Port, receive: Receive): Mailbox {
  const bed = new Int32Array(new SharedArrayBuffer(4));
  const look = (): Received | undefined => {
    const found = receive(port);
    return found && receivedOf(found.message);
  };
  return {
    ...sender(port),
    take(patience) {
      const deadline = performance.now() + patience;
      for (let looks = 1; performance.now() < deadline; looks++) {
        const received = look();
        if (received !== undefined) return received;
        if (looks > EAGER) Atomics.wait(bed, 0, 0, NAP);
      }
      return "late";
    },
    async next(patience) {
      const deadline = performance.now() + patience;
      while (performance.now() < deadline) {
        const received = look();
        if (received !== undefined) return received;
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      return "late";
    },
  };
}

function listening(port: Port): Mailbox {
  const arrived: Received[] = [];
  let wake = (): void => {};
  const put = (received: Received): void => {
    arrived.push(received);
    wake();
  };
  port.addEventListener("message", ({ data }) => put(receivedOf(data)));
  port.addEventListener("close", () => put("closed"));
  port.start?.();
  return {
    ...sender(port),
    async next(patience) {
      if (arrived.length === 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, Math.min(patience, 2 ** 31 - 1));
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      // Once closed, it stays so.
      return arrived[0] === "closed" ? "closed" : arrived.shift() ?? "late";
    },
  };
}

function sender(port: Port): Pick<Mailbox, "send" | "close"> {
  const send = (message: ArrayBuffer | string): void =>
    port.postMessage === undefined ? port.send!(message) : port.postMessage(message);
  return { send, close: () => send(FAREWELL) };
}

function receivedOf(message: unknown): Received {
  return message instanceof ArrayBuffer ? new Uint8Array(message) : "closed";
}
