import { describe, expect, it } from 'vitest';
import { RecircTable } from '../../../../ofproto/upcall/recirc-table.ts';
import type { FrozenState } from '../../../../ofproto/xlate/freeze.ts';
import { SwitchFixture } from '../../../support/switch-fixture.ts';

const { snapshot } = new SwitchFixture().br0;

function state(inPort: number): FrozenState {
  const rest = { stack: [], actionSet: [], frames: [], mirrored: [] };
  return { bridge: snapshot, inPort, tableId: 0, metadata: new Uint8Array(256), ...rest };
}

describe('RecircTable', () => {
  it('gives equal states one id, and others another', () => {
    const table = new RecircTable();
    expect([table.acquire(state(1)), table.acquire(state(2)), table.acquire(state(1))]).toEqual([1, 2, 1]);
  });

  it('keeps an id while somebody uses it, and a little longer', () => {
    const table = new RecircTable();
    const id = table.acquire(state(1));
    table.hold(id);
    table.release(id, 0);
    table.expire(100_000);
    expect(table.get(id)).toEqual(state(1));
    table.release(id, 100_000);
    table.expire(100_500);
    expect(table.get(id)).toBeDefined();
    table.expire(101_000);
    expect(table.get(id)).toBeUndefined();
    expect(table.size).toBe(0);
  });

  it('takes an idle id up again', () => {
    const table = new RecircTable();
    const id = table.acquire(state(1));
    table.release(id, 0);
    expect(table.acquire(state(1))).toBe(id);
    table.expire(10_000);
    expect(table.get(id)).toBeDefined();
  });
});
