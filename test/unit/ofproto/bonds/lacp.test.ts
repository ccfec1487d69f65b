import { describe, expect, it } from 'vitest';
import type { Lacp } from '../../../../ofproto/bonds/lacp.ts';
import { LACP_STATE } from '../../../../ofproto/bonds/lacp-info.ts';
import type { LacpSettings } from '../../../../ofproto/bonds/settings.ts';
import { LacpLinks, testPort } from '../../../support/lacp-link.ts';

const states = (lacp: Lacp) =>
  lacp.members.map(({ state, attached }) => `${state} ${attached ? 'attached' : 'detached'}`);
const usable = (lacp: Lacp) => lacp.members.map((member) => member.mayEnable(lacp.settings));
const sentBy = (links: LacpLinks, port: string) => links.sent.filter(({ from }) => from === port).length;

/** Two systems with two links. */
function pair(here: Partial<LacpSettings> = {}, there: Partial<LacpSettings> = {}) {
  const links = new LacpLinks();
  const ports = [1, 2, 3, 4].map((n) => testPort(`p${n}`, n));
  const [p1, p2, p3, p4] = ports as [(typeof ports)[0], (typeof ports)[0], (typeof ports)[0], (typeof ports)[0]];
  const a = links.add(here, [p1, p2]);
  const b = links.add(there, [p3, p4]);
  links.wire(a, p1, b, p3);
  links.wire(a, p2, b, p4);
  return { links, a, b, p1, p2, p3, p4 };
}

