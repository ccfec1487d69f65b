import { describe, expect, it } from 'vitest';
import { bundleSettings } from '../../../../src/daemon/bridge/bundle-settings.ts';
import { l2Settings } from '../../../../src/daemon/bridge/l2-settings.ts';

describe('bundleSettings()', () => {
  it.each([
    [{}, undefined],
    [
      { tag: 5, trunks: [7] },
      { mode: 'access', tag: 5 },
    ],
    [{ trunks: [7] }, { mode: 'trunk', tag: 0, trunks: [7] }],
    [{ vlanMode: 'trunk', tag: 5 }, undefined],
    [
      { vlanMode: 'native-tagged', tag: 5, trunks: [7] },
      { mode: 'native-tagged', tag: 5, trunks: [7] },
    ],
    [{ vlanMode: 'native-untagged' }, { mode: 'native-untagged', tag: 0 }],
    [
      { vlanMode: 'dot1q-tunnel', tag: 5, cvlans: [1], otherConfig: { 'qinq-ethtype': '802.1q' } },
      { mode: 'dot1q-tunnel', tag: 5, cvlans: [1], qinqEthtype: 0x8100 },
    ],
    [
      { tag: 5, otherConfig: { 'priority-tags': 'true' } },
      { mode: 'access', tag: 5, priorityTags: 'if-nonzero' },
    ],
    [
      { tag: 5, otherConfig: { 'priority-tags': 'nonsense' } },
      { mode: 'access', tag: 5 },
    ],
  ])('%j', (columns, vlan) => {
    expect(bundleSettings({ name: 'p', ...columns }).vlan).toEqual(vlan);
  });
});

describe('l2Settings()', () => {
  it('keeps numbers within their limits and replaces nonsense', () => {
    const of = (otherConfig: Record<string, string>) =>
      l2Settings({ otherConfig, floodVlans: [], mcastSnooping: false });
    expect(of({})).toMatchObject({ macAgingMs: 300_000, macTableSize: 8192, forwardBpdu: false });
    expect(of({ 'mac-aging-time': '1', 'mac-table-size': '9999999' })).toMatchObject({
      macAgingMs: 15_000,
      macTableSize: 1_000_000,
    });
    expect(of({ 'mac-aging-time': 'soon' })).toMatchObject({ macAgingMs: 300_000 });
    const otherConfig = { 'mcast-snooping-disable-flood-unregistered': 'true', 'mcast-snooping-table-size': '1' };
    expect(l2Settings({ otherConfig, floodVlans: [], mcastSnooping: true }).snooping).toEqual({
      agingMs: 300_000,
      tableSize: 10,
      floodUnregistered: false,
    });
  });
});
