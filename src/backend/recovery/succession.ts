/**
 * One implementation after the other: who is at work, what it holds, and how its successor comes to the
 * same.
 *
 * @module
 */

import type { VerbExtension } from "../extension.ts";
import type { Kernels } from "../kernels.ts";
import type { Handle } from "./handle.ts";
import type { DeviceLoss, Recovery, RecoveryMember, RecoveryOptions } from "../recovery.ts";
import { contentsOf, Snapshots } from "./snapshots.ts";

/**
 * Finds something to go on with.
 *
 * @param again Whether the last device was lost before a snapshot of it stood: another may fare no better.
 */
export type Reopen = (again: boolean) => Promise<Kernels>;

/** The implementations that have the work in turn, and the state that is handed on. */
export class Succession implements Recovery {
  /** Storage that lives until it is given back. */
  readonly owned: Set<Handle> = new Set();
  /** What of it is of no concern between two steps. */
  readonly passing: Set<Handle> = new Set();
  /** What is known of it on the host. */
  readonly snapshots: Snapshots = new Snapshots();
  /** Devices lost so far. */
  devicesLost = 0;
  /** The implementation at work, or the last one that was. */
  latest: Kernels;
  #current: Kernels | undefined;
  #recovered: Promise<void> = Promise.resolve();
  #disposed = false;
  readonly #reopen: Reopen;
  readonly #options: RecoveryOptions;
  /** Verbs that whoever is at work has to load. */
  readonly #extensions = new Set<VerbExtension>();
  /** Members, and their state in the last snapshot or when they joined. */
  readonly #members = new Map<RecoveryMember, unknown>();
  #steps = 0;
  #stepsSaved = 0;
  #nextSnapshot = 1;
  #savedSinceLoss = true;

  /**
   * Begins with an implementation.
   *
   * @param first Owned.
   */
  constructor(first: Kernels, reopen: Reopen, options: RecoveryOptions) {
    this.#reopen = reopen;
    this.#options = options;
    this.latest = first;
    this.#take(first);
  }

  /** The implementation at work; `undefined` between a loss and what follows it. */
  get current(): Kernels | undefined {
    const reason = this.#current?.deviceLoss?.reason;
    if (reason !== undefined) this.#lose(reason);
    return this.#current;
  }

  /** See {@linkcode Recovery.pending}. */
  get pending(): boolean {
    return this.current === undefined && !this.#disposed;
  }

  /** See {@linkcode Recovery.settled}. */
  async settled(): Promise<void> {
    while (this.pending) await this.#recovered;
  }

  /** Waits for an implementation; `undefined` where it is lost meanwhile. */
  async unlessLost<T>(kernels: Kernels, work: Promise<T>): Promise<T | undefined> {
    try {
      const result = await work;
      return this.current === kernels ? result : undefined;
    } catch (error) {
      if (this.current === kernels) throw error;
      return undefined;
    }
  }

  /** See {@linkcode Recovery.join}. */
  join(member: RecoveryMember): Disposable {
    this.#members.set(member, member.save());
    return { [Symbol.dispose]: () => void this.#members.delete(member) };
  }

  /** See {@linkcode Recovery.stepped}. */
  stepped(): void {
    this.#steps++;
    this.#snapshotWhereDue();
  }

  /** See {@linkcode Kernels.extend}: of the implementation at work, and of those that follow. */
  extend(extension: VerbExtension): void {
    this.#extensions.add(extension);
    this.current?.extend?.(extension);
  }

  /** Ends the implementation at work; none follows. */
  dispose(): void {
    this.#disposed = true;
    this.#current?.dispose();
    this.#current = undefined;
  }

  #snapshotWhereDue(): void {
    const { current } = this;
    if (current === undefined || this.#steps < this.#nextSnapshot) return;
    this.#nextSnapshot = Infinity;
    this.#snapshot(current).then(() => this.#snapshotWhereDue(), () => {
      // What is wrong with a device that is not lost is said by the next call; members may save at another time.
      this.#nextSnapshot = this.#steps + 1;
    });
  }

  async #snapshot(kernels: Kernels): Promise<void> {
    const steps = this.#steps;
    const states = Array.from(this.#members.keys(), (member) => [member, member.save()] as const);
    const standing = Promise.all(states.map(([member]) => member.stands?.() ?? true));
    const lasting = [...this.owned].filter((handle) => !this.passing.has(handle));
    const both = Promise.all([standing, contentsOf(kernels, lasting)]);
    const found = await this.unlessLost(kernels, both);
    if (found === undefined) return;
    const [stands, contents] = found;
    if (stands.includes(false)) {
      // What members have saved has never been.
      this.#nextSnapshot = this.#steps + 1;
      return;
    }
    this.snapshots.adopt(contents);
    for (const [member, state] of states) {
      if (this.#members.has(member)) this.#members.set(member, state);
    }
    this.#stepsSaved = steps;
    this.#savedSinceLoss = true;
    this.#nextSnapshot = steps + this.#interval;
  }

  #take(kernels: Kernels): void {
    this.#current = this.latest = kernels;
    void kernels.deviceLoss?.announced.then(() => this.current);
  }

  #lose(reason: string): void {
    const lost = this.#current!;
    this.#current = undefined;
    this.devicesLost++;
    this.#recovered = this.#recover(lost, reason);
    // Told to those who wait.
    this.#recovered.catch(() => {});
  }

  async #recover(lost: Kernels, reason: string): Promise<void> {
    lost.dispose();
    const next = await this.#reopen(!this.#savedSinceLoss);
    if (this.#disposed) return next.dispose();
    for (const extension of this.#extensions) next.extend?.(extension);
    for (const handle of this.owned) handle.inner = next.allocate(handle.length);
    this.#take(next);
    // What members do to matrices on their way back is overwritten.
    for (const [member, state] of this.#members) member.restore(state);
    for (const handle of this.owned) this.snapshots.restore(next, handle);
    const stepsLost = this.#steps - this.#stepsSaved;
    this.#steps = this.#stepsSaved;
    this.#nextSnapshot = this.#steps + this.#interval;
    this.#savedSinceLoss = false;
    const { onLoss = warn } = this.#options;
    const loss = { reason, stepsLost, continuesOn: next.info.description };
    // Out of here, so that what it throws is nobody else's failure.
    queueMicrotask(() => onLoss(loss));
  }

  get #interval(): number {
    return this.#options.everySteps ?? 100;
  }
}

function warn({ reason, stepsLost, continuesOn }: DeviceLoss): void {
  console.warn(
    `The GPU was lost (${reason}): training goes on with ${continuesOn}, ${stepsLost} steps back`,
  );
}
