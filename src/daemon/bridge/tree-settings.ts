// From Bridge and Port rows to a spanning tree's settings (ovs-vswitchd.conf.db(5), "Spanning Tree Configuration", "Rapid
// Spanning Tree"). Numbers are read as Open vSwitch 3.1 reads them, with its cut-offs; what is no number is the default.

import { logger } from '../../../lib/log.ts';
import type { TreeSettings } from '../../../ofproto/spanning-tree/bridge-tree.ts';
import type { Numbered } from '../../../ofproto/spanning-tree/driver.ts';
import type { RstpPortSettings } from '../../../ofproto/spanning-tree/rstp/port.ts';
import type { RstpBridgeSettings } from '../../../ofproto/spanning-tree/rstp/rstp.ts';
import type { StpBridgeSettings, StpPortSettings } from '../../../ofproto/spanning-tree/stp-settings.ts';
import { formatEther, parseEther } from '../../../ofproto/text/addresses.ts';

const log = logger('bridge');

type OtherConfig = Readonly<Record<string, string>>;

/** A Port that may take part. */
export interface TreePort {
  readonly name: string;
  readonly otherConfig: OtherConfig;
  readonly isBond: boolean;
  /** Internal ports and those that mirrors send to stay outside. */
  readonly isExcluded: boolean;
  /** undefined: not known. */
  readonly bitsPerSecond: number | undefined;
  readonly isHalfDuplex: boolean;
}

export interface TreeColumns {
  readonly name: string;
  readonly stp: boolean;
  readonly rstp: boolean;
  readonly otherConfig: OtherConfig;
  /** The bridge's own address. */
  readonly mac: string | undefined;
  readonly ports: readonly TreePort[];
}

/** undefined: the bridge is in no tree. `last`: the settings until now, of which RSTP keeps those whose new value is refused. */
export function treeSettings(columns: TreeColumns, last?: TreeSettings): TreeSettings | undefined {
  if (columns.rstp) return rstpSettings(columns, last?.protocol === 'rstp' ? last : undefined);
  return columns.stp ? stpSettings(columns) : undefined;
}

const PRIORITY_DEFAULT = 0x8000;
const PORT_PRIORITY_DEFAULT = 128;

/** strtoul(3): what is no number is 0. */
function leading(text: string): number {
  const match = /^\s*(-?)(0x[0-9a-f]+|\d+)/i.exec(text);
  return match ? (match[1] === '-' ? -1 : 1) * Number(match[2]) : 0;
}

/** A number in decimal digits; `fallback` when it is none. */
function decimal(text: string | undefined, fallback: number): number {
  return text !== undefined && /^\s*-?\d+\s*$/.test(text) ? Number(text) : fallback;
}

function addressOf({ name, otherConfig, mac }: TreeColumns, key: string): Uint8Array {
  const own = parseEther(mac ?? '') ?? new Uint8Array(6);
  const text = otherConfig[key];
  if (text === undefined) return own;
  const wanted = parseEther(text);
  if (!wanted) log.err(`bridge ${name}: invalid ${key}, defaulting to ${formatEther(own)}`);
  return wanted ?? own;
}

/** Ports that take part in the protocol that `key` switches on and off. */
function partakers({ ports }: TreeColumns, key: 'stp-enable' | 'rstp-enable'): TreePort[] {
  return ports.filter(({ name, otherConfig, isBond, isExcluded }) => {
    if (otherConfig[key] === 'false' || isExcluded) return false;
    const protocol = key === 'stp-enable' ? 'STP' : 'RSTP';
    if (isBond) log.err(`port ${name}: cannot enable ${protocol} on bonds, disabling`);
    return !isBond;
  });
}

/** The number that a port asks for; undefined when it asks for none, 0 when for what cannot be. */
function numberOf({ name, otherConfig }: TreePort, key: string, max: number): number | undefined {
  const text = otherConfig[key];
  if (text === undefined) return undefined;
  const number = leading(text);
  if (number >= 1 && number <= max) return number;
  log.err(`port ${name}: invalid ${key}`);
  return 0;
}

// STP

/** Open vSwitch 3.1 takes stp-hello-time in milliseconds, and so makes a second of every value that its manual allows. */
function stpBridge(columns: TreeColumns): StpBridgeSettings {
  const { otherConfig } = columns;
  const seconds = (key: string, fallback: number) => {
    const value = decimal(otherConfig[key], fallback);
    return (value < 0 ? Number.MAX_SAFE_INTEGER : value) * 1000;
  };
  return {
    priority: decimal(otherConfig['stp-priority'], PRIORITY_DEFAULT) & 0xffff,
    address: addressOf(columns, 'stp-system-id'),
    helloTimeMs: decimal(otherConfig['stp-hello-time'], 2000),
    maxAgeMs: seconds('stp-max-age', 20),
    forwardDelayMs: seconds('stp-forward-delay', 15),
  };
}

const STP_PORT_NUMBER_MAX = 255;

function stpSettings(columns: TreeColumns): TreeSettings | undefined {
  const ports = new Map<string, Numbered<StpPortSettings>>();
  const taken = new Set<number>();
  let unnumbered = 0;
  for (const port of partakers(columns, 'stp-enable')) {
    const number = numberOf(port, 'stp-port-num', STP_PORT_NUMBER_MAX);
    if (number === 0) continue;
    if (number === undefined) unnumbered++;
    else if (taken.has(number)) {
      log.err(`port ${port.name}: duplicate stp-port-num ${number}, disabling`);
      continue;
    } else taken.add(number);
    ports.set(port.name, stpPort(port, number));
  }
  if (taken.size > 0 && unnumbered > 0) {
    log.err(`bridge ${columns.name}: must manually configure all STP port IDs or none, disabling`);
    return undefined;
  }
  return { protocol: 'stp', bridge: stpBridge(columns), ports };
}

