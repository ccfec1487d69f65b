// What the model's eSwitch can do: all that the hot module does without asking anybody.

import { SET_LAYOUT, type SetHeader } from '../../actions.ts';
import { type DpAction, nestedLists } from '../../dpif.ts';
import {
  KEY_CT_IPV6_SRC,
  KEY_CT_MARK,
  KEY_CT_STATE,
  KEY_DP_HASH,
  KEY_NSH_FLAGS,
  KEY_SIZE,
} from '../../layout/flow-key.ts';
import { METER_BAND_MAX } from '../../layout/meter.ts';
import { isBeyond } from '../offload/match-fields.ts';
import type { HardwareFlow, MeterCapabilities, NicCapabilities, OffloadAction } from '../provider.ts';
import type { CardSettings } from './settings.ts';

/** The hot module's other meters count what outputs are given (output-counters.ts). */
const CARD_METERS = 65536;

/** Written by software for software. */
const SOFTWARE_HEADERS: readonly SetHeader[] = ['skb_priority', 'pkt_mark'];

const ACTIONS: ReadonlySet<OffloadAction> = new Set<OffloadAction>([
  'output',
  'push_vlan',
  'pop_vlan',
  'trunc',
  'clone',
  'meter',
  'push_mpls',
  'pop_mpls',
  'check_pkt_len',
  ...(Object.keys(SET_LAYOUT) as SetHeader[])
    .filter((header) => !SOFTWARE_HEADERS.includes(header))
    .map((header) => `set(${header})` as const),
]);

/** Everything but what software made of the packet: hashes, marks, connections. */
function matches(): Uint8Array {
  const bits = new Uint8Array(KEY_SIZE).fill(0xff);
  bits.fill(0, KEY_DP_HASH, KEY_CT_STATE + 4);
  bits.fill(0, KEY_CT_MARK, KEY_NSH_FLAGS);
  bits.fill(0, KEY_CT_IPV6_SRC);
  return bits;
}

const MATCHES = matches();

const METERS: MeterCapabilities = {
  max: CARD_METERS,
  bandMax: METER_BAND_MAX,
  bandTypes: new Set(['drop', 'dscp_remark']),
};

export function capabilitiesOf({ mode, tableSize, outputMax }: CardSettings): NicCapabilities {
  const flows = mode === 'switchdev' ? tableSize : 0;
  return {
    matches: MATCHES,
    actions: ACTIONS,
    outputMax,
    tableSize: flows,
    counters: true,
    outputCounters: true,
    meters: METERS,
  };
}

function nameOf(action: DpAction): OffloadAction {
  return action.type === 'set' ? `set(${action.header})` : action.type;
}

/** All actions, the nested ones too. */
export function* eachAction(actions: readonly DpAction[]): Generator<DpAction> {
  for (const action of actions) {
    yield action;
    for (const list of nestedLists(action)) yield* eachAction(list);
  }
}

/** Why a card of these capabilities cannot take the flow; undefined when it can. */
export function unsupported(flow: HardwareFlow, { matches, actions, outputMax }: NicCapabilities): string | undefined {
  if (isBeyond(flow.mask, matches)) return 'matches a field that the card does not parse';
  let outputs = 0;
  for (const action of eachAction(flow.actions)) {
    if (!actions.has(nameOf(action))) return `action ${nameOf(action)}`;
    if (action.type === 'output') outputs++;
  }
  return outputs > outputMax ? `${outputs} outputs: at most ${outputMax}` : undefined;
}
