// Patch ports: pairs of ports that join two bridges (ovs-vswitchd.conf.db(5), Interface, "Patch Options"). They have no
// datapath port: translation goes on in the peer's bridge (xlate/patch.ts). Two are a pair when each names the other.

import { randomBytes } from 'node:crypto';
import type { PortDevice } from './ofproto-api.ts';
import { formatEther } from './text/addresses.ts';
import type { PatchEnd, PortCounters, XlateBridge } from './xlate/snapshot.ts';

/** What Open vSwitch says of an `options:peer` that cannot be; undefined when it can. */
export function patchPeerError(name: string, peer: string | undefined): string | undefined {
  if (peer === undefined || peer === '') return `${name}: patch type requires valid 'peer' argument`;
  return peer === name ? `${name}: patch peer must not be self` : undefined;
}

/** A locally administered address, as Open vSwitch makes them up. */
function randomMac(): string {
  const bytes = randomBytes(6);
  bytes[0] = (bytes[0]! & 0xfc) | 2;
  return formatEther(bytes);
}

export class PatchDevice implements PortDevice, PortCounters {
  readonly name: string;
  readonly type = 'patch';
  readonly odpPort = undefined;
  readonly mac = randomMac();
  readonly mtu = undefined;
  readonly ifindex = 0;
  readonly linkUp = true;
  readonly adminUp = true;
  readonly linkResets = 0;
  readonly #datapathType: string;
  readonly #counts = { rx_bytes: 0, rx_packets: 0, tx_bytes: 0, tx_packets: 0 };
  #peerName: string;
  /** Set while the device is a bridge's port. */
  pairs: PatchPorts | undefined;

  constructor(name: string, peerName: string, datapathType: string) {
    this.name = name;
    this.#peerName = peerName;
    this.#datapathType = datapathType;
  }

  /** options:peer. */
  get peerName(): string {
    return this.#peerName;
  }
  set peerName(name: string) {
    if (name === this.#peerName) return;
    this.pairs?.changed(this);
    this.#peerName = name;
    this.pairs?.changed(this);
  }

  get error(): string | undefined {
    if (this.pairs?.peerOf(this)) return undefined;
    return `No usable peer '${this.#peerName}' exists in '${this.#datapathType}' datapath.`;
  }

  status(): Record<string, string> {
    return {};
  }

  stats(): Record<string, number> {
    return this.#counts;
  }

  /** There is nothing to switch off. */
  setAdminUp(): void {}

  sent(packets: number, bytes: number): void {
    this.#counts.tx_packets += packets;
    this.#counts.tx_bytes += bytes;
  }

  received(packets: number, bytes: number): void {
    this.#counts.rx_packets += packets;
    this.#counts.rx_bytes += bytes;
  }
}

/** A patch device that is a bridge's port. */
export interface AttachedPatch {
  readonly device: PatchDevice;
  readonly end: PatchEnd;
  /** Translations of its bridge may come out differently now. */
  changed(): void;
}

/** The patch ports of every bridge of one datapath, by name. */
export class PatchPorts {
  readonly #byName = new Map<string, AttachedPatch>();

  add(patch: AttachedPatch): void {
    this.#byName.set(patch.device.name, patch);
    patch.device.pairs = this;
    this.changed(patch.device);
  }

  delete(device: PatchDevice): void {
    if (this.#byName.get(device.name)?.device !== device) return;
    this.changed(device);
    this.#byName.delete(device.name);
    device.pairs = undefined;
  }

  deleteBridge(bridge: XlateBridge): void {
    for (const { device, end } of [...this.#byName.values()]) if (end.bridge === bridge) this.delete(device);
  }

  peerOf({ name, peerName }: PatchDevice): PatchEnd | undefined {
    const peer = this.#byName.get(peerName);
    return peer?.device.peerName === name ? peer.end : undefined;
  }

  /** Tells the bridges at both ends. */
  changed({ name, peerName }: PatchDevice): void {
    this.#byName.get(name)?.changed();
    this.#byName.get(peerName)?.changed();
  }
}
