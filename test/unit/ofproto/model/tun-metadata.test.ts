import { afterEach, describe, expect, it } from 'vitest';
import type { Field } from '../../../../ofproto/model/field.ts';
import { bytesOf, getFieldNumber, matchField, setField } from '../../../../ofproto/model/fields.ts';
import { emptyMatch, FLOW_SIZE, FLOW_TUN_METADATA, Flow } from '../../../../ofproto/model/flow.ts';
import {
  deleteTunMetadata,
  hasTunMetadata,
  matchedTunMetadata,
  releaseSlot,
  takeSlot,
} from '../../../../ofproto/model/tun-metadata.ts';
import { formatMatch } from '../../../../ofproto/text/format-match.ts';

const taken: Field[] = [];
afterEach(() => {
  for (const field of taken.splice(0)) releaseSlot(field);
});

function take(index: number, size: number): Field {
  const field = takeSlot(index, size)!;
  taken.push(field);
  return field;
}

describe('takeSlot()', () => {
  it('shares a slot between bridges that map a field alike, until the last lets go of it', () => {
    const one = take(3, 4);
    expect(take(3, 4)).toBe(one);
    const other = take(3, 8);
    expect(other.offset).toBe(one.offset + 4);
    releaseSlot(taken.shift()!);
    expect(take(3, 4)).toBe(one);
  });

  it('takes the first place with room, and none past the end of a Flow', () => {
    const [first, second] = [take(0, 124), take(1, 124)];
    expect(takeSlot(2, 12)).toBeUndefined();
    const last = take(2, 8);
    expect(last.offset + last.size).toBe(FLOW_SIZE);
    releaseSlot(first);
    taken.splice(taken.indexOf(first), 1);
    expect([take(4, 100).offset, take(5, 24).offset]).toEqual([FLOW_TUN_METADATA, FLOW_TUN_METADATA + 100]);
    expect(second.offset).toBe(FLOW_TUN_METADATA + 124);
  });
});

describe('tunnel metadata', () => {
  it('is there in a flow from when it is written until it is deleted', () => {
    const field = take(7, 4);
    const flow = new Flow();
    expect(hasTunMetadata(flow)).toBe(false);
    setField(flow, field, bytesOf(0n, 4));
    expect(hasTunMetadata(flow)).toBe(true);
    setField(flow, field, bytesOf(5n, 4));
    deleteTunMetadata(flow, field);
    expect(hasTunMetadata(flow)).toBe(false);
    // As in Open vSwitch.
    expect(getFieldNumber(flow, field)).toBe(5);
  });

  it('is printed in the order of the fields, without a value when it is only asked to be there', () => {
    const [late, early] = [take(9, 8), take(2, 4)];
    const match = emptyMatch();
    matchField(match, late, bytesOf(0x50n, 8), bytesOf(0xf0n, 8));
    matchField(match, early, bytesOf(0n, 4), bytesOf(0n, 4));
    expect(matchedTunMetadata(match)).toEqual([early, late]);
    expect(formatMatch(match)).toBe('tun_metadata2,tun_metadata9=0x50/0xf0');
  });
});
