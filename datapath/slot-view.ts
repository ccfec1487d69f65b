// An upcall as the control thread reads it: a slot of a datapath thread, with what it asks and the packet.

import type { ArenaViews } from './arena/arena.ts';
import { type Offset, toOffset } from './arena/offset.ts';
import type { Upcall } from './dpif.ts';
import { KEY_SIZE } from './layout/flow-key.ts';
import { SLOT_DATA } from './layout/memory-map.ts';
import {
  SLOT_COOKIE,
  SLOT_FRAME_SIZE,
  SLOT_IN_PORT,
  SLOT_KEY,
  SLOT_KIND,
  SLOT_KIND_MISS,
  SLOT_LEN,
  SLOT_OUT_PORT,
} from './layout/thread-block.ts';

/** A slot as the control side reads it; buffers are views that the datapath reuses after the verdict. */
export class SlotView implements Upcall {
  readonly thread: number;
  readonly slot: number;
  readonly #views: ArenaViews;
  readonly #at: Offset;
  #key: Uint8Array | undefined;

  constructor(views: ArenaViews, thread: number, slot: number, at: Offset) {
    this.#views = views;
    this.#at = at;
    this.thread = thread;
    this.slot = slot;
  }

  #word(offset: number): number {
    return this.#views.u32[(this.#at + offset) >> 2]!;
  }

  get isMiss(): boolean {
    return this.#word(SLOT_KIND) === SLOT_KIND_MISS;
  }

  get reason(): Upcall['reason'] {
    return this.isMiss ? 'miss' : 'action';
  }

  get inPort(): number {
    return this.#word(SLOT_IN_PORT);
  }

  get outPort(): number {
    return this.#word(SLOT_OUT_PORT);
  }

  get cookie(): number {
    return this.#word(SLOT_COOKIE);
  }

  get frameSize(): number {
    return this.#word(SLOT_FRAME_SIZE);
  }

  get packet(): Uint8Array {
    return this.#views.u8.subarray(this.#at + SLOT_DATA, this.#at + SLOT_DATA + this.#word(SLOT_LEN));
  }

  /** Where the key lies, of a miss. */
  get keyAt(): Offset {
    return toOffset(this.#at + SLOT_KEY);
  }

  get key(): Uint8Array {
    this.#key ??= this.#views.u8.subarray(this.keyAt, this.keyAt + KEY_SIZE);
    return this.#key;
  }
}
