// The literate cases of test/flows, and how a line of one is carried out on a switch.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseGroupMod } from '../../ofproto/text/parse-group.ts';
import { parseMeterMod } from '../../ofproto/text/parse-meter.ts';
import { bundleSettings, type PortColumns } from '../../src/daemon/bridge/bundle-settings.ts';
import { type L2Columns, l2Settings } from '../../src/daemon/bridge/l2-settings.ts';
import { mirrorSettings } from '../../src/daemon/bridge/mirror-settings.ts';
import { treeSettings } from '../../src/daemon/bridge/tree-settings.ts';
import { bondCommands } from '../../src/daemon/commands/bond-commands.ts';
import type { CommandContext } from '../../src/daemon/commands/context.ts';
import type { BridgeFixture } from './bridge-fixture.ts';

const DIRECTORY = join(import.meta.dirname, '../flows');

/** A switch that cases run on: `br0` has ports p1..p4. */
export interface CaseSwitch extends BridgeFixture {
  /** A packet, as ofproto/trace describes one, goes through for real. */
  packet(text: string): Promise<void> | void;
  setLink(port: string, up: boolean): Promise<void> | void;
  setVlanLimit(limit: number): void;
  /** One more bridge with these ports, pN with number N. */
  makeBridge(name: string, ports: readonly string[]): Promise<void> | void;
}

/** Every file of cases. */
export function flowFiles(): string[] {
  return readdirSync(DIRECTORY).filter((name) => name.endsWith('.flows'));
}

export interface FlowCase {
  readonly name: string;
  readonly lines: { text: string; expected: string[] }[];
}

export function casesOf(file: string): FlowCase[] {
  const cases: FlowCase[] = [];
  for (const line of readFileSync(join(DIRECTORY, file), 'utf8').split('\n')) {
    if (line.startsWith('== ')) cases.push({ name: line.slice(3), lines: [] });
    else if (line.startsWith('|')) cases.at(-1)?.lines.at(-1)?.expected.push(line.slice(2));
    else if (line !== '' && !line.startsWith('#')) cases.at(-1)?.lines.push({ text: line, expected: [] });
  }
  return cases;
}

/** `tag=10`, `other_config:forward-bpdu=true`, as ovs-vsctl's set takes them. */
function columnsOf(settings: readonly string[]) {
  const columns = new Map<string, string>();
  const otherConfig: Record<string, string> = {};
  for (const setting of settings) {
    const [column, value] = setting.split('=') as [string, string];
    if (column.startsWith('other_config:')) otherConfig[column.slice('other_config:'.length)] = value;
    else columns.set(column, value);
  }
  const numbers = (name: string) => columns.get(name)?.split(',').map(Number) ?? [];
  return { columns, numbers, otherConfig };
}

function portColumns(fixture: CaseSwitch, [name, ...settings]: readonly string[]): PortColumns {
  const { columns, numbers, otherConfig } = columnsOf(settings);
  const [tag] = numbers('tag');
  const lists = { trunks: numbers('trunks'), cvlans: numbers('cvlans') };
  const isProtected = columns.get('protected') === 'true';
  const members = fixture.br0.l2.bundle(name!)?.ports ?? [];
  const interfaces = Object.fromEntries(members.map((port) => [port.name, {}]));
  const bond = { bondMode: columns.get('bond_mode'), lacp: columns.get('lacp'), interfaces };
  const vlan = { tag, ...lists, vlanMode: columns.get('vlan_mode') };
  return { name: name!, ...vlan, protected: isProtected, otherConfig, ...bond };
}

/** Columns of Ports as they were set so far. */
const portSettings = new WeakMap<CaseSwitch, Map<string, string[]>>();

function settingsOf(fixture: CaseSwitch, name: string, more: readonly string[]): string[] {
  const all = portSettings.get(fixture) ?? new Map<string, string[]>();
  portSettings.set(fixture, all);
  const settings = [...(all.get(name) ?? []), ...more];
  all.set(name, settings);
  return [name, ...settings];
}

function setPort(fixture: CaseSwitch, bridge: string, [name, ...settings]: readonly string[]): void {
  const { l2 } = fixture.bridge(bridge);
  l2.setBundle(bundleSettings(portColumns(fixture, settingsOf(fixture, name!, settings))));
}

function addBond(fixture: CaseSwitch, [name, ...words]: readonly string[]): void {
  const members = words.filter((word) => !word.includes('='));
  for (const member of members) fixture.br0.l2.movePort(Number(member.slice(1)), { name: name! });
  setPort(fixture, 'br0', [name!, ...words.filter((word) => word.includes('='))]);
}

const bondCommand = (fixture: CaseSwitch, word: string, args: readonly string[]) => {
  const { clock } = fixture;
  const reconciler = { bridges: () => [{ ofproto: fixture.br0 }] };
  const commands = bondCommands({ reconciler, clock } as unknown as CommandContext);
  return commands.find(({ name }) => name === word)!.handler(args);
};

/** A bridge's spanning tree, over all that `set` and `port` said in a case. */
export class TreeCase {
  readonly #fixture: CaseSwitch;
  readonly #bridges = new Map<string, ReturnType<typeof columnsOf>>();
  readonly #ports = new Map<string, Record<string, string>>();
  readonly #mirrorOutputs = new Set<string | undefined>();

