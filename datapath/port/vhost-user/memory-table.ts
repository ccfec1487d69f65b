// The memory table of one front-end, as the protocol sees it: which regions there are, and where the front-end's
// virtual addresses lie in the guest's physical ones. Mapping is the device's business (services.ts).

import { ProtocolError } from '../../../lib/errors.ts';
import type { WireRegion } from './protocol.ts';

/** Regions that ADD_MEM_REG may bring the table up to. */
export const MEM_SLOTS_MAX = 64;

const hex = (value: bigint) => `0x${value.toString(16)}`;

function overlap(startA: bigint, sizeA: bigint, startB: bigint, sizeB: bigint): boolean {
  return startA < startB + sizeB && startB < startA + sizeA;
}

/** Throws ProtocolError when `region` shares an address of either kind with one of `others`. */
function checkDisjoint(region: WireRegion, others: readonly WireRegion[]): void {
  for (const other of others) {
    if (
      overlap(region.guestAddr, region.size, other.guestAddr, other.size) ||
      overlap(region.userAddr, region.size, other.userAddr, other.size)
    ) {
      throw new ProtocolError(
        'vhost-user-memory-overlap',
        `memory regions at guest addresses ${hex(other.guestAddr)} and ${hex(region.guestAddr)} overlap`,
      );
    }
  }
}

const sameRegion = (a: WireRegion, b: WireRegion) =>
  a.guestAddr === b.guestAddr && a.userAddr === b.userAddr && a.size === b.size;

/** Immutable: a change makes a new table, so that a failed one leaves the old in place. */
export class MemoryTable {
  readonly regions: readonly WireRegion[];

  /** Throws ProtocolError when regions overlap or there are too many. */
  constructor(regions: readonly WireRegion[]) {
    if (regions.length > MEM_SLOTS_MAX) {
      throw new ProtocolError('vhost-user-memory-count', `more than ${MEM_SLOTS_MAX} memory regions`);
    }
    for (const [index, region] of regions.entries()) checkDisjoint(region, regions.slice(0, index));
    this.regions = regions;
  }

  with(region: WireRegion): MemoryTable {
    return new MemoryTable([...this.regions, region]);
  }

  /** Throws ProtocolError when there is no such region: address, size and user address must be those it was added with. */
  without(region: WireRegion): MemoryTable {
    const left = this.regions.filter((known) => !sameRegion(known, region));
    if (left.length === this.regions.length) {
      throw new ProtocolError(
        'vhost-user-memory-unknown',
        `no memory region at guest address ${hex(region.guestAddr)}`,
      );
    }
    return new MemoryTable(left);
  }

  /** The guest-physical address of a front-end's virtual one; undefined outside of the table. */
  guestAddrOf(userAddr: bigint): bigint | undefined {
    const region = this.regions.find((r) => userAddr >= r.userAddr && userAddr - r.userAddr < r.size);
    return region && region.guestAddr + (userAddr - region.userAddr);
  }
}
