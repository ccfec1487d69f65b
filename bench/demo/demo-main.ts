// The demo, once everything is built: a switch of its own, two guests, ten seconds of traffic, one trace.

import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../lib/errors.ts';
import { guestIp, guestMac, UDP_DST_PORT } from '../guest/template.ts';
import { Cleanup } from '../harness/children.ts';
import { GeneratorProcess } from '../harness/generator-process.ts';
import { describeMachine, reserveHugepages } from '../harness/machine.ts';
import { WeftPeer } from '../peers/weft.ts';
import { type Look, renderTable } from './live-table.ts';
import { parseDumpPorts, parsePmdStats } from './parse-stats.ts';

const SECONDS = 10;
const HUGEPAGES_WANTED = 256;
/** Each guest sends this many flows; the flows let all but the last address pass. */
const FLOW_COUNT = 16;
/** What two guests and the control thread manage on one core without starving each other. */
const GUEST_PPS = 1_000_000;
const DENIED = guestIp(1, FLOW_COUNT - 1);
const PORTS = new Map([
  ['1', 'guest-a'],
  ['2', 'guest-b'],
]);

const say = (text: string) => process.stdout.write(`${text}\n`);
const step = (text: string) => say(`\n==> ${text}`);

/** Runs one tool of the switch, showing what a user would type. */
async function typed(name: string, run: (args: readonly string[]) => Promise<string>, args: readonly string[]) {
  const quoted = args.map((word) => (/[\s*]/.test(word) ? `'${word}'` : word));
  say(`$ ${name} ${quoted.join(' ')}`);
  return run(args);
}

async function configure(peer: WeftPeer): Promise<void> {
  const vsctl = (...args: string[]) => typed('weft-vsctl', (words) => peer.vsctl(words), args);
  const ofctl = (...args: string[]) => typed('weft-ofctl', (words) => peer.ofctl(words), args);
  const port = (name: string, side: 'a' | 'b', ofPort: number) => [
    ...['add-port', 'br0', name, '--', 'set', 'Interface', name, 'type=dpdkvhostuserclient'],
    ...[`options:vhost-server-path=${peer.guestSocket(side)}`, `ofport_request=${ofPort}`],
  ];
  step('a bridge with two vhost-user ports');
  await vsctl('add-br', 'br0', '--', 'set', 'Bridge', 'br0', 'datapath_type=netdev', 'fail_mode=secure');
  await vsctl(...port('guest-a', 'a', 1));
  await vsctl(...port('guest-b', 'b', 2));
  step(`flows: the guests reach each other, but for one address`);
  await ofctl('add-flow', 'br0', `priority=20,ip,in_port=1,nw_dst=${DENIED},actions=drop`);
  await ofctl('add-flow', 'br0', 'priority=10,in_port=1,actions=output:2');
  await ofctl('add-flow', 'br0', 'priority=10,in_port=2,actions=output:1');
}

/** Starts one guest process: sends and receives, writing and checking every frame. */
function startGuest(cleanup: Cleanup, peer: WeftPeer, side: 'a' | 'b'): GeneratorProcess {
  return new GeneratorProcess(cleanup, [
    ...['--guest', `side=${side},role=both,listen=${peer.guestSocket(side)}`],
    ...['--pps', String(GUEST_PPS), '--flows', String(FLOW_COUNT), '--yield-us', '50', '--core', '0'],
  ]);
}

async function look(peer: WeftPeer): Promise<Look> {
  const [pmdText, portText] = [
    await peer.appctl(['dpif-netdev/pmd-stats-show']),
    await peer.ofctl(['dump-ports', 'br0']),
  ];
  return { timeMs: performance.now(), pmds: parsePmdStats(pmdText), ports: parseDumpPorts(portText) };
}

/** Prints a table a second; on a terminal each one takes the place of the last. */
async function showTraffic(peer: WeftPeer): Promise<void> {
  let before = await look(peer);
  let height = 0;
  for (let second = 1; second <= SECONDS; second++) {
    await sleep(1000);
    const after = await look(peer);
    const text = `second ${second} of ${SECONDS}\n${renderTable(before, after, PORTS)}`;
    if (process.stdout.isTTY && height > 0) process.stdout.write(`\x1b[${height}A\x1b[J`);
    say(text);
    height = text.split('\n').length;
    before = after;
  }
}

async function finishGuests(guests: readonly GeneratorProcess[]): Promise<void> {
  for (const [index, guest] of guests.entries()) {
    const [totals] = (await guest.finish()).guests;
    if (!totals) throw new UserError('a guest gave no totals');
    const name = index === 0 ? 'guest-a' : 'guest-b';
    const frames = `${totals.txPackets} frames sent, ${totals.rxPackets} received and checked`;
    say(`${name}: ${frames}, ${totals.late} out of order, ${totals.badChecksum} with a wrong checksum`);
    if (totals.rxPackets === 0) throw new UserError(`${name} received nothing`);
  }
}

async function run(cleanup: Cleanup): Promise<void> {
  say(describeMachine());
  const hugepages = reserveHugepages(HUGEPAGES_WANTED);
  cleanup.add(() => hugepages.release());
  say(`memory: ${hugepages.note}`);
  if (process.getuid?.() !== 0) say("without root br0's own network interface stays down; guests do not need it");
  const cores = availableParallelism();
  const settings = { pmdCore: cores - 1, controlCore: 0, hugepages: hugepages.total > 0 };
  const peer = new WeftPeer(cleanup, settings);
  step(`weftd, on its embedded database in ${peer.rundir}`);
  const { startMs, ordinary } = await peer.start();
  say(`answers after ${Math.round(startMs)} ms, ${Math.round(ordinary / 2 ** 20)} MiB resident`);
  cleanup.add(() => peer.stop());
  await configure(peer);
  step('two virtio guests, a process each, sending to each other');
  const guests = [startGuest(cleanup, peer, 'a'), startGuest(cleanup, peer, 'b')];
  for (const guest of guests) {
    for (const { path, features } of await guest.ready()) say(`attached on ${path}: ${features}`);
  }
  for (const guest of guests) guest.send('start');
  await showTraffic(peer);
  step('what the switch does with one of these packets');
  const packet =
    `in_port=1,udp,dl_src=${guestMac(0)},dl_dst=${guestMac(1)},nw_src=${guestIp(0)},nw_dst=${guestIp(1)}` +
    `,nw_ttl=64,udp_src=1024,udp_dst=${UDP_DST_PORT}`;
  const trace = (args: readonly string[]) => peer.appctl(args);
  say((await typed('weft-appctl', trace, ['ofproto/trace', 'br0', packet])).trimEnd());
  step('stopping');
  await finishGuests(guests);
}

async function main(): Promise<number> {
  const cleanup = new Cleanup();
  try {
    await run(cleanup);
    return 0;
  } catch (error) {
    const text = error instanceof UserError ? error.message : ((error as Error).stack ?? String(error));
    process.stderr.write(`demo: ${text}\n`);
    return 1;
  } finally {
    await cleanup.run();
    say('everything is stopped and removed');
  }
}

process.exit(await main());
