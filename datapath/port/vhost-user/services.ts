// What a vhost-user session needs of the datapath: guest memory in the arena and rings on PMD threads. The session
// speaks the protocol and knows nothing of either; the datapath implements this and knows nothing of messages.
//
// Rings come in pairs: even index, the guest receives (we enqueue); odd index, the guest transmits (we dequeue).

/** One region of a front-end's memory table. Sizes and addresses in bytes; checked against overlap and overflow. */
export interface GuestRegion {
  /** Guest-physical address. */
  readonly guestAddr: bigint;
  /** The front-end's own virtual address of the same memory: ring addresses come in these. */
  readonly userAddr: bigint;
  readonly size: bigint;
  readonly fd: number;
  /** Where the region begins in the file behind `fd`. */
  readonly mmapOffset: bigint;
}

/** Where the pages of guest memory that were written are noted while the guest migrates, a bit for each 4 KiB. */
export interface LogFile {
  readonly fd: number;
  /** Bytes. */
  readonly size: number;
  /** Where the log begins in the file. */
  readonly offset: number;
}

export interface RingSetup {
  /** Descriptors; a power of two up to 32768. */
  readonly size: number;
  /** Guest-physical addresses of the three parts of a split ring. */
  readonly descAddr: bigint;
  readonly availAddr: bigint;
  readonly usedAddr: bigint;
  /** The avail index of the next chain to take; the used index goes on from the same place. */
  readonly lastAvailIndex: number;
  /** Eventfd to call the guest with, -1: the guest polls. The device's own: it closes it once no PMD can write to it. */
  readonly callFd: number;
  /** Negotiated virtio features. */
  readonly features: bigint;
  /** The guest address by which writes to the used ring are noted in the log; absent: they are not. */
  readonly usedLogAddr?: bigint;
  /** Whether it passes packets from the start: in a moment of being disabled, what waits in it would be discarded. */
  readonly enabled: boolean;
}

export interface VhostServices {
  /** A device for one front-end connection on the port of this name. */
  createDevice(portName: string): VhostDevice;
}

export interface VhostDevice {
  /**
   * Replaces the memory table, mapping the regions into the arena. Owns the descriptors from here on, also when it
   * throws. UserError (what was asked, what is free) leaves the old table in place. The old table is unmapped after
   * quiescence; rings that run must have been stopped before.
   */
  setMemory(regions: readonly GuestRegion[]): void;
  /** Maps one region more. */
  addMemory(region: GuestRegion): void;
  /** Unmaps, after quiescence, the region at these addresses. */
  removeMemory(region: Omit<GuestRegion, 'fd'>): void;
  /**
   * Hands a ring to the PMD threads. Throws ProtocolError `vhost-user-ring-address` when
   * a part lies outside of the memory table, `vhost-user-ring-alignment` when it is not aligned (16, 2, 4). Owns callFd also when it throws.
   */
  startRing(index: number, ring: RingSetup): void;
  /** A disabled ring that the guest transmits on is consumed and discarded. */
  setRingEnabled(index: number, enabled: boolean): void;
  /** Replaces a running ring's call eventfd, as callFd of RingSetup; the old one is closed after quiescence. */
  setCallFd(index: number, fd: number): void;
  /** Resolves when no PMD touches the ring any more, with where it stopped. */
  stopRing(index: number): Promise<{ lastAvailIndex: number }>;
  /**
   * Notes what is written into guest memory there from now on, or nowhere (undefined); resolves when every write of
   * before is over. Owns the descriptor, also when it rejects: UserError, when the log cannot be mapped. A device without it
   * cannot note its writes (a card's).
   */
  setLog?(log: LogFile | undefined): Promise<void>;
  /** Called when a ring was found to lie; it stays broken until it is stopped and started again. */
  onRingBroken(listener: (index: number, reason: string) => void): void;
  /** Stops all rings and unmaps everything after quiescence. */
  close(): Promise<void>;
}
