// Which flow format a connection uses for a set of flows, and switching the connection to it. OpenFlow 1.0's own match is
// preferred; NXM is asked for when a flow needs it, the table_id extension when one names a table.

import { UserError } from '../../../lib/errors.ts';
import type { OfAction } from '../../../ofproto/model/actions.ts';
import type { FlowMod } from '../../../ofproto/model/flow-mod.ts';
import { type FlowFormat, OFP11_VERSION, OFP13_VERSION } from '../../../ofproto/model/messages.ts';
import { checkPrerequisites } from '../../../ofproto/tables/check-prerequisites.ts';
import { fitsMatch10, fitsMatch11 } from '../../../ofproto/wire/index.ts';
import type { OfClient } from './client.ts';
import type { Settings } from './settings.ts';

export interface FlowProtocol {
  readonly format: FlowFormat;
  /** 1.0 with NXT_FLOW_MOD_TABLE_ID. */
  readonly tableId: boolean;
}

/** Instructions that OpenFlow 1.0 has no words for. */
const NEEDS_OF11: ReadonlySet<OfAction['type']> = new Set(['clear_actions', 'write_actions']);
const NEEDS_OF13: ReadonlySet<OfAction['type']> = new Set(['meter']);

/** What one flow needs: the names ovs-ofctl gives in its error message, and whether 1.0 and its match will do. */
function needs(mod: FlowMod): { nxm: boolean; tableId: boolean; later: string | undefined } {
  const has = (set: ReadonlySet<OfAction['type']>) => mod.actions.some(({ type }) => set.has(type));
  const { noPktCounts, noBytCounts } = mod.flags;
  const later =
    has(NEEDS_OF13) || noPktCounts || noBytCounts
      ? 'OXM-OpenFlow13,OXM-OpenFlow14,OXM-OpenFlow15'
      : has(NEEDS_OF11)
        ? 'OXM,OpenFlow11'
        : undefined;
  const nxm = !fitsMatch10(mod.match) || mod.cookieMask !== 0n;
  return { nxm, tableId: mod.tableId !== 255, later };
}

/** Chooses one protocol for all flows. Throws UserError when the settings or the version do not allow any. */
export function chooseProtocol(mods: readonly FlowMod[], version: number, settings: Settings): FlowProtocol {
  checkFormats(version, settings);
  const all = mods.map(needs);
  if (version > 1) {
    // Header actions without their header are for OpenFlow 1.0 (ovs-actions(7), "Actions and match consistency").
    if (!mods.every((mod) => checkPrerequisites(mod.actions, mod.match))) {
      throw unusable('OpenFlow10,NXM', settings.flowFormats ?? [`OXM-OpenFlow1${version - 1}`]);
    }
    checkLater(mods, all, version);
    return { format: 'standard', tableId: false };
  }
  const later = all.find((need) => need.later !== undefined)?.later;
  const allowed = settings.flowFormats ?? ['OpenFlow10', 'OpenFlow10+table_id', 'NXM', 'NXM+table_id'];
  if (later !== undefined) throw unusable(later, settings.flowFormats ? allowed : ['OpenFlow10', 'NXM']);
  const tableId = all.some((need) => need.tableId);
  const nxm = all.some((need) => need.nxm);
  const wanted = [...(nxm ? [] : ['OpenFlow10']), 'NXM'].map((name) => (tableId ? `${name}+table_id` : name));
  const chosen = wanted.find((name) => allowed.includes(name) || (!tableId && allowed.includes(`${name}+table_id`)));
  if (chosen === undefined) throw unusable([...wanted, 'OXM'].join(','), allowed);
  return { format: chosen.startsWith('NXM') ? 'nxm' : 'standard', tableId };
}

/** Throws UserError when 1.1 cannot say a match, or a version before 1.3 has no such thing at all. */
function checkLater(mods: readonly FlowMod[], all: readonly ReturnType<typeof needs>[], version: number): void {
  const allowed = [version === OFP11_VERSION ? 'OpenFlow11' : `OXM-OpenFlow1${version - 1}`];
  const later = all.find((need) => need.later?.startsWith('OXM-OpenFlow13'))?.later;
  if (version < OFP13_VERSION && later !== undefined) throw unusable(later, allowed);
  if (version !== OFP11_VERSION) return;
  const unfit = mods.find((mod) => !fitsMatch11(mod.match));
  if (unfit) throw unusable(unfit.tableId === 255 ? 'OXM,NXM' : 'OXM,NXM+table_id', allowed);
}

/** Each version has formats of its own: -F must leave one. Throws UserError. */
function checkFormats(version: number, { flowFormats, versions }: Settings): void {
  const fits = (name: string) => version > 1 === name.startsWith('OXM');
  if (flowFormats === undefined || flowFormats.some(fits)) return;
  const names = versions.map((v) => `OpenFlow1${v - 1}`).join(', ');
  throw new UserError(
    `None of the enabled OpenFlow versions (${names}) supports any of the enabled flow formats ` +
      `(${flowFormats.join(',')}).  (Use -O to enable additional OpenFlow versions or -F to enable additional flow formats.)`,
  );
}

function unusable(usable: string, allowed: readonly string[]): UserError {
  return new UserError(
    `none of the usable flow formats (${usable}) is among the allowed flow formats (${allowed.join(',')})`,
  );
}

/** Puts the connection into the protocol, each step with a barrier as ovs-ofctl does. */
export async function switchProtocol(client: OfClient, protocol: FlowProtocol): Promise<void> {
  if (client.version > 1) return;
  if (protocol.format === 'nxm') await client.commit({ type: 'set_flow_format', format: 'nxm' });
  if (protocol.tableId) await client.commit({ type: 'flow_mod_table_id', enabled: true });
}

/** The format of flow statistics requests: NXM unless -F says otherwise. */
export function statsFormat(version: number, settings: Settings): FlowFormat {
  checkFormats(version, settings);
  if (version > 1) return 'standard';
  const allowed = settings.flowFormats;
  return allowed === undefined || allowed.some((name) => name.startsWith('NXM')) ? 'nxm' : 'standard';
}
