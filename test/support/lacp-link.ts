// LACP systems joined by links in memory, on a virtual clock.
import { VirtualClock } from '../../lib/clock.ts';
import { Lacp } from '../../ofproto/bonds/lacp.ts';
import { encodeLacpFrame, type Lacpdu } from '../../ofproto/bonds/lacp-pdu.ts';
import type { MemberPort } from '../../ofproto/bonds/member-port.ts';
import type { LacpSettings } from '../../ofproto/bonds/settings.ts';

export type TestPort = { -readonly [K in keyof MemberPort]: MemberPort[K] };

export function testPort(name: string, ofPort: number): TestPort {
  const port = { name, ofPort, linkUp: true, linkResets: 0, mayEnable: true, mac: `aa:55:aa:55:00:0${ofPort}` };
  return port as unknown as TestPort;
}

export const LACP_SETTINGS: LacpSettings = {
  active: true,
  fast: true,
  fallbackAb: false,
  systemPriority: 0xfffe,
  members: {},
};

const STEP_MS = 100;

export class LacpLinks {
  readonly clock = new VirtualClock(1000);
  readonly systems: Lacp[] = [];
  /** What was sent, newest last. */
  readonly sent: { from: string; pdu: Lacpdu }[] = [];
  readonly #wires = new Map<MemberPort, { to: MemberPort; system: () => Lacp }>();

  /** A system with these ports; its address ends in its number. */
  add(settings: Partial<LacpSettings>, ports: readonly MemberPort[]): Lacp {
    const number = this.systems.length + 1;
    const mac = Uint8Array.of(0xaa, 0x66, 0xaa, 0x66, 0, number);
    const system = new Lacp(
      `s${number}`,
      { ...LACP_SETTINGS, ...settings },
      {
        nowMs: () => this.clock.nowMs(),
        bridgeMac: () => mac,
        send: (port, pdu) => this.#send(port, pdu),
      },
    );
    system.configure({ ...LACP_SETTINGS, ...settings }, ports);
    this.systems.push(system);
    return system;
  }

  wire(a: Lacp, from: MemberPort, b: Lacp, to: MemberPort): void {
    this.#wires.set(from, { to, system: () => b });
    this.#wires.set(to, { to: from, system: () => a });
  }

  cut(port: MemberPort): void {
    const other = this.#wires.get(port)!.to;
    this.#wires.delete(port);
    this.#wires.delete(other);
  }

  #send(port: MemberPort, pdu: Lacpdu): void {
    this.sent.push({ from: port.name, pdu });
    const wire = this.#wires.get(port);
    wire?.system().receive(wire.to, encodeLacpFrame(new Uint8Array(6), pdu));
  }

  pass(ms: number): void {
    for (let left = ms; left >= 0; left -= STEP_MS) {
      for (const system of this.systems) system.run();
      if (left > 0) this.clock.warp(Math.min(STEP_MS, left));
    }
  }
}
