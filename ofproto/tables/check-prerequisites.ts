// Whether the fields that a flow's actions read and write can have a meaning in the packets that it matches
// (ovs-fields(7), "Prerequisites"): set_field of ip_src needs a match on IPv4, or what a flow-mod asks for is a mistake.

import type { OfAction } from '../model/actions.ts';
import type { Field } from '../model/field.ts';
import { type Flow, KEY_VLAN0_TCI, VLAN_CFI } from '../model/flow.ts';
import { OfError } from '../model/flow-mod.ts';
import { prerequisitesMet } from '../model/prerequisites.ts';

/** Throws OfError OFPBAC_MATCH_INCONSISTENT. `flow` is what is known of the packets: a match's values, or a packet's. */
export function checkPrerequisites(actions: readonly OfAction[], flow: Flow): void {
  let known = flow;
  for (const action of actions) {
    for (const f of fieldsOf(action)) {
      if (!prerequisitesMet(known, f)) {
        throw new OfError('OFPBAC_MATCH_INCONSISTENT', `${action.type}: ${f.name} lacks its prerequisites`);
      }
    }
    // Matching vlan_vid needs nothing, because it says itself whether there is a tag; setting it needs one.
    if (action.type === 'set_field' && action.field.name === 'vlan_vid' && !(known.u16(KEY_VLAN0_TCI) & VLAN_CFI)) {
      throw new OfError('OFPBAC_MATCH_INCONSISTENT', 'set_field: vlan_vid needs a VLAN tag');
    }
    if (action.type === 'clone' || action.type === 'write_actions') checkPrerequisites(action.actions, known);
    known = afterVlanAction(action, known);
  }
}

function fieldsOf(action: OfAction): readonly Field[] {
  switch (action.type) {
    case 'set_field':
      return [action.field];
    case 'reg_move':
      return [action.src.field, action.dst.field];
    case 'output_reg':
      return [action.src.field];
    case 'stack_push':
    case 'stack_pop':
      return [action.subfield.field];
    default:
      return [];
  }
}

/** Tags come and go on the way, and with them the right to set their fields. */
function afterVlanAction(action: OfAction, known: Flow): Flow {
  switch (action.type) {
    case 'push_vlan':
      return withTci(known, VLAN_CFI);
    case 'set_vlan_vid':
    case 'set_vlan_pcp':
      return action.pushIfNeeded ? withTci(known, VLAN_CFI) : known;
    case 'pop_vlan':
      return withTci(known, 0);
    default:
      return known;
  }
}

function withTci(known: Flow, tci: number): Flow {
  const changed = known.clone();
  changed.setU16(KEY_VLAN0_TCI, tci);
  return changed;
}
