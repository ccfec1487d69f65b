// The eSwitch in legacy mode: forwarding by VLAN and destination address, as an SR-IOV card does alone. It knows the
// addresses that functions were given, and learns those that trusted functions use. Broadcast and multicast stay
// within the VLAN, unicast that nobody here has goes to the wire, from the wire to the PF. A function with a port VLAN sees no tags: they are
// pushed and popped for it; one without sees the tags there are. What is decided is installed as a megaflow.

import type { DpAction, DpFlow, Upcall, UpcallVerdict } from '../../dpif.ts';
import type { EswitchDpif } from '../../eswitch.ts';
import {
  KEY_ETH_DST,
  KEY_ETH_SRC,
  KEY_IN_PORT,
  KEY_RECIRC_ID,
  KEY_SIZE,
  KEY_VLAN0_TCI,
  KEY_VLAN0_TPID,
  VLAN_CFI,
} from '../../layout/flow-key.ts';
import { type Vport, WIRE } from '../provider.ts';
import type { CardVport } from './card-vport.ts';
import { PF } from './settings.ts';

const VLAN_TPID = 0x8100;
const VLAN_VID = 0xfff;
const LEARNED_MAX = 4096;
/** A flow or a learned address that nobody used for so long is forgotten. */
const FLOW_IDLE_MS = 10_000;
const ADDRESS_IDLE_MS = 300_000;

interface Learned {
  readonly vport: Vport;
  readonly vlan: number;
  readonly mac: string;
  usedMs: number;
}

/** A frame as the switch sees it. */
interface Frame {
  readonly from: CardVport;
  readonly vlan: number;
  /** Whether it came with the tag that says so. */
  readonly tagged: boolean;
  readonly src: string;
  readonly dst: string;
}

export class LegacySwitch {
  readonly #dpif: EswitchDpif;
  readonly #vports: ReadonlyMap<Vport, CardVport>;
  readonly #learned = new Map<string, Learned>();
  readonly #flows = new Set<DpFlow>();
  readonly #missed = new Map<Vport, bigint>();

  constructor(dpif: EswitchDpif, vports: ReadonlyMap<Vport, CardVport>) {
    this.#dpif = dpif;
    this.#vports = vports;
  }

  missed(vport: Vport): bigint {
    return this.#missed.get(vport) ?? 0n;
  }

