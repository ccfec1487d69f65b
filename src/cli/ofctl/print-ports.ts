// Ports and their statistics as ovs-ofctl prints them.

import type { OfPortDesc, OfPortStats } from '../../../ofproto/model/flow-mod.ts';
import { formatEther } from '../../../ofproto/text/addresses.ts';
import { formatDuration } from '../../../ofproto/text/format-flow.ts';
import { formatPort, type Names } from '../../../ofproto/text/ports.ts';

const CONFIG: readonly (readonly [flag: keyof OfPortDesc['config'], name: string])[] = [
  ['portDown', 'PORT_DOWN'],
  ['noStp', 'NO_STP'],
  ['noRecv', 'NO_RECV'],
  ['noRecvStp', 'NO_RECV_STP'],
  ['noFlood', 'NO_FLOOD'],
  ['noFwd', 'NO_FWD'],
  ['noPacketIn', 'NO_PACKET_IN'],
];
const STATE: readonly (readonly [flag: 'linkDown' | 'blocked' | 'live', name: string])[] = [
  ['linkDown', 'LINK_DOWN'],
  ['blocked', 'BLOCKED'],
  ['live', 'LIVE'],
];
/** OFPPF_* by bit. */
const FEATURES = [
  '10MB-HD',
  '10MB-FD',
  '100MB-HD',
  '100MB-FD',
  '1GB-HD',
  '1GB-FD',
  '10GB-FD',
  '40GB-FD',
  '100GB-FD',
  '1TB-FD',
  'OTHER',
  'COPPER',
  'FIBER',
  'AUTO_NEG',
  'AUTO_PAUSE',
  'AUTO_PAUSE_ASYM',
];

const words = (list: readonly string[]) => (list.length === 0 ? '0' : list.join(' '));
const mbps = (kbps: number) => `${Math.floor(kbps / 1000)} Mbps`;

/** One port in five lines or more, each with its newline. */
export function formatPortDesc(port: OfPortDesc): string {
  const config = CONFIG.filter(([flag]) => port.config[flag]).map(([, name]) => name);
  const state = STATE.filter(([flag]) => port.state[flag]).map(([, name]) => name);
  if (port.state.stp) state.push(`STP_${port.state.stp.toUpperCase()}`);
  const lines = [
    ` ${formatPort(port.ofPort)}(${port.name}): addr:${formatEther(port.hwAddr)}`,
    `     config:     ${words(config)}`,
    `     state:      ${words(state)}`,
  ];
  const features = port.features ?? { current: 0, advertised: 0, supported: 0, peer: 0 };
  for (const key of ['current', 'advertised', 'supported', 'peer'] as const) {
    const names = FEATURES.filter((_, bit) => features[key] & (1 << bit));
    if (names.length > 0) lines.push(`     ${`${key}:`.padEnd(12)}${words(names)}`);
  }
  lines.push(`     speed: ${mbps(port.currSpeed)} now, ${mbps(port.maxSpeed)} max`);
  return `${lines.join('\n')}\n`;
}

/** Ports by number, as ovs-ofctl shows them whatever order they came in. */
export function formatPortDescs(ports: readonly OfPortDesc[]): string {
  return [...ports]
    .sort((a, b) => a.ofPort - b.ofPort)
    .map(formatPortDesc)
    .join('');
}

const count = (value: bigint) => (value < 0n ? '?' : String(value));

/** Counters in two lines, a third for the time up where the version tells it. */
export function formatPortStats(stats: OfPortStats, names: Names): string {
  const rx = [
    `pkts=${count(stats.rxPackets)}`,
    `bytes=${count(stats.rxBytes)}`,
    `drop=${count(stats.rxDropped)}`,
    `errs=${count(stats.rxErrors)}`,
    `frame=${count(stats.rxFrameErr)}`,
    `over=${count(stats.rxOverErr)}`,
    `crc=${count(stats.rxCrcErr)}`,
  ];
  const tx = [
    `pkts=${count(stats.txPackets)}`,
    `bytes=${count(stats.txBytes)}`,
    `drop=${count(stats.txDropped)}`,
    `errs=${count(stats.txErrors)}`,
    `coll=${count(stats.collisions)}`,
  ];
  const up = stats.durationMs < 0 ? '' : `           duration=${formatDuration(stats.durationMs)}\n`;
  const port = `${stats.ofPort < 10 ? ' ' : ''}${formatPort(stats.ofPort, names)}`;
  return `  port ${port}: rx ${rx.join(', ')}\n           tx ${tx.join(', ')}\n${up}${formatCustom(stats.custom ?? [])}`;
}

const CUSTOM_PER_LINE = 3;

function formatCustom(custom: NonNullable<OfPortStats['custom']>): string {
  if (custom.length === 0) return '';
  let out = '           CUSTOM Statistics';
  for (const [index, [name, value]] of custom.entries()) {
    if (index % CUSTOM_PER_LINE === 0) out += `\n${' '.repeat(22)}`;
    out += `${name}=${value}, `;
  }
  return `${out.replaceAll(/ $/gm, '')}\n`;
}
