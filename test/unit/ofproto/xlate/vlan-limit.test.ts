import { describe, expect, it } from 'vitest';
import * as F from '../../../../ofproto/model/flow.ts';
import { DEFAULT_SETTINGS } from '../../../../ofproto/upcall/settings.ts';
import { vlanLimit } from '../../../../ofproto/xlate/vlan-limit.ts';
import { SwitchFixture } from '../../../support/switch-fixture.ts';

/** The key of a UDP packet on p1 with two tags. */
function doubleTagged(fixture: SwitchFixture): Uint8Array {
  const key = fixture.key('in_port=1,dl_vlan=5,udp,nw_src=10.0.0.1,nw_dst=10.0.0.2');
  new DataView(key.buffer, key.byteOffset).setUint32(F.KEY_VLAN1_TPID, 0x8100_1006);
  return key;
}

function megaflowOf(limit: number, flow = 'priority=1,actions=2'): string {
  const fixture = new SwitchFixture();
  fixture.slowPath.configure({ ...DEFAULT_SETTINGS, vlanLimit: limit });
  fixture.flowMod('priority=9,ip,actions=3');
  fixture.flowMod(flow);
  fixture.dpif.miss(doubleTagged(fixture));
  return fixture.megaflows()[0]!;
}

describe('other_config:vlan-limit', () => {
  it.each([
    [undefined, 1],
    ['0', 2],
    ['1', 1],
    ['2', 2],
    ['7', 2],
    ['x', 1],
  ])('%s', (text, limit) => {
    expect(vlanLimit(text)).toBe(limit);
  });

  it('decides whether rules see the headers behind the second tag', () => {
    expect(megaflowOf(1)).toMatch(/actions:2$/);
    expect(megaflowOf(2)).toMatch(/actions:3$/);
  });

  it('hidden tags stay in the packet', () => {
    expect(megaflowOf(1, 'actions=strip_vlan,mod_vlan_vid:7,2')).toMatch(
      /actions:pop_vlan,push_vlan\(vid=7,pcp=0\),2$/,
    );
  });

  it('a megaflow matches the type of a hidden tag, not the tag', () => {
    const fixture = new SwitchFixture();
    fixture.flowMod('actions=2');
    fixture.dpif.miss(doubleTagged(fixture));
    const [{ mask } = { mask: new Uint8Array() }] = fixture.dpif.flows();
    const view = new DataView(mask.buffer, mask.byteOffset);
    expect(view.getUint32(F.KEY_VLAN1_TPID)).toBe(0xffff_1000);
    expect(view.getUint32(F.KEY_NW_SRC)).toBe(0);
  });

  it('a change takes the megaflows away', async () => {
    const fixture = new SwitchFixture();
    fixture.flowMod('actions=2');
    fixture.dpif.miss(doubleTagged(fixture));
    fixture.slowPath.configure({ ...DEFAULT_SETTINGS, vlanLimit: 2 });
    await fixture.br0.barrier();
    expect(fixture.megaflows()).toEqual([]);
  });
});