describe('LACP', () => {
  it('negotiates between an active and a passive system', () => {
    const { links, a, b } = pair({}, { active: false });
    links.pass(2000);
    for (const lacp of [a, b]) {
      expect(lacp.status).toBe('negotiated');
      expect(states(lacp)).toEqual(['current attached', 'current attached']);
      expect(usable(lacp)).toEqual([true, true]);
    }
    const { SYNCHRONIZED, COLLECTING, DISTRIBUTING, AGGREGATION } = LACP_STATE;
    expect(b.actor(b.members[0]!).state).toBe(
      AGGREGATION | SYNCHRONIZED | COLLECTING | DISTRIBUTING | LACP_STATE.TIMEOUT,
    );
    expect(a.members[0]!.partner).toEqual(b.actor(b.members[0]!));
  });

  it('two passive systems stay silent', () => {
    const { links, a, b } = pair({ active: false }, { active: false });
    links.pass(10_000);
    expect(links.sent).toEqual([]);
    expect([...states(a), ...states(b)]).toEqual(Array(4).fill('defaulted detached'));
    expect(a.status).toBe('configured');
  });

  it('Receive machine: EXPIRED for three seconds, then DEFAULTED', () => {
    const links = new LacpLinks();
    const lacp = links.add({}, [testPort('p1', 1), testPort('p2', 2)]);
    expect(states(lacp)).toEqual(['expired attached', 'expired attached']);
    expect(lacp.actor(lacp.members[0]!).state & LACP_STATE.EXPIRED).not.toBe(0);
    expect(lacp.members[0]!.partner.state).toBe(LACP_STATE.TIMEOUT);
    links.pass(2900);
    expect(states(lacp)).toEqual(['expired attached', 'expired attached']);
    links.pass(200);
    expect(states(lacp)).toEqual(['defaulted detached', 'defaulted detached']);
    expect(lacp.isCurrent(lacp.members[0]!.port)).toBe(false);
    expect(lacp.members[0]!.counters).toMatchObject({ expired: 0, defaulted: 1 });
  });

  it('Receive machine: a silent partner expires after three of our periods', () => {
    for (const [fast, timeoutMs] of [
      [true, 3000],
      [false, 90_000],
    ] as const) {
      const { links, a, p1 } = pair({ fast });
      links.pass(5000);
      links.cut(p1);
      // The last LACPDU may have come a whole period before.
      links.pass(timeoutMs * (2 / 3) - 500);
      expect(states(a)).toEqual(['current attached', 'current attached']);
      const startMs = links.clock.nowMs();
      while (a.members[0]!.state === 'current') links.pass(100);
      expect(links.clock.nowMs() - startMs).toBeLessThan(timeoutMs / 3 + 1000);
      // What it last said of itself is kept, but no traffic goes there.
      expect(states(a)).toEqual(['expired attached', 'current attached']);
      expect(a.members[0]!.counters.expired).toBe(1);
      expect(usable(a)).toEqual([false, true]);
      links.pass(3500);
      expect(states(a)).toEqual(['defaulted detached', 'current attached']);
    }
  });

  it('Periodic machine: as often as the partner asks', () => {
    const { links } = pair({ fast: true }, { fast: false });
    links.pass(5000);
    const [slow, fast] = [sentBy(links, 'p1'), sentBy(links, 'p3')];
    links.pass(60_000);
    expect(sentBy(links, 'p1') - slow).toBe(2);
    expect(sentBy(links, 'p3') - fast).toBeGreaterThan(55);
  });

  it('tells at once what the partner has to know', () => {
    const { links, a, p1, p2 } = pair({ fast: false }, { fast: false });
    links.pass(5000);
    const before = sentBy(links, 'p1');
    a.configure({ ...a.settings, fast: true }, [p1, p2]);
    links.pass(100);
    expect(sentBy(links, 'p1')).toBe(before + 1);
  });

  it('Selection: links to another system, or with another key, stay out', () => {
    const links = new LacpLinks();
    const ports = [1, 2, 3, 4, 5, 6].map((n) => testPort(`p${n}`, n));
    const a = links.add({}, ports.slice(0, 3));
    const systemId = 'aa:66:aa:66:00:77';
    const b = links.add({ systemId }, [ports[3]!]);
    const sameSystem = links.add({ systemId, members: { p5: { key: 99 } } }, [ports[4]!]);
    const c = links.add({}, ports.slice(5));
    links.wire(a, ports[0]!, b, ports[3]!);
    links.wire(a, ports[1]!, sameSystem, ports[4]!);
    links.wire(a, ports[2]!, c, ports[5]!);
    links.pass(6000);
    expect(usable(a)).toEqual([true, false, false]);
    expect(a.actor(a.members[1]!).state & LACP_STATE.SYNCHRONIZED).toBe(0);
  });

  it('Selection: the better system chooses by its own priorities', () => {
    const links = new LacpLinks();
    const ports = [1, 2, 3, 4].map((n) => testPort(`p${n}`, n));
    const a = links.add({ systemPriority: 1, members: { p2: { portPriority: 5 } } }, ports.slice(0, 2));
    const b = links.add({}, [ports[2]!]);
    const c = links.add({}, [ports[3]!]);
    links.wire(a, ports[0]!, b, ports[2]!);
    links.wire(a, ports[1]!, c, ports[3]!);
    links.pass(6000);
    expect(usable(a).filter(Boolean)).toHaveLength(1);
    // With both gone, the one with the better port is taken.
    for (const port of [ports[0]!, ports[1]!]) links.cut(port);
    links.pass(10_000);
    links.wire(a, ports[0]!, b, ports[2]!);
    links.wire(a, ports[1]!, c, ports[3]!);
    links.pass(31_000);
    expect(usable(a)).toEqual([false, true]);
  });

  it('a link that works is not given up for a new one', () => {
    const { links, a, b, p1, p2, p3 } = pair();
    a.configure(a.settings, [p1]);
    links.pass(5000);
    expect(usable(a)).toEqual([true]);
    a.configure(a.settings, [p1, testPort('p0', 9)]);
    expect(usable(a)).toEqual([true, false]);
    expect(b.member(p3)!.state).toBe('current');
    expect(p2.linkUp).toBe(true);
  });

  it('a link from the system to itself carries nothing', () => {
    const links = new LacpLinks();
    const [p1, p2] = [testPort('p1', 1), testPort('p2', 2)];
    const a = links.add({}, [p1, p2]);
    links.wire(a, p1, a, p2);
    links.pass(5000);
    expect(states(a)).toEqual(['current detached', 'current detached']);
    expect(a.status).toBe('configured');
  });

  it('lacp-fallback-ab lets links without partner be used, until there is one', () => {
    const { links, a, b, p1, p2 } = pair({ fallbackAb: true }, { active: false });
    links.cut(p1);
    links.cut(p2);
    links.pass(5000);
    expect(usable(a)).toEqual([true, true]);
    links.wire(a, p1, b, b.members[0]!.port);
    links.pass(31_000);
    expect(usable(a)).toEqual([true, false]);
  });

  it('a changed carrier sends the member back to EXPIRED', () => {
    const { links, a, p1 } = pair();
    links.pass(5000);
    a.carrierChanged(p1);
    expect(states(a)).toEqual(['expired attached', 'current attached']);
    expect(usable(a)).toEqual([false, true]);
    links.pass(1500);
    expect(states(a)).toEqual(['current attached', 'current attached']);
    expect(a.members[0]!.counters.carrierChanges).toBe(1);
  });

  it('counts what is no LACPDU, and does nothing else with it', () => {
    const links = new LacpLinks();
    const port = testPort('p1', 1);
    const lacp = links.add({}, [port]);
    lacp.receive(port, new Uint8Array(60));
    lacp.receive(testPort('p9', 9), new Uint8Array(60));
    expect(lacp.members[0]!.counters).toMatchObject({ rxPdus: 1, rxBad: 1 });
    expect(states(lacp)).toEqual(['expired attached']);
  });
});
