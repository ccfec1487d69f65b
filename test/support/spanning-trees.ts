// Bridges that run a spanning tree protocol and nothing else, joined by wires, in a time of their own.
import { type Bpdu, encodeBpdu } from '../../ofproto/spanning-tree/bpdu.ts';
import { Rstp, type RstpBridgeSettings } from '../../ofproto/spanning-tree/rstp/rstp.ts';
import { Stp } from '../../ofproto/spanning-tree/stp.ts';

/** One bridge: its protocol, and what its owner was told. */
export class TreeBridge {
  readonly protocol: Stp | Rstp;
  readonly sent: { port: number; bpdu: Bpdu }[] = [];
  readonly warnings: string[] = [];
  flushes = 0;
  readonly #lan: Lan;

  constructor(lan: Lan, kind: 'stp' | 'rstp', address: number, more: Partial<RstpBridgeSettings> = {}) {
    this.#lan = lan;
    const identity = { priority: 0x8000, address: Uint8Array.of(0, 0, 0, 0, 0, address) };
    const common = {
      transmit: (port: { number: number }, bpdu: Bpdu) => {
        this.sent.push({ port: port.number, bpdu });
        lan.carry(this, port.number, encodeBpdu(bpdu));
      },
      flush: () => {
        this.flushes++;
      },
      warn: (text: string) => this.warnings.push(text),
    };
    if (kind === 'stp') {
      const times = { helloTimeMs: 2000, maxAgeMs: 20_000, forwardDelayMs: 15_000 };
      this.protocol = new Stp({ ...identity, ...times }, { ...common, nowMs: () => lan.nowMs, info: () => {} });
    } else {
      const times = { maxAge: 20, forwardDelay: 15, transmitHoldCount: 6, forceProtocolVersion: 2 as const };
      this.protocol = new Rstp({ ...identity, ...times, ...more }, common);
    }
  }

  /** A port that works. */
  addPort(number: number, pathCost = 100): void {
    const common = { number, priority: 128, pathCost };
    if (this.protocol instanceof Stp) this.protocol.enablePort(this.protocol.addPort(common));
    else {
      const edges = { adminEdge: false, autoEdge: true, isPointToPoint: true };
      this.protocol.setEnabled(this.protocol.addPort({ ...common, ...edges }), true);
    }
  }

  setLink(number: number, isUp: boolean): void {
    if (this.protocol instanceof Rstp) {
      this.protocol.setEnabled(this.protocol.ports.find((port) => port.number === number)!, isUp);
    } else {
      const port = this.protocol.port(number)!;
      if (isUp) this.protocol.enablePort(port);
      else this.protocol.disablePort(port);
    }
  }

  receive(number: number, bytes: Uint8Array): void {
    const { protocol } = this;
    if (protocol instanceof Stp) protocol.receive(protocol.port(number)!, bytes);
    else protocol.receive(protocol.ports.find((port) => port.number === number)!, bytes);
  }

  /** `1 root forwarding, 2 alternate blocking` */
  roles(): string {
    const { protocol } = this;
    const lines =
      protocol instanceof Stp
        ? protocol.ports().map((port) => `${port.number} ${protocol.role(port)} ${port.state}`)
        : protocol.ports.map(({ number, role, state }) => `${number} ${role} ${state}`);
    return lines.join(', ').toLowerCase();
  }

  tick(): void {
    if (this.protocol instanceof Rstp) {
      if (this.#lan.nowMs % 1000 === 0) this.protocol.tick();
    } else if (this.protocol.nextDueMs() <= this.#lan.nowMs) this.protocol.tick();
  }
}

type End = readonly [bridge: TreeBridge, port: number];

export class Lan {
  nowMs = 1_000_000;
  readonly bridges: TreeBridge[] = [];
  #wires: (readonly [End, End])[] = [];
  #queue: { to: End; bytes: Uint8Array }[] = [];

  bridge(kind: 'stp' | 'rstp', address: number, more: Partial<RstpBridgeSettings> = {}): TreeBridge {
    const bridge = new TreeBridge(this, kind, address, more);
    this.bridges.push(bridge);
    return bridge;
  }

  /** Adds a port to each of two bridges, and a wire between them. */
  join([a, x]: End, [b, y]: End, pathCost?: number): void {
    const wire = [[a, x] as const, [b, y] as const] as const;
    this.#wires.push(wire);
    a.addPort(x, pathCost);
    b.addPort(y, pathCost);
    this.#deliver();
  }

  /** Both ends lose their link. */
  cut([a, x]: End): void {
    const wire = this.#wires.find((each) => each.some(([bridge, port]) => bridge === a && port === x))!;
    this.#wires = this.#wires.filter((each) => each !== wire);
    for (const [bridge, port] of wire) bridge.setLink(port, false);
    this.#deliver();
  }

  /** The wire carries nothing any more, and nobody notices. */
  silence([a, x]: End): void {
    this.#wires = this.#wires.filter((each) => !each.some(([bridge, port]) => bridge === a && port === x));
  }

  carry(from: TreeBridge, port: number, bytes: Uint8Array): void {
    for (const [left, right] of this.#wires) {
      if (left[0] === from && left[1] === port) this.#queue.push({ to: right, bytes });
      else if (right[0] === from && right[1] === port) this.#queue.push({ to: left, bytes });
    }
  }

  #deliver(): void {
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) next.to[0].receive(next.to[1], next.bytes);
  }

  /** Lets seconds pass, in quarters. */
  pass(seconds: number): void {
    for (const endMs = this.nowMs + seconds * 1000; this.nowMs < endMs; ) {
      this.nowMs += 250;
      for (const bridge of this.bridges) bridge.tick();
      this.#deliver();
    }
  }

  /** How many ways packets could go from bridge to bridge: one less than there are bridges, in a tree. */
  openWires(): number {
    const forwards = ([bridge, port]: End) => bridge.roles().includes(`${port} `) && isForwarding(bridge, port);
    return this.#wires.filter((wire) => wire.every(forwards)).length;
  }
}

const isForwarding = (bridge: TreeBridge, port: number): boolean =>
  bridge
    .roles()
    .split(', ')
    .some((line) => line.startsWith(`${port} `) && line.endsWith('forwarding'));
