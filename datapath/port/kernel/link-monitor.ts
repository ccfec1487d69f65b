// Follows one kernel interface by name: its address, MTU, flags and carrier, and how often the carrier came or went.
// One netlink socket per I/O poller hears for all of them.

import type { IoPoller, IoWatch } from '../../../lib/io-poller.ts';
import {
  closeLinkMonitor,
  getLink,
  type Link,
  type LinkChange,
  openLinkMonitor,
  readLinkChanges,
} from '../../../lib/syscalls/net-link.ts';

/** Called with each change, or with undefined when changes were lost and everything must be read again. */
type LinkListener = (change: LinkChange | undefined) => void;

class LinkMonitor {
  readonly #listeners = new Set<LinkListener>();
  readonly #fd: number;
  readonly #watch: IoWatch;

  constructor(io: IoPoller) {
    this.#fd = openLinkMonitor();
    this.#watch = io.watch(this.#fd, () => this.#drain());
  }

  add(listener: LinkListener): void {
    this.#listeners.add(listener);
  }

  /** Returns true when nobody listens any more; the monitor is closed then. */
  remove(listener: LinkListener): boolean {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return false;
    this.#watch.close();
    closeLinkMonitor(this.#fd);
    return true;
  }

  /** One read per readiness: the poller calls again while more waits. */
  #drain(): void {
    const changes = readLinkChanges(this.#fd);
    if (!changes) return;
    const told = changes.length > 0 ? changes : [undefined];
    for (const change of told) for (const listener of [...this.#listeners]) listener(change);
  }
}

const monitors = new WeakMap<IoPoller, LinkMonitor>();

function subscribe(io: IoPoller, listener: LinkListener): () => void {
  const monitor = monitors.get(io) ?? new LinkMonitor(io);
  monitors.set(io, monitor);
  monitor.add(listener);
  return () => {
    if (monitor.remove(listener)) monitors.delete(io);
  };
}

export class KernelLink {
  readonly name: string;
  readonly #changed: () => void;
  readonly #unsubscribe: () => void;
  #link: Link | undefined;
  #linkResets = 0;

  /** Reads the link as it is now, then calls `changed` after it changed, came or went. Throws SyscallError. */
  constructor(name: string, io: IoPoller, changed: () => void) {
    this.name = name;
    this.#changed = changed;
    this.#unsubscribe = subscribe(io, (change) => this.#hear(change));
    try {
      this.#link = getLink(name);
    } catch (error) {
      this.#unsubscribe();
      throw error;
    }
  }

  /** undefined while the current network namespace has no interface of that name. */
  get link(): Link | undefined {
    return this.#link;
  }

  get linkResets(): number {
    return this.#linkResets;
  }

  /** Reads the link again, statistics included, without telling `changed`. */
  refresh(): Link | undefined {
    this.#set(getLink(this.name));
    return this.#link;
  }

  close(): void {
    this.#unsubscribe();
  }

  #hear(change: LinkChange | undefined): void {
    if (!change) {
      this.#tell(getLink(this.name));
      return;
    }
    const { kind, link } = change;
    if (link.ifindex === this.#link?.ifindex) this.#tell(kind === 'new' && link.name === this.name ? link : undefined);
    else if (kind === 'new' && link.name === this.name) this.#tell(link);
  }

  #tell(link: Link | undefined): void {
    if (this.#set(link)) this.#changed();
  }

  /** Returns true when something that a port shows differs. */
  #set(link: Link | undefined): boolean {
    const before = this.#link;
    this.#link = link;
    if ((before?.carrier ?? false) !== (link?.carrier ?? false)) this.#linkResets++;
    const shown = (of: Link | undefined) => of && [of.ifindex, of.mac, of.mtu, of.adminUp, of.carrier].join();
    return shown(before) !== shown(link);
  }
}
