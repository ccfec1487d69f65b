// What becomes of a flow in the text of dumps and in the flow statistics of other versions than it was given in.
import { describe, expect, it } from 'vitest';
import type { FlowMod } from '../../../../ofproto/model/flow-mod.ts';
import { formatActions } from '../../../../ofproto/text/format-actions.ts';
import { formatMatch } from '../../../../ofproto/text/format-match.ts';
import { decodeMessage, encodeMessage } from '../../../../ofproto/wire/index.ts';
import { DUMP_VECTORS } from './vectors-dumps.ts';

const MULTIPART_HEADER = 16;

function decoded(hex: string): FlowMod {
  const message = decodeMessage(new Uint8Array(Buffer.from(hex, 'hex')));
  if (message.type !== 'flow_mod') throw new Error(message.type);
  return message.mod;
}

/** The one entry of flow statistics that a flow gives in `version`, as old as it is new. */
function entryOf(mod: FlowMod, version: number): string {
  const { tableId = 0, match, priority, idleTimeout, hardTimeout, flags, importance, cookie, actions } = mod;
  const times = { durationMs: 0, idleAgeMs: 0, hardAgeMs: -1, idleTimeout, hardTimeout };
  const counts = { cookie, importance, packets: 0n, bytes: 0n };
  const flow = { tableId: tableId === 255 ? 0 : tableId, match, priority, flags, ...times, ...counts, actions };
  const reply = { type: 'flow_stats_reply', xid: 0, format: 'standard', flows: [flow], more: false } as const;
  const [message] = encodeMessage(reply, version);
  return Buffer.from(message!).subarray(MULTIPART_HEADER).toString('hex');
}

describe.each(DUMP_VECTORS)('$given', ({ mod, text, over13, over15 }) => {
  it('is printed as Open vSwitch does', () => {
    const { match, priority, actions } = decoded(mod);
    expect(`${formatMatch(match, priority)},actions=${formatActions(actions)}`).toBe(text);
  });

  it.each([
    [4, over13],
    [6, over15],
  ])('is the same in version %i', (version, entry) => expect(entryOf(decoded(mod), version)).toBe(entry));
});
