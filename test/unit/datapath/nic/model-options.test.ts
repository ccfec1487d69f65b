// other_config:nic-NAME and the options of an interface on a function, read.
import { describe, expect, it } from 'vitest';
import { parseCard, withInterfaceOptions } from '../../../../datapath/nic/model/model-options.ts';
import { UserError } from '../../../../lib/errors.ts';

describe('parseCard()', () => {
  it('has a default for everything', () => {
    const card = parseCard('m', '');
    expect(card).toMatchObject({ mode: 'switchdev', vfs: 1, tableSize: 65536, insertLatencyUs: 0, core: undefined });
    expect(card.wire).toEqual({ type: 'device', name: 'm/wire', options: {} });
    expect(card.functions[0]).toMatchObject({ vlan: 0, trust: false, spoofchk: false, link: 'auto', rateMbps: 0 });
    expect(card.functions[0]!.end).toEqual({ type: 'dpdkvhostuser', name: 'm-vf0', options: {} });
    expect(card.functions[0]!.mac).toMatch(/^02(:[0-9a-f]{2}){5}$/);
  });

  it('reads the card, all functions, and one', () => {
    const card = parseCard(
      'm',
      'vfs=3, mode=legacy, wire=tap:w0, wire-x=y, vf-vlan=7, vf1-vlan=8, vf2-end=dummy, core=2',
    );
    expect(card).toMatchObject({ mode: 'legacy', core: 2, wire: { type: 'tap', name: 'w0', options: { x: 'y' } } });
    expect(card.functions.map(({ vlan }) => vlan)).toEqual([7, 8, 7]);
    expect(card.functions[2]!.end).toEqual({ type: 'dummy', name: 'm/vf2', options: {} });
  });

  it('gives each function an address of its own, the same every time', () => {
    const macs = parseCard('m', 'vfs=128').functions.map(({ mac }) => mac);
    expect(new Set(macs).size).toBe(128);
    expect(parseCard('m', 'vfs=128').functions.map(({ mac }) => mac)).toEqual(macs);
  });

  it.each([
    ['vfs=0', 'from 1 to 128'],
    ['vfs=129', 'from 1 to 128'],
    ['vfs', 'not key=value'],
    ['mode=bridge', 'switchdev or legacy'],
    ['wire=carrier-pigeon', 'expected one of vhost'],
    ['vf-mac=01:00:00:00:00:01', 'Ethernet address'],
    ['vf-trust=maybe', 'true or false'],
    ['vf1-vlan=3', 'there are 1 VFs'],
    ['vf-colour=red', 'a function has mac'],
    ['vlan=3', 'there is no option "vlan"'],
  ])('refuses %s', (line, message) => {
    expect(() => parseCard('m', line)).toThrow(UserError);
    expect(() => parseCard('m', line)).toThrow(message);
  });
});

describe('withInterfaceOptions()', () => {
  it("puts the interface's options above the card's", () => {
    const own = withInterfaceOptions('m', 'vfs=2,vf-vlan=7,vf-trust=true', 1, { nic: 'm', vf: '1', 'vf-vlan': '9' });
    expect(own).toMatchObject({ vlan: 9, trust: true });
  });

  it('dials a socket by its path, and hands options to the end', () => {
    const dialled = withInterfaceOptions('m', '', 0, { 'vf-path': '/tmp/guest' });
    expect(dialled.end).toMatchObject({ type: 'dpdkvhostuserclient', options: { 'vhost-server-path': '/tmp/guest' } });
    const ended = withInterfaceOptions('m', '', 0, { 'vf-end': 'dummy', 'vf-end-tx_pcap': '/tmp/x' });
    expect(ended.end).toEqual({ type: 'dummy', name: 'm/vf0', options: { tx_pcap: '/tmp/x' } });
    expect(() => withInterfaceOptions('m', '', 0, { 'vf-speed': '9' })).toThrow(UserError);
  });
});
