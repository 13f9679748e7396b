/** All kinds of misfortune. */
import { badBatches } from "./storms/batches.ts";
import { devices } from "./storms/devices.ts";
import { disks } from "./storms/disks.ts";
import { files } from "./storms/files.ts";
import { kills } from "./storms/kills.ts";
import { refusals } from "./storms/refusals.ts";
import type { Storm } from "./storm.ts";
import { verbs } from "./storms/verbs.ts";
import { workers } from "./storms/workers.ts";

export const storms: readonly Storm[] = [
  verbs,
  badBatches,
  workers,
  files,
  kills,
  disks,
  devices,
  refusals,
];
