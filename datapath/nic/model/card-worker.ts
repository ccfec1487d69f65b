// The card's thread: a datapath of its own and its firmware, behind a message port. It ends with its worker, descriptors and
// all (lib/syscalls/descriptors.ts), and knows nothing but what it is told.

import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../../lib/assert.ts';
import { createIoPoller } from '../../../lib/io-poller.ts';
import { setLogSink } from '../../../lib/log.ts';
import { keepLedger } from '../../../lib/syscalls/descriptors.ts';
import { createEswitch } from '../../eswitch.ts';
import { assumeAllowedCores } from '../../pmd/cores.ts';
import { Firmware } from './firmware.ts';
import type { CardCommand, CardMessage, CardWorkerData, VportState } from './protocol.ts';
import { Pulse } from './pulse.ts';

/** How often the card shows that it is well, in milliseconds. */
const PULSE_MS = 500;
/** How often the switch is told of counters, and the firmware forgets what is old, in milliseconds. */
const REPORT_MS = 100;

const { name, rundir, settings, ledger, allowedCores } = workerData as CardWorkerData;
const switchPort = parentPort;
assert(switchPort !== null, 'the card runs in a worker');
const send = (message: CardMessage) => switchPort.postMessage(message);
setLogSink((record) => send({ type: 'log', record }));
keepLedger(ledger);
assumeAllowedCores(allowedCores);

const dpif = createEswitch({ io: createIoPoller(), rundir });
const firmware = new Firmware({ name, dpif, send }, settings);
const told = new Map<number, string>();

/** Tells what has changed since the last time. */
function report(): void {
  const changed = firmware.states().filter((state) => isNews(state));
  if (changed.length > 0) send({ type: 'state', vports: changed });
}

function isNews(state: VportState): boolean {
  const text = JSON.stringify(state, (_key, value) => (typeof value === 'bigint' ? String(value) : (value as unknown)));
  if (told.get(state.vport) === text) return false;
  told.set(state.vport, text);
  return true;
}

dpif.onPortChange(() => setImmediate(report));
setInterval(() => {
  report();
  firmware.tick();
}, REPORT_MS);

let work: Promise<void> = firmware.start().then(report);
const pulse = new Pulse({
  isWaiting: () => firmware.isWaiting,
  barrier: () => dpif.barrier(),
  beat: () => send({ type: 'pulse' }),
});
setInterval(() => void pulse.look(), PULSE_MS);

switchPort.on('message', (command: CardCommand) => {
  const arrivedMs = performance.now();
  pulse.begun++;
  work = work.then(() => run(command, arrivedMs));
});

async function run(command: CardCommand, arrivedMs: number): Promise<void> {
  firmware.arrivedMs = arrivedMs;
  try {
    const method = firmware[command.name] as (...args: readonly unknown[]) => Promise<unknown>;
    const result = await method.apply(firmware, [...command.args]);
    send({ type: 'done', id: command.id, result });
  } catch (error) {
    send({ type: 'failed', id: command.id, message: error instanceof Error ? error.message : String(error) });
  }
  pulse.done++;
  report();
  if (command.name === 'close') switchPort?.close();
}
