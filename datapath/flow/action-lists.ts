// Action lists in the heap, one for all flows and answers that run the same words: most megaflows of a switch share a few
// lists, which then stay in the PMD threads' caches.

import { encodeActions, fastOutput } from '../action-codec.ts';
import type { DpAction } from '../actions.ts';
import type { ArenaViews } from '../arena/arena.ts';
import type { Heap } from '../arena/heap.ts';
import type { Offset } from '../arena/offset.ts';
import { NO_PORT } from '../layout/flow.ts';

export interface ActionList {
  readonly offset: Offset;
  /** What a single output is for all its users; others can be spelled in more ways than one. */
  readonly actions: readonly DpAction[];
  /** The port of a list that is a single output, else NO_PORT. */
  readonly fastOutput: number;
  readonly key: string | number;
  users: number;
}

export class ActionLists {
  readonly #views: ArenaViews;
  readonly #heap: Heap;
  /** By port for a single output, by their words for all others. */
  readonly #lists = new Map<string | number, ActionList>();

  constructor(views: ArenaViews, heap: Heap) {
    this.#views = views;
    this.#heap = heap;
  }

  /** The list that runs `actions`; the caller gives it back with release(). */
  acquire(actions: readonly DpAction[]): ActionList {
    const port = fastOutput(actions);
    const words = port === NO_PORT ? encodeActions(actions) : undefined;
    const key = words ? words.join(' ') : port;
    let list = this.#lists.get(key);
    if (!list) {
      list = { offset: this.#write(words ?? encodeActions(actions)), actions, fastOutput: port, key, users: 0 };
      this.#lists.set(key, list);
    }
    list.users++;
    return list;
  }

  /** One user less; only after no reader can hold it for this user (arena/quiesce.ts). */
  release(list: ActionList): void {
    if (--list.users > 0) return;
    this.#lists.delete(list.key);
    this.#heap.free(list.offset);
  }

  #write(words: readonly number[]): Offset {
    const at = this.#heap.alloc(4 + words.length * 4);
    const { u32 } = this.#views;
    u32[at >> 2] = words.length;
    u32.set(words, (at >> 2) + 1);
    return at;
  }
}
