// Bridge addresses and datapath ids, as a running Open vSwitch chose them.
import { describe, expect, it } from 'vitest';
import {
  formatDatapathId,
  parseDatapathId,
  parseMac,
  pickBridgeMac,
  pickDatapathId,
} from '../../../../src/daemon/bridge/address.ts';

const outside = (mac: string | undefined) => ({ mac, isInternal: false });
const internal = (mac: string) => ({ mac, isInternal: true });

describe('pickBridgeMac()', () => {
  it('takes the lowest address of the ports outside', () => {
    const ports = [outside('00:11:22:33:44:55'), outside('00:11:22:33:44:11'), internal('00:00:00:00:00:77')];
    expect(pickBridgeMac(undefined, ports)).toBe('00:11:22:33:44:11');
  });

  it('passes over made-up, multicast, zero and unknown addresses', () => {
    const ports = ['8e:55:63:6b:35:84', '01:00:5e:00:00:01', '00:00:00:00:00:00', undefined].map(outside);
    expect(pickBridgeMac(undefined, ports)).toBeUndefined();
  });

  it('falls back on an internal port', () => {
    expect(pickBridgeMac(undefined, [internal('00:00:00:00:00:77')])).toBe('00:00:00:00:00:77');
  });

  it('obeys other_config:hwaddr, unless it is no address', () => {
    expect(pickBridgeMac('02:22:33:44:55:6A', [outside('00:11:22:33:44:11')])).toBe('02:22:33:44:55:6a');
    expect(pickBridgeMac('zz', [outside('00:11:22:33:44:11')])).toBe('00:11:22:33:44:11');
    expect(parseMac('01:22:33:44:55:66')).toBeUndefined();
  });
});

describe('pickDatapathId()', () => {
  it('obeys other_config:datapath-id in both forms', () => {
    expect(parseDatapathId('00000000000000ff')).toBe(0xffn);
    expect(parseDatapathId('0x1234')).toBe(0x1234n);
    for (const bad of [undefined, '', '1234', '0x', '0x0', '0000000000000000', 'x'.repeat(16), '0x11112222333344445']) {
      expect(parseDatapathId(bad)).toBeUndefined();
    }
  });

  it('is the address otherwise, and stays the same without one', () => {
    expect(formatDatapathId(pickDatapathId(undefined, '00:22:33:44:55:66', 'seed'))).toBe('0000002233445566');
    const made = pickDatapathId(undefined, undefined, 'seed');
    expect(pickDatapathId('bad', undefined, 'seed')).toBe(made);
    expect(made).not.toBe(pickDatapathId(undefined, undefined, 'other'));
  });
});
