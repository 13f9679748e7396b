/**
 * Going on after the loss of a device: what a backend that can do so offers to those who hold state.
 *
 * @module
 */

/** What became of a lost device, told once per loss. */
export interface DeviceLoss {
  /** The device's own words. */
  readonly reason: string;
  /** Steps since the snapshot that training goes on from; their effect is gone. */
  readonly stepsLost: number;
  /** What it goes on with: `"webgpu (NVIDIA H200)"`, `"wasm (relaxed SIMD)"`. */
  readonly continuesOn: string;
}

/** Options of going on after the loss of a device. */
export interface RecoveryOptions {
  /** Steps between two snapshots; one is taken after the first step too. @default {100} */
  readonly everySteps?: number;
  /** Called once per loss, when training can go on. @default {console.warn} */
  readonly onLoss?: (loss: DeviceLoss) => void;
}

/** Who keeps state on the host that has to go back together with the matrices: an optimizer. */
export interface RecoveryMember {
  /** A copy of that state. May enqueue work that brings the matrices into a state fit to go on from. */
  save(): unknown;
  /**
   * Whether the state stands that has just been saved, once everything enqueued so far is done: not where a step
   * turns out to be refused.
   *
   * @default {it does}
   */
  stands?(): Promise<boolean>;
  /** Goes back to a copy. What it does to matrices is overwritten afterwards. */
  restore(state: unknown): void;
}

/** Snapshots of a backend's matrices and of what its members keep, and going back to the last one. */
export interface Recovery {
  /** How many devices were lost so far. What one has begun and another is asked for has to be done again. */
  readonly devicesLost: number;
  /** Whether a device is lost and nothing has taken its place yet: until then verbs do nothing. */
  readonly pending: boolean;
  /**
   * Resolves when nothing is pending.
   *
   * @throws {BackendError} When there is nothing to go on with.
   */
  settled(): Promise<void>;
  /** Adds a member, whose state is kept from now on. Dispose what is returned to end that. */
  join(member: RecoveryMember): Disposable;
  /** Counts a step; takes a snapshot when one is due. Reading it back is waited for by nobody. */
  stepped(): void;
}
