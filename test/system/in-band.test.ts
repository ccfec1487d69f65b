// In-band control beside Open vSwitch: the hidden flows that keep controllers and managers reachable, as bridge/dump-flows
// and traces show them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SideBySide } from '../support/side-by-side.ts';

const switches = new SideBySide();
// One address of the local port in both, for the flows that name it.
beforeAll(() => switches.start(2, '--', 'set', 'Bridge', 'br0', 'other_config:hwaddr=00:11:22:33:44:55'));
afterAll(() => switches.stop());

async function appctl(...words: string[]): Promise<[weft: string, ovs: string]> {
  return [await switches.weftd.appctl(...words), (await switches.oracle.appctl(...words)).trimEnd()];
}

/** Flows without their ages, in an order of their own: that of equal priorities is each switch's. */
const flowLines = (text: string) =>
  text
    .replaceAll(/duration=\d+s, /g, '')
    .split('\n')
    .sort();

const TIMEOUT_MS = 20_000;

/** Open vSwitch makes the flows some time after it has taken the configuration: it has as many as weft before long. */
async function sameHiddenFlows(): Promise<string[]> {
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    const [ours, theirs] = (await appctl('bridge/dump-flows', 'br0')).map(flowLines);
    const differ = JSON.stringify(ours) !== JSON.stringify(theirs);
    if (differ && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    }
    expect(ours).toEqual(theirs);
    return ours!;
  }
}

async function sameTrace(flow: string): Promise<void> {
  const [ours, theirs] = await appctl('ofproto/trace', 'br0', flow);
  expect(floodsSorted(ours), flow).toBe(floodsSorted(theirs));
}

/** The ports of a flood come in each switch's own order. */
const floodsSorted = (text: string) =>
  text.replace(/(?<=Datapath actions: )[\d,]+$/m, (ports) => ports.split(',').sort().join());

const inBandFlows = async () => (await sameHiddenFlows()).filter((line) => line.includes('priority=18000'));

const TRACES = [
  'in_port=1,udp,udp_src=67,udp_dst=68',
  'in_port=LOCAL,udp,udp_src=67,udp_dst=68',
  'in_port=1,udp,udp_src=67,udp_dst=66',
  'in_port=LOCAL,dl_src=00:11:22:33:44:55,udp,udp_src=68,udp_dst=67',
  'in_port=1,tcp,nw_dst=127.0.0.1,tcp_dst=9',
  'in_port=1,tcp,nw_dst=127.0.0.1,tcp_dst=8',
  'in_port=1,arp,arp_op=1,arp_spa=127.0.0.1',
  'in_port=1,arp,arp_op=2,dl_dst=00:11:22:33:44:55',
];

describe('a bridge with controllers', () => {
  it('lets their traffic pass', { timeout: 3 * TIMEOUT_MS }, async () => {
    await switches.vsctl('set-controller', 'br0', 'tcp:127.0.0.1:9', 'tcp:127.0.0.2', 'unix:/none', 'ptcp:0:127.0.0.1');
    expect((await inBandFlows()).length).toBeGreaterThan(8);
    for (const flow of TRACES) await sameTrace(flow);
    await switches.ofctl(['add-flow', 'br0', 'actions=local,2']);
    for (const flow of TRACES) await sameTrace(flow);
  });

  it('gives it the queue that is asked for', { timeout: 2 * TIMEOUT_MS }, async () => {
    await switches.vsctl('set', 'Bridge', 'br0', 'other_config:in-band-queue=5');
    expect((await sameHiddenFlows()).join()).toContain('set_queue:5,NORMAL');
  });

  it('has no such flows when they are out-of-band, or that is disabled', { timeout: 4 * TIMEOUT_MS }, async () => {
    await switches.vsctl('set', 'Bridge', 'br0', 'other_config:disable-in-band=true');
    expect(await inBandFlows()).toEqual([]);
    await switches.vsctl('remove', 'Bridge', 'br0', 'other_config', 'disable-in-band');
    expect((await inBandFlows()).length).toBeGreaterThan(8);
    const outOfBand = [
      '--',
      '--id=@c',
      'create',
      'Controller',
      'target="tcp:127.0.0.1:9"',
      'connection_mode=out-of-band',
    ];
    await switches.vsctl(...outOfBand, '--', 'set', 'Bridge', 'br0', 'controller=@c');
    expect(await inBandFlows()).toEqual([]);
  });
});