  addresses(): Learned[] {
    return [...this.#learned.values()];
  }

  /** What was decided may not be right any more. */
  flush(): void {
    for (const flow of this.#flows) this.#dpif.flowDel(flow);
    this.#flows.clear();
    for (const [key, { vport }] of this.#learned)
      if (!this.#vports.get(vport)?.settings.trust) this.#learned.delete(key);
  }

  /** Forgets what nobody uses. */
  age(nowMs: number): void {
    for (const flow of this.#flows) {
      const { usedMs } = flow.stats();
      // A flow that was never used was made for a packet that went by itself: it is looked at once more.
      if (usedMs === undefined) flow.note ??= { sinceMs: nowMs };
      const sinceMs = usedMs ?? (flow.note as { sinceMs: number }).sinceMs;
      if (nowMs - sinceMs < FLOW_IDLE_MS) continue;
      this.#flows.delete(flow);
      this.#dpif.flowDel(flow);
    }
    for (const [key, { usedMs }] of this.#learned) if (nowMs - usedMs > ADDRESS_IDLE_MS) this.#learned.delete(key);
  }

  decide({ inPort, key, reason }: Upcall): UpcallVerdict {
    const from = this.#vports.get(inPort);
    if (!from || reason !== 'miss') return { actions: [] };
    this.#missed.set(inPort, this.missed(inPort) + 1n);
    const frame = frameOf(from, key);
    const actions = frame ? this.#forward(frame) : [];
    return {
      actions,
      install: { ...exactly(key), actions },
      installed: (flow) => this.#flows.add(flow),
    };
  }

  #forward(frame: Frame): DpAction[] {
    this.#learn(frame);
    const isGroup = (Number.parseInt(frame.dst.slice(0, 2), 16) & 1) === 1;
    const owner = isGroup ? undefined : this.#ownerOf(frame);
    const to = [...this.#vports.values()].filter((vport) => {
      if (vport === frame.from || !isMember(vport, frame.vlan)) return false;
      if (vport.vport === WIRE) return isGroup || owner === undefined;
      // Who is nobody's may be somebody behind the switch that has the PF.
      if (vport.vport === PF && owner === undefined && frame.from.vport === WIRE) return true;
      return isGroup || vport === owner || isPromiscuous(vport);
    });
    return outputs(frame, to);
  }

  /**
   * Sources of trusted functions move: their last place counts, and flows to the old one are wrong. An address that was
   * given to a function stays there, whoever sends for it.
   */
  #learn({ from, src, vlan }: Frame): void {
    if (from.vport === WIRE || !from.settings.trust || this.#givenTo(src, vlan)) return;
    const key = `${vlan} ${src}`;
    const known = this.#learned.get(key);
    if (known?.vport === from.vport) known.usedMs = performance.now();
    else {
      if (this.#learned.size >= LEARNED_MAX && !known) return;
      this.#learned.set(key, { vport: from.vport, vlan, mac: src, usedMs: performance.now() });
      this.flush();
    }
  }

  #givenTo(mac: string, vlan: number): CardVport | undefined {
    return [...this.#vports.values()].find(
      (vport) => vport.vport !== WIRE && vport.settings.mac === mac && isMember(vport, vlan),
    );
  }

  #ownerOf({ dst, vlan }: Frame): CardVport | undefined {
    const learned = this.#learned.get(`${vlan} ${dst}`);
    return this.#givenTo(dst, vlan) ?? (learned && this.#vports.get(learned.vport));
  }
}

/** Without a port VLAN a function is in all of them. */
function isMember({ settings }: CardVport, vlan: number): boolean {
  return settings.vlan === 0 || settings.vlan === vlan;
}

function isPromiscuous({ settings }: CardVport): boolean {
  return settings.trust && settings.promisc;
}

/** undefined: the frame may not be sent by this function. */
function frameOf(from: CardVport, key: Uint8Array): Frame | undefined {
  const view = new DataView(key.buffer, key.byteOffset);
  const tagged = (view.getUint16(KEY_VLAN0_TCI) & VLAN_CFI) !== 0;
  const portVlan = from.settings.vlan;
  // A function with a port VLAN must not choose another.
  if (portVlan !== 0 && tagged) return undefined;
  const vlan = tagged ? view.getUint16(KEY_VLAN0_TCI) & VLAN_VID : portVlan;
  return { from, vlan, tagged, src: macText(key, KEY_ETH_SRC), dst: macText(key, KEY_ETH_DST) };
}

function macText(key: Uint8Array, at: number): string {
  return [...key.subarray(at, at + 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** Those who get the frame as it came first, then the tag goes on or off for the others. */
function outputs({ tagged, vlan }: Frame, to: readonly CardVport[]): DpAction[] {
  const wantsTag = (vport: CardVport) => vlan !== 0 && vport.settings.vlan !== vlan;
  const same = to.filter((vport) => wantsTag(vport) === tagged || vlan === 0);
  const other = to.filter((vport) => !same.includes(vport));
  const change: DpAction = tagged ? { type: 'pop_vlan' } : { type: 'push_vlan', tpid: VLAN_TPID, tci: vlan | VLAN_CFI };
  const output = ({ vport }: CardVport): DpAction => ({ type: 'output', port: vport });
  return [...same.map(output), ...(other.length > 0 ? [change, ...other.map(output)] : [])];
}

/** Input port, addresses and tag as the packet has them. */
function exactly(key: Uint8Array): { key: Uint8Array; mask: Uint8Array } {
  const mask = new Uint8Array(KEY_SIZE);
  mask.fill(0xff, KEY_IN_PORT, KEY_RECIRC_ID + 4);
  mask.fill(0xff, KEY_VLAN0_TPID, KEY_VLAN0_TCI + 2);
  mask.fill(0xff, KEY_ETH_DST, KEY_ETH_DST + 6);
  mask.fill(0xff, KEY_ETH_SRC, KEY_ETH_SRC + 6);
  return { key: key.map((byte, i) => byte & mask[i]!), mask };
}
