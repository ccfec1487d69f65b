// What is left of a paused packet's actions, as `continuation.actions` of `ovs-ofctl monitor` shows it of Open vSwitch.
import { describe, expect, it } from 'vitest';
import { KEY_PACKET_TYPE, KEY_RECIRC_ID } from '../../../ofproto/model/flow.ts';
import type { PacketIn } from '../../../ofproto/model/flow-mod.ts';
import { formatActions } from '../../../ofproto/text/format-actions.ts';
import { SwitchFixture } from '../../support/switch-fixture.ts';

/** The packet-in that a packet of these flows makes, of which `cut` bytes are left. */
function packetIn(flows: readonly string[], cut = 60): PacketIn | undefined {
  const fixture = new SwitchFixture();
  const heard: PacketIn[] = [];
  fixture.br0.subscribe({ packetIn: (one) => heard.push(one), flowRemoved: () => {}, portStatus: () => {} });
  for (const flow of flows) fixture.flowMod(flow);
  const { actions } = fixture.dpif.miss(fixture.key('in_port=1,ipv6'));
  const action = actions.find(({ type }) => type === 'userspace');
  fixture.dpif.userspace(action?.type === 'userspace' ? action.cookie : 0, new Uint8Array(cut));
  return heard[0];
}

/** What a packet of table 0, which goes on with resubmit:98, leaves when table 1 pauses it before `rest`. */
function continuation(rest: string): string[] {
  const flows = ['actions=resubmit(,1),resubmit:98', `table=1,cookie=7,actions=controller(pause),${rest}`];
  const pieces = packetIn(flows)?.continuation?.actions ?? [];
  return pieces.map(({ tableId, cookie, actions }) => `table=${tableId}, cookie=${cookie}: ${formatActions(actions)}`);
}

/** The packet-in that a packet of these flows makes after it went round. */
function packetInOfSecondRound(flows: readonly string[]): PacketIn | undefined {
  const fixture = new SwitchFixture();
  const heard: PacketIn[] = [];
  fixture.br0.subscribe({ packetIn: (one) => heard.push(one), flowRemoved: () => {}, portStatus: () => {} });
  for (const flow of flows) fixture.flowMod(flow);
  const first = fixture.dpif.miss(fixture.key('in_port=1,ipv6')).actions.find(({ type }) => type === 'recirc');
  const key = fixture.key('in_port=1,ipv6');
  new DataView(key.buffer, key.byteOffset).setUint32(KEY_RECIRC_ID, first?.type === 'recirc' ? first.id : 0);
  const action = fixture.dpif.miss(key).actions.find(({ type }) => type === 'userspace');
  fixture.dpif.userspace(action?.type === 'userspace' ? action.cookie : 0, new Uint8Array(60));
  return heard[0];
}

describe('packets that went round', () => {
  it.each([
    ['controller', 1, 7n],
    ['clone(controller)', 0, 0xffff_ffff_ffff_ffffn],
  ])('tell of %s the cookie that was kept', (rest, tableId, cookie) => {
    const flows = ['actions=resubmit(,1)', `table=1,cookie=7,actions=debug_recirc,${rest}`];
    expect(packetInOfSecondRound(flows)).toMatchObject({ tableId, cookie });
  });
});

describe('continuations', () => {
  it.each([
    ['resubmit:99', 'table=1, cookie=7: resubmit:99', 'table=0, cookie=0: resubmit:98'],
    ['dec_ttl,output:2', 'table=1, cookie=7: dec_ttl,output:2', 'table=0, cookie=0: resubmit:98'],
    ['resubmit(,3)', 'table=0, cookie=0: resubmit(,3)', 'table=0, cookie=0: resubmit:98'],
    ['goto_table:3', 'table=0, cookie=0: resubmit(,3)', 'table=0, cookie=0: resubmit:98'],
    ['write_metadata:3/0xff', 'table=0, cookie=0: set_field:0x3/0xff->metadata', 'table=0, cookie=0: resubmit:98'],
  ])('of %s', (rest, ...pieces) => expect(continuation(rest)).toEqual(pieces));

  it('say the table and cookie once for levels that share them', () => {
    const flows = [
      'reg0=0,actions=load:1->reg0,resubmit(,0),resubmit:98',
      'reg0=1,actions=controller(pause),resubmit:99',
    ];
    const pieces = packetIn(flows)?.continuation?.actions ?? [];
    expect(pieces.map(({ actions }) => formatActions(actions))).toEqual(['resubmit:99,resubmit:98']);
  });

  it('hold as many bytes for each entry of the stack as what was pushed fills', () => {
    const heard = packetIn(['actions=push:metadata[16..33],push:xreg0[0..32],push:reg0[3..5],controller(pause)']);
    expect(heard?.continuation?.stack.map(({ length }) => length)).toEqual([1, 5, 3]);
  });
});

describe('packet-ins', () => {
  it('name a miss for a table-miss flow, but not where it pauses', () => {
    expect(packetIn(['priority=0,actions=controller'])).toMatchObject({ reason: 'no_match', miss: 'explicit' });
    const paused = packetIn(['priority=0,actions=controller(pause)']);
    expect(paused).toMatchObject({ reason: 'action' });
    expect(paused).not.toHaveProperty('miss');
  });

  it('say how much is left of a packet that was cut', () => {
    expect(packetIn(['actions=controller'], 40)).toMatchObject({ totalLen: 40 });
  });

  it('say the packet type of what is no Ethernet frame any more', () => {
    const match = packetIn(['actions=encap(mpls),controller'])?.metadata;
    expect(match?.flow.u32(KEY_PACKET_TYPE)).toBe(0x18847);
    expect(match?.mask.u32(KEY_PACKET_TYPE)).toBe(0xffffffff);
    expect(packetIn(['actions=controller'])?.metadata.mask.u32(KEY_PACKET_TYPE)).toBe(0);
  });
});
