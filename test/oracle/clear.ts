// Empties a switch between cases, so that nothing of one case decides anything in the next.

import type { OfctlEncoder } from './ofctl-encoder.ts';
import type { SwitchUnderTest } from './switch-under-test.ts';

/** A flow that makes every look-up in table 0 read the source address for as long as it is there. */
const MARK = 'table=0,priority=1,dl_src=0e:00:00:00:00:0e,actions=drop';
const PROBE = '0a5500aa000300000000000288b50000000000000000';

/** Messages that remove every flow, group and meter (OpenFlow 1.3), and after them a marked flow. */
export async function clearMessages(encoder: OfctlEncoder): Promise<readonly Buffer[]> {
  return [
    // Flows that learned others take those with them, after the message.
    ...(await encoder.command('OpenFlow13', 'del-flows')),
    ...(await encoder.command('OpenFlow13', 'add-flow', MARK)),
    ...(await encoder.command('OpenFlow13', 'del-flows')),
    ...(await encoder.command('OpenFlow13', 'del-groups')),
    ...(await encoder.command('OpenFlow13', 'del-meters')),
  ];
}

/**
 * Removes flows, groups, meters, what was learned and datapath flows. Open vSwitch takes deleted flows out of its
 * classifier some time after the barrier, all that one message deletes at once: until then look-ups find none of them,
 * but still read what it takes to pass them over.
 */
export async function clear(side: SwitchUnderTest, messages: readonly Buffer[]): Promise<void> {
  await side.exchange('OpenFlow13', messages);
  while (/^Megaflow:.*dl_src/m.test(await side.appctl('ofproto/trace', 'br0', 'in_port=1', PROBE)));
  await Promise.all(['fdb/flush', 'mdb/flush', 'revalidator/purge'].map((command) => side.appctl(command)));
}