  constructor(fixture: CaseSwitch) {
    this.#fixture = fixture;
  }

  set(bridge: string, settings: readonly string[]): void {
    this.#bridges.set(bridge, columnsOf(settings));
    this.#configure();
  }

  port([name, ...settings]: readonly string[]): void {
    this.#ports.set(name!, { ...this.#ports.get(name!), ...columnsOf(settings).otherConfig });
    this.#configure();
  }

  mirror(settings: readonly string[]): void {
    this.#mirrorOutputs.add(columnsOf(settings).columns.get('output_port'));
    this.#configure();
  }

  #configure(): void {
    for (const [name, { columns, otherConfig }] of this.#bridges) {
      const bridge = this.#fixture.bridge(name);
      const ports = bridge.ports().map((port) => {
        const isExcluded = port.name === name || this.#mirrorOutputs.has(port.name);
        const otherConfig = this.#ports.get(port.name) ?? {};
        return {
          name: port.name,
          otherConfig,
          isBond: false,
          isExcluded,
          bitsPerSecond: undefined,
          isHalfDuplex: false,
        };
      });
      const [stp, rstp] = ['stp_enable', 'rstp_enable'].map((column) => columns.get(column) === 'true');
      // As the cases' bridges are named, the first is the root.
      const mac = `aa:55:aa:55:00:0${name.slice(2)}`;
      bridge.tree.configure(treeSettings({ name, stp: stp!, rstp: rstp!, otherConfig, mac, ports }));
    }
  }
}

function bridgeColumns(settings: readonly string[]): L2Columns {
  const { columns, numbers, otherConfig } = columnsOf(settings);
  const mcastSnooping = columns.get('mcast_snooping_enable') === 'true';
  return { otherConfig, floodVlans: numbers('flood_vlans'), mcastSnooping };
}

function addMirror(fixture: CaseSwitch, bridge: string, [name, ...settings]: readonly string[]): void {
  const { columns, numbers } = columnsOf(settings);
  const names = (column: string) => columns.get(column)?.split(',') ?? [];
  const wanted = mirrorSettings({
    id: name!,
    name: name!,
    selectAll: columns.get('select_all') === 'true',
    fromPorts: names('select_src_port'),
    toPorts: names('select_dst_port'),
    vlans: numbers('select_vlan'),
    outputPort: columns.get('output_port'),
    outputVlan: numbers('output_vlan')[0],
    snaplen: numbers('snaplen')[0],
  });
  fixture.mirror(bridge, wanted!);
}

const CONFIG_WORDS = {
  'no-forward': 'noFwd',
  'no-flood': 'noFlood',
  'no-receive': 'noRecv',
  'no-receive-stp': 'noRecvStp',
  down: 'portDown',
} as const;

/** Answers what a `trace` line prints. */
export async function runLine(fixture: CaseSwitch, tree: TreeCase, text: string): Promise<string> {
  const [verb, ...rest] = text.split(' ');
  const [word, name = 'br0'] = verb!.split('@');
  const bridge = fixture.bridge(name);
  const argument = rest.join(' ');
  if (word === 'flow') fixture.flowMod(argument, 'add', name);
  else if (word === 'group') bridge.resources.groupMod(parseGroupMod(argument, 'add'));
  else if (word === 'meter') bridge.resources.meterMod(parseMeterMod(argument, 'add'));
  else if (word === 'vlan-limit') fixture.setVlanLimit(Number(argument));
  else if (word === 'packet') await fixture.packet(argument);
  else if (word === 'trace') {
    const [flow, packet] = rest;
    return bridge.trace({ flow: flow!, ...(packet ? { packet: Buffer.from(packet, 'hex') } : {}) });
  } else if (word === 'warp') await fixture.advance(Number(argument));
  else if (word === 'port') {
    setPort(fixture, name, rest);
    tree.port(rest);
  } else if (word === 'bond') addBond(fixture, rest);
  else if (word === 'link') await fixture.setLink(rest[0]!, rest[1] === 'up');
  else if (word!.startsWith('bond/')) bondCommand(fixture, word!, rest);
  else if (word === 'set') {
    bridge.l2.configure(l2Settings(bridgeColumns(rest)));
    tree.set(name, rest);
  } else if (word === 'mirror') {
    addMirror(fixture, name, rest);
    tree.mirror(rest.slice(1));
  } else if (word === 'no-mirrors') fixture.noMirrors(name);
  else if (word === 'bridge') await fixture.makeBridge(rest[0]!, rest.slice(1));
  else if (word === 'patch') {
    const [here, there] = rest.map((end) => end.split(':'));
    fixture.patch([here![0]!, Number(here![1])], [there![0]!, Number(there![1])]);
  } else if (word === 'mod-port') {
    const { ofPort, hwAddr } = bridge.portDescs().find((desc) => desc.name === rest[0])!;
    bridge.modPort(ofPort, hwAddr, { [CONFIG_WORDS[rest[1] as keyof typeof CONFIG_WORDS]]: true });
  } else throw new Error(`what is ${word}?`);
  return '';
}
