// Every message a controller may send, and who handles it.

import { bundleHandlers } from './bundles.ts';
import { connectionHandlers } from './connection.ts';
import { extensionHandlers } from './extensions.ts';
import { groupHandlers } from './groups.ts';
import type { Handlers } from './handler.ts';
import { meterHandlers } from './meters.ts';
import { monitorHandlers } from './monitors.ts';
import { portHandlers } from './ports.ts';
import { queueHandlers } from './queues.ts';
import { tableHandlers } from './tables.ts';

export const handlers: Handlers = {
  ...connectionHandlers,
  ...tableHandlers,
  ...portHandlers,
  ...groupHandlers,
  ...meterHandlers,
  ...bundleHandlers,
  ...queueHandlers,
  ...extensionHandlers,
  ...monitorHandlers,
};
