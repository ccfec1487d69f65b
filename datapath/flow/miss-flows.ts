// The flow that a port's packets without a megaflow get (hot/port-miss.ts), and the one source address that they may
// have: records beside the megaflows, one for each port that has one, reached through the port's record only.

import type { DpAction } from '../actions.ts';
import type { Arena } from '../arena/arena.ts';
import { NONE, type Offset, toOffset } from '../arena/offset.ts';
import type { Quiescence } from '../arena/quiesce.ts';
import type { FlowStats } from '../dpif.ts';
import { FLOW_ACTIONS, FLOW_ALIVE, FLOW_FAST_OUT, FLOW_INDEX, PORT_MISS, PORT_SOURCE } from '../layout/flow.ts';
import { FLOW_SLOT_SIZE, FLOW_TABLE, PORT_SIZE, PORT_TABLE } from '../layout/memory-map.ts';
import type { ActionList } from './action-lists.ts';
import type { FlowTable } from './flow-table.ts';

interface MissFlow {
  readonly index: number;
  readonly list: ActionList;
}

export class MissFlows {
  readonly #arena: Arena;
  readonly #quiescence: Quiescence;
  readonly #table: FlowTable;
  readonly #flows = new Map<number, MissFlow>();

  constructor(arena: Arena, quiescence: Quiescence, table: FlowTable) {
    this.#arena = arena;
    this.#quiescence = quiescence;
    this.#table = table;
  }

  /** Replaces the port's miss flow, whose counters begin anew; undefined: packets without a megaflow are upcalls. */
  set(odpPort: number, actions: readonly DpAction[] | undefined): void {
    const old = this.#flows.get(odpPort);
    this.#flows.delete(odpPort);
    const flow = actions && this.#make(odpPort, actions);
    Atomics.store(this.#arena.views.u32, (PORT_TABLE + odpPort * PORT_SIZE + PORT_MISS) >> 2, flow ?? NONE);
    if (!old) return;
    this.#quiescence.defer(() => {
      this.#table.lists.release(old.list);
      this.#table.returnIndex(old.index);
    });
  }

  /** What took the port's miss flow. */
  stats(odpPort: number): FlowStats | undefined {
    const flow = this.#flows.get(odpPort);
    return flow && this.#table.statsOf(flow.index);
  }

  /** Packets without a megaflow must have this source address; undefined: any. */
  setSource(odpPort: number, mac: Uint8Array | undefined): void {
    const word = new BigUint64Array(1);
    if (mac) new Uint8Array(word.buffer).set(mac);
    Atomics.store(this.#arena.views.u64, (PORT_TABLE + odpPort * PORT_SIZE + PORT_SOURCE) >> 3, word[0]!);
  }

  #make(odpPort: number, actions: readonly DpAction[]): Offset | undefined {
    const index = this.#table.takeIndex();
    if (index === undefined) return undefined;
    const list = this.#table.lists.acquire(actions);
    const { u32 } = this.#arena.views;
    const at = toOffset(FLOW_TABLE + index * FLOW_SLOT_SIZE);
    u32[(at + FLOW_ACTIONS) >> 2] = list.offset;
    u32[(at + FLOW_INDEX) >> 2] = index;
    u32[(at + FLOW_FAST_OUT) >> 2] = list.fastOutput;
    u32[(at + FLOW_ALIVE) >> 2] = 0;
    this.#flows.set(odpPort, { index, list });
    return at;
  }
}
