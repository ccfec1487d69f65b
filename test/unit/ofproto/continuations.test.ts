// What is left of a paused packet's actions, as `continuation.actions` of `ovs-ofctl monitor` shows it of Open vSwitch.
import { describe, expect, it } from 'vitest';
import type { PacketIn } from '../../../ofproto/model/flow-mod.ts';
import { formatActions } from '../../../ofproto/text/format-actions.ts';
import { SwitchFixture } from '../../support/switch-fixture.ts';

/** What a packet of table 0, which goes on with resubmit:98, leaves when table 1 pauses it before `rest`. */
function continuation(rest: string): string[] {
  const fixture = new SwitchFixture();
  const heard: PacketIn[] = [];
  fixture.br0.subscribe({ packetIn: (one) => heard.push(one), flowRemoved: () => {}, portStatus: () => {} });
  fixture.flowMod('actions=resubmit(,1),resubmit:98');
  fixture.flowMod(`table=1,cookie=7,actions=controller(pause),${rest}`);
  const [action] = fixture.dpif.miss(fixture.key('in_port=1,ipv6')).actions;
  fixture.dpif.userspace(action?.type === 'userspace' ? action.cookie : 0, new Uint8Array(60));
  const pieces = heard[0]?.continuation?.actions ?? [];
  return pieces.map(({ tableId, cookie, actions }) => `table=${tableId}, cookie=${cookie}: ${formatActions(actions)}`);
}

describe('continuations', () => {
  it.each([
    ['resubmit:99', 'table=1, cookie=7: resubmit:99', 'table=0, cookie=0: resubmit:98'],
    ['dec_ttl,output:2', 'table=1, cookie=7: dec_ttl,output:2', 'table=0, cookie=0: resubmit:98'],
    ['resubmit(,3)', 'table=0, cookie=0: resubmit(,3)', 'table=0, cookie=0: resubmit:98'],
    ['goto_table:3', 'table=0, cookie=0: resubmit(,3)', 'table=0, cookie=0: resubmit:98'],
    ['write_metadata:3/0xff', 'table=0, cookie=0: set_field:0x3/0xff->metadata', 'table=0, cookie=0: resubmit:98'],
  ])('of %s', (rest, ...pieces) => expect(continuation(rest)).toEqual(pieces));
});
