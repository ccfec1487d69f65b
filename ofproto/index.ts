// The door of the slow path: `createBacker(dpif, clock)` and its bridges.

import type { DpFlow, Dpif } from '../datapath/dpif.ts';
import type { Clock } from '../lib/clock.ts';
import type { UserspaceText } from './odp-text/format-actions.ts';
import { Ofproto } from './ofproto.ts';
import { Backer } from './upcall/backer.ts';
import type { SlowPathSettings } from './upcall/settings.ts';

export type { Ofproto } from './ofproto.ts';

export type { SlowPathSettings } from './upcall/settings.ts';

/** The slow path of one datapath. `revalidate` is revalidator/wait; the others are named as the commands are. */
export interface SlowPath {
  /** A bridge without ports, in no fail mode; its owner adds LOCAL and the others. */
  createOfproto(name: string): Ofproto;
  /** Resolves when a whole round of revalidation that began after the call is done. */
  revalidate(): Promise<void>;
  /** Resolves when megaflows stay as they are, until `resume`. */
  pause(): Promise<void>;
  resume(): void;
  /** Removes every megaflow; statistics are credited to their rules first. */
  purge(): Promise<void>;
  /** What a `userspace` action's cookie stands for, for the text of datapath flows. */
  readonly controller: (cookie: number) => UserspaceText | undefined;
  /** The whole key of the packet that a megaflow was made for. */
  readonly packetKey: (flow: DpFlow) => Uint8Array | undefined;
  /** How many VLAN tags flows see. */
  vlanLimit(): number;
  /** How many megaflows the slow path lets be there now. */
  flowLimit(): number;
  /** `upcall/set-flow-limit`: until the next round adapts it. */
  setFlowLimit(limit: number): void;
  configure(settings: SlowPathSettings): void;
  /** While true, flows are being restored: packets are not translated but dropped, and nothing expires. */
  awaitFlows(isWaiting: boolean): void;
  /** How long the last round took. */
  dumpDurationMs(): number;
  close(): void;
}

/** Becomes the upcall sink of `dpif`. */
export function createBacker(dpif: Dpif, clock: Clock): SlowPath {
  const backer = new Backer(dpif, clock);
  const bridges = new Set<Ofproto>();
  dpif.onPortChange((port) => {
    for (const bridge of bridges) bridge.portChanged(port);
  });
  return {
    createOfproto: (name) => {
      const ofproto = new Ofproto(name, backer, () => bridges.delete(ofproto));
      bridges.add(ofproto);
      return ofproto;
    },
    revalidate: () => backer.revalidate(),
    pause: () => backer.revalidator.walks.pause(),
    resume: () => backer.revalidator.walks.resume(),
    purge: () => backer.purge(),
    controller: (cookie) => backer.controller(cookie),
    packetKey: (flow) => backer.revalidator.packetKey(flow),
    vlanLimit: () => backer.vlanLimit,
    flowLimit: () => backer.flowLimit(),
    setFlowLimit: (limit) => backer.revalidator.limit.set(limit),
    configure: (settings) => backer.configure(settings),
    awaitFlows: (isWaiting) => backer.awaitFlows(isWaiting),
    dumpDurationMs: () => backer.dumpDurationMs(),
    close: () => backer.close(),
  };
}
