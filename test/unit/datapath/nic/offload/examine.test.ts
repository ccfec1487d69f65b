import { expect, it } from 'vitest';
import type { DpAction } from '../../../../../datapath/dpif.ts';
import * as K from '../../../../../datapath/layout/flow-key.ts';
import { problemOf, type Surroundings } from '../../../../../datapath/nic/offload/examine.ts';
import type { NicCapabilities } from '../../../../../datapath/nic/provider.ts';
import { MemoryNic } from '../../../../support/memory-nic.ts';
import { output, RigFlow } from '../../../../support/offload-rig.ts';

const allButTtl = new Uint8Array(K.KEY_SIZE).fill(0xff);
allButTtl[K.KEY_NW_TTL] = 0;
const noActions: ReadonlySet<never> = new Set();
const set: DpAction = { type: 'set', header: 'ipv4', value: new Uint8Array(12), mask: new Uint8Array(12) };

interface Case {
  readonly what?: Partial<NicCapabilities>;
  readonly match?: readonly [at: number, value: number, size: number];
  readonly actions?: readonly DpAction[];
  readonly around?: Partial<Surroundings>;
}

const cases: [reason: string | undefined, Case][] = [
  [undefined, { actions: [set, output(1), { type: 'push_vlan', tpid: 0x8100, tci: 0x1001 }, output(2)] }],
  [undefined, { actions: [] }],
  ['the card does not count: nobody would know when the flow is idle', { what: { counters: false } }],
  ['the card has no flow table', { what: { tableSize: 0 } }],
  ['p1 has ingress policing: software measures it', { around: { isPoliced: () => true } }],
  ['recirculated packets are only in software', { match: [K.KEY_RECIRC_ID, 5, 4] }],
  ['it matches marks that only software gives packets', { match: [K.KEY_PKT_MARK, 5, 4] }],
  [undefined, { match: [K.KEY_PKT_MARK, 0, 4], what: { matches: received() } }],
  ['the card cannot match nw_ttl', { match: [K.KEY_NW_TTL, 64, 1], what: { matches: allButTtl } }],
  ['vlan-limit hides a tag that the card sees', { match: [K.KEY_ETH_TYPE, 0x8100, 2], around: { vlanLimit: 1 } }],
  [undefined, { match: [K.KEY_ETH_TYPE, 0x8100, 2], around: { vlanLimit: 2 } }],
  ['the slow path has to see each packet', { actions: [{ type: 'userspace', cookie: 1, maxLen: 1 }] }],
  [
    'the slow path has to see each packet',
    { actions: [{ type: 'sample', actions: [{ type: 'userspace', cookie: 1, maxLen: 1 }] }] },
  ],
  ['it recirculates', { actions: [{ type: 'recirc', id: 1 }] }],
  ['it recirculates by a hash', { actions: [{ type: 'hash', algorithm: 'l4', basis: 0 }] }],
  [undefined, { actions: [{ type: 'meter', id: 1 }, output(2)] }],
  [
    'not all outputs get each packet whole: the card does not count what they get',
    { actions: [{ type: 'meter', id: 1 }, output(2)], what: { outputCounters: false } },
  ],
  [undefined, { actions: [{ type: 'meter', id: 1 }], what: { outputCounters: false } }],
  ['the card cannot do set(ipv4)', { actions: [set], what: { actions: new Set(['output']) } }],
  ['the card cannot do pop_vlan', { actions: [{ type: 'pop_vlan' }, output(2)], what: { actions: noActions } }],
  [undefined, { actions: [{ type: 'trunc', maxLen: 64 }, output(2)] }],
  [
    'not all outputs get each packet whole: the card does not count what they get',
    { actions: [{ type: 'trunc', maxLen: 64 }, output(2)], what: { outputCounters: false } },
  ],
  [
    'the slow path has to see each packet',
    {
      actions: [
        {
          type: 'check_pkt_len',
          size: 100,
          greater: [{ type: 'userspace', cookie: 1, maxLen: 1 }],
          lessEqual: [output(2)],
        },
      ],
    },
  ],
  ['output to p9 which is not up on card nic0', { actions: [output(2), { type: 'clone', actions: [output(9)] }] }],
  ['2 outputs: the card does 1 at most', { actions: [output(1), output(2)], what: { outputMax: 1 } }],
];

/** Of a card that knows nothing of what software notes beside a packet. */
function received(): Uint8Array {
  const matches = new Uint8Array(K.KEY_SIZE).fill(0xff);
  matches.fill(0, K.KEY_RECIRC_ID, K.KEY_ETH_TYPE);
  matches.fill(0, K.KEY_DP_HASH, K.KEY_NSH_FLAGS);
  return matches;
}

it.each(cases)('problemOf() is %j', (reason, { what, match, actions = [output(2)], around }) => {
  const flow = new RigFlow(1, 7, actions);
  if (match) flow.match(...match);
  const { name: card, capabilities } = new MemoryNic('nic0', what);
  const vportOf = (port: number) => (port === 9 ? undefined : port + 10);
  const nameOf = (port: number) => `p${port}`;
  const plain = { card, capabilities, vportOf, nameOf, isPoliced: () => false, vlanLimit: 0 };
  expect(problemOf(flow, { ...plain, ...around })).toBe(reason);
});

it('a flow that does not match in_port stays in software', () => {
  const flow = new RigFlow(1, 7, []);
  flow.mask.fill(0, K.KEY_IN_PORT, K.KEY_IN_PORT + 4);
  const { name: card, capabilities } = new MemoryNic('nic0');
  const around = { card, capabilities, vportOf: () => 1, nameOf: String, isPoliced: () => false, vlanLimit: 0 };
  expect(problemOf(flow, around)).toBe('it does not match one in_port');
});
