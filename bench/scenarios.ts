// What is measured: the OpenFlow flows of a scenario and the traffic that meets them. Guest A sends from port 1,
// guest B receives on port 2.

import { GUEST_ADDRS, guestIp, UDP_DST_PORT } from './guest/template.ts';
import { PORT_A, PORT_B } from './peers/peer.ts';

export interface Scenario {
  readonly name: string;
  /** What it shows, in the report. */
  readonly about: string;
  readonly mode: 'saturating' | 'touching';
  /** Frame without FCS, in bytes. */
  readonly frameSize: number;
  readonly flowCount: number;
  /** Guest B sends first, so that its addresses are learned. */
  readonly announce: boolean;
  readonly flows: () => readonly string[];
  /** Frames per second that guest A sends; as many as the switch takes without it. */
  readonly pps?: number;
  /** Guests sleep so long when nothing moved, and leave their core to the switch. */
  readonly yieldUs?: number;
  /** Flows need no warming up: each is to be new. */
  readonly cold?: boolean;
  /** How long echoes and ovs-vsctl take meanwhile is measured too. */
  readonly probed?: boolean;
  /** Settings in Open_vSwitch.other_config while it is measured. */
  readonly settings?: Readonly<Record<string, string>>;
}

const FORWARD = [`in_port=${PORT_A},actions=output:${PORT_B}`];

/** One rule for every destination address: each flow of the traffic becomes a megaflow of its own. */
export function perAddress(count: number): readonly string[] {
  const match = (flow: number) => `priority=10,ip,in_port=${PORT_A},nw_dst=${guestIp(1, flow)}`;
  return Array.from({ length: count }, (_, flow) => `${match(flow)},actions=output:${PORT_B}`);
}

/** Makes each address a megaflow of its own with two rules: the first mask is no prefix, so that no trie can help. */
function everyAddress(): readonly string[] {
  return [
    `priority=10,ip,in_port=${PORT_A},nw_dst=0.0.0.0/0.255.255.255,actions=drop`,
    `priority=1,in_port=${PORT_A},actions=output:${PORT_B}`,
  ];
}

const hex = (value: number) => `0x${(value >>> 0).toString(16)}`;
const quad = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');

/** Twenty rules with twenty different masks, none of which the traffic matches, before the one that forwards. */
export function accessList(): readonly string[] {
  const rules: string[] = [];
  for (let step = 0; step < 10; step++) {
    const portMask = (0xffff << step) & 0xffff;
    const port = `tp_dst=${hex(~UDP_DST_PORT & portMask)}/${hex(portMask)}`;
    rules.push(`priority=${200 - step},udp,in_port=${PORT_A},${port},actions=drop`);
    // Not a prefix, so that no trie of addresses can leave the rule out.
    const addressMask = 0xff << step;
    const address = `nw_src=${quad(~GUEST_ADDRS[0] & addressMask)}/${quad(addressMask)}`;
    rules.push(`priority=${100 - step},ip,in_port=${PORT_A},${address},actions=drop`);
  }
  return [...rules, `priority=1,ip,in_port=${PORT_A},actions=output:${PORT_B}`];
}

/** More than a switch can learn in the two seconds of a measurement. */
const NEW_FLOWS = 1_000_000;

const base = { mode: 'saturating', frameSize: 64, flowCount: 1, announce: false } as const;
const rewrite = 'mod_dl_src:02:0c:00:00:00:01,mod_dl_dst:02:0c:00:00:00:02,mod_nw_dst:10.32.0.1,dec_ttl';

export const SCENARIOS: readonly Scenario[] = [
  { ...base, name: 'port-forward-64', about: 'port to port, 64 bytes', flows: () => FORWARD },
  { ...base, name: 'port-forward-1500', about: 'port to port, 1500 bytes', frameSize: 1500, flows: () => FORWARD },
  {
    ...base,
    name: 'port-forward-64-touching',
    about: 'the same, guests write and check all 64 bytes',
    mode: 'touching',
    flows: () => FORWARD,
  },
  {
    ...base,
    name: 'port-forward-1500-touching',
    about: 'the same, guests write and check all 1500 bytes',
    mode: 'touching',
    frameSize: 1500,
    flows: () => FORWARD,
  },
  { ...base, name: 'flows-1', about: 'one megaflow on an address', flows: () => perAddress(1) },
  { ...base, name: 'flows-1000', about: '1,000 megaflows, in turn', flowCount: 1000, flows: () => perAddress(1000) },
  {
    ...base,
    name: 'flows-100000',
    about: '100,000 megaflows, in turn',
    flowCount: 100_000,
    flows: () => perAddress(100_000),
  },
  {
    ...base,
    name: 'upcalls',
    about: 'nearly every packet the first of its flow',
    flowCount: 100_000,
    flows: everyAddress,
    yieldUs: 50,
    cold: true,
    settings: { 'flow-limit': '1000' },
  },
  {
    ...base,
    name: 'new-flows',
    about: 'every packet the first of its flow, each switch at its own flow limit',
    flowCount: NEW_FLOWS,
    flows: everyAddress,
    pps: NEW_FLOWS / 2.5,
    yieldUs: 50,
    cold: true,
  },
  {
    ...base,
    name: 'storm',
    about: 'a million flows in turn, while somebody sends echoes and configures',
    flowCount: NEW_FLOWS,
    flows: everyAddress,
    yieldUs: 50,
    cold: true,
    probed: true,
  },
  { ...base, name: 'normal', about: 'MAC learning switch', announce: true, flows: () => ['actions=NORMAL'] },
  {
    ...base,
    name: 'vlan-push',
    about: 'a VLAN tag pushed',
    flows: () => [`in_port=${PORT_A},actions=mod_vlan_vid:100,output:${PORT_B}`],
  },
  {
    ...base,
    name: 'rewrite',
    about: 'both MACs, an address and TTL rewritten',
    flows: () => [`ip,in_port=${PORT_A},actions=${rewrite},output:${PORT_B}`],
  },
  { ...base, name: 'acl', about: 'past 20 rules of 20 masks', flows: accessList },
];

/** What `npm run bench` measures. */
export const DEFAULT_SCENARIOS = [
  'port-forward-64',
  'port-forward-1500',
  'port-forward-64-touching',
  'flows-1',
  'flows-1000',
] as const;
export const START_SCENARIO = 'start';
/** Filling a bridge with flows (load/): no packets, and Open vSwitch without DPDK to compare with. */
export const LOAD_SCENARIO = 'load';
/** Flows in a NIC's table against software (offload/). */
export const OFFLOAD_SCENARIO = 'offload';
