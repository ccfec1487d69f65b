// What all connections of one bridge share: the bridge itself, its description, and who is master.

import { OfError } from '../model/flow-mod.ts';
import type { FragHandling } from '../model/messages.ts';
import type { OfprotoApi } from '../ofproto-api.ts';
import type { SwitchDescription } from './connmgr-api.ts';
import type { Session } from './session.ts';
import { TableConfigs } from './table-configs.ts';
import { TlvTable } from './tlv-table.ts';

export class SwitchState {
  readonly ofproto: OfprotoApi;
  description: SwitchDescription = {};
  frag: FragHandling = 'normal';
  readonly tables = new TableConfigs();
  readonly tlvTable = new TlvTable();
  /** Live OpenFlow sessions. */
  readonly sessions = new Set<Session>();
  /** Called when a role, or what a session wants to hear, changed. */
  readonly changed: () => void;
  #generationId: bigint | undefined;

  constructor(ofproto: OfprotoApi, changed: () => void) {
    this.ofproto = ofproto;
    this.changed = changed;
  }

  get generationId(): bigint | undefined {
    return this.#generationId;
  }

  /**
   * Notes the generation of a master election. Throws OfError OFPRRFC_STALE for one older than the last, by signed
   * distance as OpenFlow 1.3.5, 6.3.5 has it.
   */
  checkGeneration(generationId: bigint): void {
    const last = this.#generationId;
    if (last !== undefined && BigInt.asIntN(64, generationId - last) < 0n) throw new OfError('OFPRRFC_STALE');
    this.#generationId = generationId;
  }

  /** Makes `session` the only master. */
  promote(session: Session): void {
    for (const other of this.sessions) if (other.role === 'master' && other !== session) other.demote();
    session.role = 'master';
  }
}
