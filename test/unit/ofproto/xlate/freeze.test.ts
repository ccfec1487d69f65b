// What a packet that went round comes back to. Traces do not follow it there; the answers here are Open vSwitch's.
import { describe, expect, it } from 'vitest';
import { KEY_RECIRC_ID } from '../../../../ofproto/model/flow.ts';
import { formatDpActions } from '../../../../ofproto/odp-text/format-actions.ts';
import { parseGroupMod } from '../../../../ofproto/text/parse-group.ts';
import { SwitchFixture } from '../../../support/switch-fixture.ts';

/** What is done to a packet of port 1, and to what of it goes round in the order in which it is sent there. */
function roundsOf(lines: readonly string[]): string[] {
  const fixture = new SwitchFixture();
  for (const line of lines) {
    if (line.startsWith('group_id')) fixture.br0.resources.groupMod(parseGroupMod(line, 'add'));
    else fixture.flowMod(line);
  }
  const key = fixture.key('in_port=1,dl_type=0x88b5');
  const actions = (of: Uint8Array) => formatDpActions(fixture.dpif.miss(of).actions);
  const rounds = [actions(key)];
  const seen = new Set<number>();
  for (const round of rounds) {
    for (const [, id] of round.matchAll(/recirc\((0x[0-9a-f]+)\)/g)) {
      if (seen.has(Number(id))) continue;
      seen.add(Number(id));
      const again = Uint8Array.from(key);
      new DataView(again.buffer).setUint32(KEY_RECIRC_ID, Number(id));
      rounds.push(actions(again));
    }
  }
  return rounds.map((round) => round.replace(/0x[0-9a-f]+/g, 'N'));
}

describe('a packet that went round', () => {
  it('out of a clone with nothing left to do begins in table 0', () => {
    const flows = ['table=0,recirc_id=0 actions=resubmit(,1)', 'table=1 actions=clone(2,debug_recirc),4'];
    expect(roundsOf([...flows, 'table=0,priority=1 actions=3'])).toEqual(['2,recirc(N)', '3']);
  });

  it('comes back to what an exit in the bucket before has left, with one action lost', () => {
    const group = 'group_id=1,type=all,bucket=actions=resubmit(,1),bucket=actions=resubmit(,2)';
    const freezing = 'table=2 actions=2,debug_recirc,3,4';
    const flow = 'table=0 actions=group:1';
    expect(roundsOf([group, flow, 'table=1 actions=exit,3', freezing])).toEqual(['2,recirc(N)', 'drop']);
    expect(roundsOf([group, flow, 'table=1 actions=clone(2,exit),4', freezing])).toEqual(['2,2,recirc(N)', 'drop']);
    expect(roundsOf([group, flow, 'table=1 actions=4', freezing])).toEqual(['4,2,recirc(N)', '3,4']);
  });

  it('as a shorter one comes back to the clone that froze in the case of longer ones', () => {
    const list = 'check_pkt_larger(60)->NXM_NX_REG0[0],2,clone(3,debug_recirc,4)';
    expect(roundsOf([`table=0 actions=${list}`])).toEqual([
      'check_pkt_len(size=60,gt(2,3,recirc(N)),le(2,3,recirc(N)))',
      '4',
      '3,recirc(N)',
      '4',
    ]);
  });

  it('has all that follows check_pkt_larger in both of its cases', () => {
    const list = 'debug_recirc,load:1->NXM_NX_REG1[],check_pkt_larger(60)->NXM_NX_REG0[0],2,output:NXM_NX_REG0[]';
    expect(roundsOf([`table=0 actions=${list}`])).toEqual(['recirc(N)', 'check_pkt_len(size=60,gt(2),le(2))']);
  });
});