function stpPort({ otherConfig, bitsPerSecond }: TreePort, number: number | undefined): Numbered<StpPortSettings> {
  const { 'stp-port-priority': priority, 'stp-path-cost': cost } = otherConfig;
  return {
    number,
    priority: priority === undefined ? PORT_PRIORITY_DEFAULT : leading(priority) & 0xff,
    pathCost: cost === undefined ? costOf(STP_COSTS, bitsPerSecond) : leading(cost) & 0xffff,
  };
}

// RSTP

function rstpBridge(columns: TreeColumns, last: RstpBridgeSettings | undefined): RstpBridgeSettings {
  const { otherConfig } = columns;
  const within = (key: string, min: number, max: number, fallback: number, kept = fallback) => {
    const value = decimal(otherConfig[key], fallback);
    return value >= min && value <= max ? value : kept;
  };
  const times = { maxAge: last?.maxAge ?? MAX_AGE, forwardDelay: last?.forwardDelay ?? FORWARD_DELAY };
  const maxAge = within('rstp-max-age', 6, 40, MAX_AGE, times.maxAge);
  if (doAgree(maxAge, times.forwardDelay)) times.maxAge = maxAge;
  const forwardDelay = within('rstp-forward-delay', 4, 30, FORWARD_DELAY, times.forwardDelay);
  if (doAgree(times.maxAge, forwardDelay)) times.forwardDelay = forwardDelay;
  return {
    priority: decimal(otherConfig['rstp-priority'], PRIORITY_DEFAULT) & 0xf000,
    address: addressOf(columns, 'rstp-address'),
    ...times,
    transmitHoldCount: within('rstp-transmit-hold-count', 1, 10, 6, last?.transmitHoldCount),
    forceProtocolVersion: decimal(otherConfig['rstp-force-protocol-version'], 2) === 0 ? 0 : 2,
  };
}

const MAX_AGE = 20;
const FORWARD_DELAY = 15;

/** 802.1D-2004, 17.14: information is to be old before a port forwards. What does not go together is not taken. */
const doAgree = (maxAge: number, forwardDelay: number): boolean => 2 * (forwardDelay - 1) >= maxAge;

const RSTP_PORT_NUMBER_MAX = 4095;
const RSTP_PATH_COST_MAX = 200_000_000;

type RstpSettings = Extract<TreeSettings, { protocol: 'rstp' }>;

function rstpSettings(columns: TreeColumns, last: RstpSettings | undefined): TreeSettings {
  const ports = new Map<string, Numbered<RstpPortSettings>>();
  const mcheck = new Set<string>();
  for (const port of partakers(columns, 'rstp-enable')) {
    const number = numberOf(port, 'rstp-port-num', RSTP_PORT_NUMBER_MAX);
    if (number === 0) continue;
    ports.set(port.name, rstpPort(port, number, last?.ports.get(port.name)));
    if (port.otherConfig['rstp-port-mcheck'] === 'true') mcheck.add(port.name);
  }
  return { protocol: 'rstp', bridge: rstpBridge(columns, last?.bridge), ports, mcheck };
}

function rstpPort(
  port: TreePort,
  number: number | undefined,
  last: Pick<RstpPortSettings, 'pathCost'> | undefined,
): Numbered<RstpPortSettings> {
  const { otherConfig, bitsPerSecond, isHalfDuplex } = port;
  const priority = otherConfig['rstp-port-priority'];
  const asked = otherConfig['rstp-path-cost'];
  const cost = leading(asked ?? '');
  const otherCost = asked === undefined || !last ? costOf(RSTP_COSTS, bitsPerSecond) : last.pathCost;
  return {
    number,
    priority: priority === undefined ? PORT_PRIORITY_DEFAULT : leading(priority) & 0xf0,
    pathCost: cost >= 1 && cost <= RSTP_PATH_COST_MAX ? cost : otherCost,
    adminEdge: otherConfig['rstp-port-admin-edge'] === 'true',
    autoEdge: otherConfig['rstp-port-auto-edge'] !== 'false',
    isPointToPoint: !isHalfDuplex,
  };
}

// Costs by speed: from so many Mbit/s on.

type Costs = readonly (readonly [mbps: number, cost: number])[];

/** 802.1D-1998, table 8-5, with what came faster. */
const STP_COSTS: Costs = [
  [10_000, 2],
  [1000, 4],
  [100, 19],
  [16, 62],
  [10, 100],
  [4, 250],
  [0, 19],
];

/** 802.1D-2004, table 17-3. */
const RSTP_COSTS: Costs = [
  [10_000_000, 2],
  [1_000_000, 20],
  [100_000, 200],
  [10_000, 2000],
  [1000, 20_000],
  [100, 200_000],
  [10, 2_000_000],
  [1, 20_000_000],
  [0, 200_000_000],
];

const SPEED_DEFAULT = 10_000_000_000;

function costOf(costs: Costs, bitsPerSecond = SPEED_DEFAULT): number {
  return costs.find(([mbps]) => bitsPerSecond / 1e6 >= mbps)![1];
}
