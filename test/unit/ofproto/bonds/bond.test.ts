import { describe, expect, it } from 'vitest';
import { Bond } from '../../../../ofproto/bonds/bond.ts';
import type { BondSettings, LacpStatus } from '../../../../ofproto/bonds/settings.ts';
import type { FrozenState } from '../../../../ofproto/xlate/freeze.ts';
import { testPort } from '../../../support/lacp-link.ts';

const SETTINGS: BondSettings = {
  mode: 'active-backup',
  upDelayMs: 0,
  downDelayMs: 0,
  rebalanceIntervalMs: 10_000,
  hashBasis: 0,
  allMembersActive: false,
  lacpFallback: false,
};

function setUp(settings: Partial<BondSettings> = {}) {
  const time = { ms: 0 };
  const ports = [1, 2, 3].map((n) => testPort(`p${n}`, n));
  const all = { ...SETTINGS, ...settings };
  const state = {} as FrozenState;
  const bond = new Bond('bond0', all, { nowMs: () => time.ms, recirc: () => ({ id: 7, state }) });
  bond.configure(all, ports);
  const run = (lacp: LacpStatus = 'off') => bond.run(lacp, (port) => port.linkUp);
  const pass = (ms: number) => {
    time.ms += ms;
    return run();
  };
  run();
  return { bond, ports, run, pass, time };
}

const enabled = (bond: Bond) => bond.members.map((member) => member.enabled);

describe('Bond', () => {
  it('fails over when the active member goes down, and stays there', () => {
    const { bond, ports, pass } = setUp();
    expect(bond.active?.port.name).toBe('p1');
    ports[0]!.linkUp = false;
    expect(pass(0)).toEqual({ changed: true, moved: true });
    expect(bond.active?.port.name).toBe('p2');
    ports[0]!.linkUp = true;
    expect(pass(0).moved).toBe(false);
    expect(bond.active?.port.name).toBe('p2');
  });

  it('takes the member that was active in the last run', () => {
    expect(setUp({ activeBefore: 'aa:55:aa:55:00:03' }).bond.active?.port.name).toBe('p3');
  });

  it('goes back to its primary', () => {
    const { bond, ports, pass } = setUp({ primary: 'p2' });
    ports[1]!.linkUp = false;
    pass(0);
    expect(bond.active?.port.name).toBe('p1');
    ports[1]!.linkUp = true;
    pass(0);
    expect(bond.active?.port.name).toBe('p2');
  });

  it('waits for bond_updelay and bond_downdelay', () => {
    const { bond, ports, pass } = setUp({ upDelayMs: 2000, downDelayMs: 1000 });
    ports[0]!.linkUp = false;
    pass(0);
    expect(enabled(bond)).toEqual([true, true, true]);
    expect(bond.nextEventMs()).toBe(1000);
    pass(999);
    expect(enabled(bond)[0]).toBe(true);
    pass(1);
    expect(enabled(bond)[0]).toBe(false);
    ports[0]!.linkUp = true;
    pass(1000);
    ports[0]!.linkUp = false;
    pass(500);
    ports[0]!.linkUp = true;
    pass(1999);
    expect(enabled(bond)[0]).toBe(false);
    pass(2000);
    expect(enabled(bond)[0]).toBe(true);
  });

  it('skips bond_updelay when no member is enabled', () => {
    const { bond, ports, pass } = setUp({ upDelayMs: 2000 });
    for (const port of ports) port.linkUp = false;
    pass(0);
    expect(bond.active).toBeUndefined();
    ports[2]!.linkUp = true;
    expect(pass(10)).toEqual({ changed: true, moved: true });
    expect(bond.active).toMatchObject({ enabled: true, port: { name: 'p3' } });
  });

  it('bond/enable-member and disable-member hold until the delay of the link they contradict', () => {
    const { bond, run, pass } = setUp({ upDelayMs: 2000 });
    bond.setEnabled(bond.members[0]!, false);
    run();
    expect(enabled(bond)[0]).toBe(false);
    expect(bond.active?.port.name).toBe('p2');
    pass(2000);
    expect(enabled(bond)[0]).toBe(true);
  });

  it('admits by mode and LACP', () => {
    const { bond, ports, run } = setUp();
    expect([bond.admits(ports[0]!, false), bond.admits(ports[1]!, false)]).toEqual(['accept', 'drop']);
    run('configured');
    expect(bond.admits(ports[0]!, false)).toBe('accept');
    run('negotiated');
    expect(bond.admits(ports[1]!, true)).toBe('accept');
    const slb = setUp({ mode: 'balance-slb' });
    expect([false, true].map((multicast) => slb.bond.admits(slb.ports[1]!, multicast))).toEqual([
      'unless-moved',
      'drop',
    ]);
    const tcp = setUp({ mode: 'balance-tcp', lacpFallback: true });
    expect(tcp.bond.admits(tcp.ports[0]!, false)).toBe('drop');
    expect(tcp.bond.isDown).toBe(true);
    tcp.run('configured');
    expect([tcp.bond.mode, tcp.bond.admits(tcp.ports[0]!, true), tcp.bond.isDown]).toEqual([
      'active-backup',
      'accept',
      false,
    ]);
    tcp.run('negotiated');
    expect([tcp.bond.mode, tcp.bond.admits(tcp.ports[2]!, true)]).toEqual(['balance-tcp', 'accept']);
  });

  it('does not tell peers of moved stations where LACP does', () => {
    const { bond, ports, run } = setUp({ mode: 'balance-tcp' });
    run('negotiated');
    ports[0]!.linkUp = false;
    expect(run('negotiated')).toEqual({ changed: true, moved: false });
    expect(bond.active?.port.name).toBe('p2');
  });

  it('balances loads anew each interval, unless that is 0', () => {
    const { bond, ports, pass } = setUp({ mode: 'balance-slb' });
    for (const hash of [1, 2, 3]) {
      bond.bucket(hash).port = ports[0]!;
      bond.bucket(hash).credit(100, 100_000);
    }
    expect(pass(9999).changed).toBe(false);
    expect(bond.nextEventMs()).toBe(10_000);
    expect(pass(1).changed).toBe(true);
    expect([1, 2, 3].map((hash) => bond.bucket(hash).port?.name).sort()).toEqual(['p1', 'p2', 'p3']);
    expect(bond.bucket(1).load).toBe(50_000);
    expect(setUp({ mode: 'balance-slb', rebalanceIntervalMs: 0 }).bond.nextEventMs()).toBe(Number.POSITIVE_INFINITY);
  });
});
