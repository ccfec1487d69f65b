// The datapath as it is built, without guests: what the conformance tests run frames through.
import type { Dpif } from '../../datapath/dpif.ts';
import type { Clock } from '../../lib/clock.ts';

interface Capture {
  onSend: ((frame: Uint8Array) => void) | undefined;
}

const built = (path: string) => import(new URL(`../../dist/${path}`, import.meta.url).href);

/** A datapath without ports. */
export async function startDatapath(clock?: Clock): Promise<Dpif> {
  const { createDpif } = (await built('datapath/datapath.js')) as typeof import('../../datapath/datapath.ts');
  const { createIoPoller } = (await built('lib/io-poller.js')) as typeof import('../../lib/io-poller.ts');
  return createDpif({ io: createIoPoller(), rundir: '/tmp', ...(clock ? { clock } : {}) });
}

/** A datapath with dummy ports `in` (1) and `out` (2); copies of what leaves by the second go to `sent`. */
export async function startDummyPair(sent: (frame: Buffer) => void, clock?: Clock): Promise<Dpif> {
  const dpif = await startDatapath(clock);
  for (const name of ['in', 'out']) await dpif.portAdd({ name, type: 'dummy', options: {}, mtu: 9000 });
  const dummy = (await built('datapath/port/dummy/dummy-port.js')) as { findDummyPort(name: string): Capture };
  dummy.findDummyPort('out').onSend = (frame) => sent(Buffer.from(frame));
  return dpif;
}
