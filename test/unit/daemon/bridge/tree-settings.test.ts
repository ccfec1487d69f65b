// Values as Open vSwitch 3.1 was seen to take them.
import { describe, expect, it } from 'vitest';
import { type TreePort, treeSettings } from '../../../../src/daemon/bridge/tree-settings.ts';

const port = (name: string, otherConfig: Record<string, string> = {}, more: Partial<TreePort> = {}): TreePort => {
  const link = { isBond: false, isExcluded: false, bitsPerSecond: undefined, isHalfDuplex: false };
  return { name, otherConfig, ...link, ...more };
};

const settings = (protocol: 'stp' | 'rstp', otherConfig: Record<string, string>, ports: readonly TreePort[] = []) => {
  const on = { stp: true, rstp: protocol === 'rstp' };
  return treeSettings({ name: 'br0', ...on, otherConfig, mac: 'aa:66:aa:66:00:01', ports });
};

describe('treeSettings()', () => {
  it.each([
    ['65536', 0],
    ['-1', 65_535],
    ['0x1000', 32_768],
    ['4096', 4096],
  ])('stp-priority %s is %i', (text, priority) => {
    expect(settings('stp', { 'stp-priority': text })?.bridge.priority).toBe(priority);
  });

  it.each([
    ['4095', 0],
    ['5000', 4096],
    ['65535', 61_440],
    ['abc', 32_768],
  ])('rstp-priority %s is %i', (text, priority) => {
    expect(settings('rstp', { 'rstp-priority': text })?.bridge.priority).toBe(priority);
  });

  it('RSTP keeps what it had of what is refused', () => {
    const on = { name: 'br0', stp: false, rstp: true, mac: 'aa:66:aa:66:00:01' };
    const portConfigs = ['55', '999999999', 'abc', undefined].map((cost) => (cost ? { 'rstp-path-cost': cost } : {}));
    const bridgeConfigs: Record<string, string>[] = [
      { 'rstp-max-age': '30', 'rstp-forward-delay': '20', 'rstp-transmit-hold-count': '4' },
      { 'rstp-max-age': '3', 'rstp-forward-delay': '99', 'rstp-transmit-hold-count': '40' },
      { 'rstp-max-age': '40', 'rstp-forward-delay': '4' },
      {},
    ];
    let last: ReturnType<typeof treeSettings>;
    const seen = bridgeConfigs.map((otherConfig, i) => {
      last = treeSettings({ ...on, otherConfig, ports: [port('p1', portConfigs[i])] }, last);
      const { maxAge, forwardDelay } = last!.bridge as { maxAge: number; forwardDelay: number };
      return [maxAge, forwardDelay, last!.ports.get('p1')!.pathCost];
    });
    expect(seen).toEqual([
      [20, 20, 55],
      [20, 20, 55],
      [20, 20, 55],
      [20, 15, 2000],
    ]);
  });

  it('times of RSTP that do not go together are not taken', () => {
    expect(settings('rstp', { 'rstp-max-age': '40' })?.bridge).toMatchObject({ maxAge: 20, forwardDelay: 15 });
    expect(settings('rstp', { 'rstp-forward-delay': '4' })?.bridge).toMatchObject({ maxAge: 20, forwardDelay: 15 });
    expect(settings('rstp', { 'rstp-max-age': '6', 'rstp-forward-delay': '4' })?.bridge).toMatchObject({
      maxAge: 6,
      forwardDelay: 4,
    });
  });

  it('costs follow the speed, and numbers are cut to their fields', () => {
    const ports = [
      port('p1', { 'stp-path-cost': '70000', 'stp-port-priority': '300' }),
      port('p2', {}, { bitsPerSecond: 1e9 }),
      port('p3'),
    ];
    const stp = settings('stp', {}, ports)?.ports;
    expect(stp?.get('p1')).toMatchObject({ pathCost: 4464, priority: 44 });
    expect(stp?.get('p2')).toMatchObject({ pathCost: 4, priority: 128 });
    expect(stp?.get('p3')).toMatchObject({ pathCost: 2 });
    expect(settings('rstp', {}, ports)?.ports.get('p2')).toMatchObject({ pathCost: 20_000 });
  });

  it('leaves out bonds, internal ports, ports that are switched off and numbers that cannot be', () => {
    const ports = [
      port('bond0', {}, { isBond: true }),
      port('int0', {}, { isExcluded: true }),
      port('off', { 'stp-enable': 'false' }),
      port('p1', { 'stp-port-num': '300' }),
      port('p2', { 'stp-port-num': '2' }),
      port('p3', { 'stp-port-num': '2' }),
    ];
    expect([...(settings('stp', {}, ports)?.ports.keys() ?? [])]).toEqual(['p2']);
  });

  it('numbers for some ports and not for others are no tree', () => {
    expect(settings('stp', {}, [port('p1', { 'stp-port-num': '1' }), port('p2')])).toBeUndefined();
  });
});
