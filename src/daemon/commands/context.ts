// What the commands of the control socket work on, and what they share.

import type { DpFlow, Dpif, DpPort } from '../../../datapath/dpif.ts';
import type { Clock } from '../../../lib/clock.ts';
import { UserError } from '../../../lib/errors.ts';
import { OFPP } from '../../../ofproto/model/actions.ts';
import type { UserspaceText } from '../../../ofproto/odp-text/format-actions.ts';
import type { Bridge } from '../bridge/bridge.ts';
import type { Iface } from '../bridge/iface.ts';
import type { Reconciler } from '../bridge/reconciler.ts';

/** The slow path as `upcall/show` and `revalidator/*` see it. */
export interface SlowPathControl {
  /** Resolves when a whole round of revalidation that began after the call is done. */
  revalidate(): Promise<void>;
  /** Resolves when megaflows stay as they are, until `resume`. */
  pause(): Promise<void>;
  resume(): void;
  /** Removes every megaflow; statistics are pushed to their rules first. */
  purge(): Promise<void>;
  /** What a `userspace` action's cookie stands for. */
  readonly controller?: (cookie: number) => UserspaceText | undefined;
  /** The whole key of the packet that a megaflow was made for. */
  readonly packetKey?: (flow: DpFlow) => Uint8Array | undefined;
  /** How many VLAN tags flows see. */
  readonly vlanLimit?: () => number;
  /** How many megaflows the slow path lets be there now. */
  flowLimit(): number;
  /** Until the next round adapts it. */
  setFlowLimit(limit: number): void;
  /** How long the last revalidation took. */
  dumpDurationMs(): number;
}

export interface CommandContext {
  readonly dpif: Dpif;
  readonly reconciler: Reconciler;
  readonly clock: Clock;
  readonly slowPath: SlowPathControl;
}

/** The datapath's name, `netdev@ovs-netdev`; one made of dummy bridges only is named as Open vSwitch names that. */
export function datapathName({ reconciler }: CommandContext): string {
  const types = reconciler.bridges().map((bridge) => bridge.config.datapathType);
  return types.length > 0 && types.every((type) => type === 'dummy') ? 'dummy@ovs-dummy' : 'netdev@ovs-netdev';
}

/** Whether `name` names the datapath, as `netdev@ovs-netdev` or without its type. */
export function isDatapath(context: CommandContext, name: string): boolean {
  const whole = datapathName(context);
  return name === whole || name === whole.split('@')[1];
}

/** Throws UserError unless `name` names the datapath. */
export function checkDatapath(
  context: CommandContext,
  name: string,
  problem = `opening datapath ${name} failed (No such device)`,
): void {
  if (!isDatapath(context, name)) throw new UserError(`ovs-vswitchd: ${problem}`);
}

/** The bridge of that name; throws UserError with `message`. */
export function findBridge({ reconciler }: CommandContext, name: string, message = 'no such bridge'): Bridge {
  const bridge = reconciler.bridge(name);
  if (!bridge) throw new UserError(message);
  return bridge;
}

/** The interface behind a datapath port. */
export function ifaceOf({ reconciler }: CommandContext, port: DpPort): Iface | undefined {
  for (const bridge of reconciler.bridges()) {
    const iface = bridge.iface(port.name);
    if (iface?.dpPort === port) return iface;
  }
  return undefined;
}

/** Datapath port numbers by name. */
export function datapathPort({ dpif }: CommandContext): (name: string) => number | undefined {
  return (name) => dpif.ports().find((port) => port.name === name)?.odpPort;
}

/** `LOCAL`, or the number. */
export function ofPortText(ofPort: number): string {
  return ofPort === OFPP.LOCAL ? 'LOCAL' : String(ofPort);
}

/** Takes options out of `args`: those named, and what is left. */
export function splitOptions(
  args: readonly string[],
  known: readonly string[],
): { options: Set<string>; rest: string[] } {
  const options = new Set(args.filter((arg) => known.includes(arg)));
  return { options, rest: args.filter((arg) => !known.includes(arg)) };
}
