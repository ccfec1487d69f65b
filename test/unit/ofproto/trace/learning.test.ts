// What a traced packet teaches, it teaches at once.
import { describe, expect, it } from 'vitest';
import { SwitchFixture } from '../../../support/switch-fixture.ts';

describe('a traced packet', () => {
  it.each([
    ['actions=normal,normal', 1],
    ['actions=normal,pop_vlan,normal', 2],
    ['actions=check_pkt_larger(100)->reg0[0],normal', 1],
  ])('with %s says that it taught an address %i times', (flow, times) => {
    const fixture = new SwitchFixture();
    fixture.flowMod(flow);
    fixture.dpif.extracted = fixture.key('in_port=1,dl_src=00:00:00:00:00:02,dl_vlan=100') as Uint8Array<ArrayBuffer>;
    const text = fixture.br0.trace({ flow: 'in_port=1', packet: new Uint8Array(60) });
    expect(text.match(/learned that 00:00:00:00:00:02/g)).toHaveLength(times);
  });
});
