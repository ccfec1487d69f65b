// After any change of a flow table and a barrier, every megaflow does with each packet that it matches what a fresh
// translation would; and changes that concern no megaflow leave all of them untranslated.

import { expect, it } from 'vitest';
import { Flow, KEY_IN_PORT, KEY_SIZE } from '../../../../ofproto/model/flow.ts';
import { sameActions } from '../../../../ofproto/upcall/same-actions.ts';
import { xlate } from '../../../../ofproto/xlate/xlate.ts';
import { SwitchFixture } from '../../../support/switch-fixture.ts';

/** A seeded generator (mulberry32). */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const MATCHES = [
  (r: (n: number) => number) => `in_port=${1 + r(2)}`,
  (r: (n: number) => number) => `ip,nw_dst=10.${r(2)}.${r(2)}.0/${[8, 16, 24][r(3)]}`,
  (r: (n: number) => number) => `tcp,tp_dst=${r(4)}`,
  (r: (n: number) => number) => `reg0=${r(3)}`,
  () => 'reg0=0/1,udp',
  (r: (n: number) => number) => `metadata=${r(2)},ip,nw_src=10.0.0.${r(3)}`,
  (r: (n: number) => number) => `dl_dst=00:00:00:00:00:0${r(3)}`,
  () => '',
];
const ACTIONS = [
  (r: (n: number) => number) => `output:${1 + r(4)}`,
  (r: (n: number) => number) => `load:${r(3)}->NXM_NX_REG0[],resubmit(,1),resubmit(,2)`,
  (r: (n: number) => number) => `write_metadata:${r(2)},goto_table:${1 + r(2)}`,
  (r: (n: number) => number) => `mod_nw_dst:10.${r(2)}.0.1,resubmit(,2)`,
  () => 'move:NXM_OF_TCP_DST[0..7]->NXM_NX_REG0[0..7],resubmit(,1)',
  () => 'dec_ttl,normal',
  () => 'drop',
];

function randomRule(r: (n: number) => number): { match: string; actions: string } {
  const table = r(3);
  const match = `table=${table},priority=${r(5)},${MATCHES[r(MATCHES.length)]!(r)}`.replace(/,$/, '');
  const actions = table === 0 ? ACTIONS[r(ACTIONS.length)]!(r) : ACTIONS[[0, 3, 5, 6][r(4)]!]!(r);
  const isSafe = table < 1 || !actions.includes('resubmit');
  return { match, actions: actions.includes('TCP_DST') && !match.includes('tcp') ? 'drop' : isSafe ? actions : 'drop' };
}

function randomPacket(r: (n: number) => number): string {
  const l2 = `in_port=${1 + r(4)},dl_src=00:00:00:00:00:1${r(4)},dl_dst=00:00:00:00:00:0${r(4)}`;
  const l3 = `nw_src=10.0.0.${r(4)},nw_dst=10.${r(3)}.${r(3)}.${r(3)},nw_ttl=64`;
  const l4 = ['tcp', 'udp'][r(2)]!;
  return `${l2},${l4},${l3},${l4}_src=${r(4)},${l4}_dst=${r(4)}`;
}

/** Packets that the megaflow matches: one that is all zero outside its mask, and some with random bits there. */
function* packetsOf(key: Uint8Array, mask: Uint8Array, others: readonly Uint8Array[]): Generator<Flow> {
  for (const other of others) {
    const flow = new Flow();
    flow.bytes.set(other.subarray(0, KEY_SIZE));
    for (let i = 0; i < KEY_SIZE; i++) flow.bytes[i] = (other[i]! & ~mask[i]!) | (key[i]! & mask[i]!);
    yield flow;
  }
}

function checkMegaflows(fixture: SwitchFixture, others: readonly Uint8Array[], what: string): void {
  for (const megaflow of fixture.dpif.flows()) {
    for (const flow of packetsOf(megaflow.key, megaflow.mask, others)) {
      flow.setU32(KEY_IN_PORT, new DataView(megaflow.key.buffer).getUint32(KEY_IN_PORT));
      const fresh = xlate(fixture.br0.snapshot, flow);
      if (sameActions(fresh.actions, megaflow.actions)) continue;
      expect([what, fixture.megaflows(), fresh.actions], what).toEqual(megaflow.actions);
    }
  }
}

function changeSomething(fixture: SwitchFixture, r: (n: number) => number): string {
  const { match, actions } = randomRule(r);
  const command = (['add', 'add', 'add', 'modify', 'delete', 'delete_strict', 'modify_strict'] as const)[r(7)]!;
  const text = command.startsWith('delete') ? match : `${match} actions=${actions}`;
  const strict = command.endsWith('strict') || command === 'add';
  try {
    fixture.flowMod(strict ? text : text.replace(/priority=\d+,?/, ''), command);
  } catch (error) {
    return `${text} refused: ${String(error)}`;
  }
  return `${command} ${text}`;
}

it.each(Array.from({ length: 16 }, (_, seed) => seed))('megaflows follow random changes (seed %i)', async (seed) => {
  const r = randomOf(seed * 7919 + 1);
  const fixture = new SwitchFixture();
  for (let i = 0; i < 12; i++) changeSomething(fixture, r);
  const others = Array.from({ length: 6 }, () => fixture.key(randomPacket(r)));
  const history: string[] = [];
  for (let step = 0; step < 30; step++) {
    for (let i = 0; i < 3; i++) fixture.dpif.miss(fixture.key(randomPacket(r)));
    for (let i = r(3); i >= 0; i--) history.push(changeSomething(fixture, r));
    await fixture.br0.barrier();
    checkMegaflows(fixture, others, `seed ${seed}: ${history.slice(-4).join('; ')}`);
  }
});

it('a new rule that no megaflow can meet leaves them untranslated', async () => {
  const fixture = new SwitchFixture();
  fixture.flowMod('table=0,priority=1,ip actions=load:7->NXM_NX_REG0[],resubmit(,1)');
  fixture.flowMod('table=1,priority=1,reg0=7,udp,nw_dst=10.0.0.0/8 actions=output:2');
  await fixture.br0.barrier();
  fixture.dpif.miss(fixture.key('in_port=1,udp,nw_dst=10.1.1.1'));
  const table = fixture.br0.snapshot.table(1)!;
  let lookups = 0;
  const real = table.lookup.bind(table);
  table.lookup = (flow, wc) => {
    lookups++;
    return real(flow, wc);
  };
  const quiet = [
    'table=1,priority=9,reg0=8 actions=output:3',
    'table=1,priority=9,reg0=7,tcp actions=output:3',
    'table=1,priority=9,reg0=7,ip,nw_dst=11.0.0.0/8 actions=output:3',
    'table=1,priority=0 actions=output:3',
    'table=2,priority=9 actions=output:3',
  ];
  for (const text of quiet) fixture.flowMod(text);
  await fixture.br0.barrier();
  fixture.flowMod('table=1,reg0=8', 'delete');
  await fixture.br0.barrier();
  expect(lookups).toBe(0);
  fixture.flowMod('table=1,priority=9,reg0=7,udp,nw_dst=10.1.0.0/16 actions=output:3');
  await fixture.br0.barrier();
  expect(lookups).toBe(1);
  fixture.dpif.miss(fixture.key('in_port=1,udp,nw_dst=10.1.1.1'));
  expect(fixture.megaflows()[0]).toMatch(/actions:3$/);
});
