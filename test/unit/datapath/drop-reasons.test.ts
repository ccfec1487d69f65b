import { describe, expect, it } from 'vitest';
import { BROKEN_REASONS, DROP_REASONS } from '../../../datapath/drop-reasons.ts';
import * as layout from '../../../datapath/layout/drop-reasons.ts';

/** `DROP_TX_RING_FULL` to `tx-ring-full`. */
const toName = (constant: string) => constant.replace('DROP_', '').toLowerCase().replaceAll('_', '-');

describe('drop reasons', () => {
  it('have a name and a help text for every number of the layout', () => {
    expect(DROP_REASONS).toHaveLength(layout.DROP_REASON_COUNT);
    for (const [constant, number] of Object.entries(layout)) {
      if (!constant.startsWith('DROP_') || constant === 'DROP_REASON_COUNT') continue;
      const [name, help] = DROP_REASONS[number]!;
      // The longest two are shortened for people; the order is what counts.
      expect([name, 'upcall-queue-full']).toContain(
        constant === 'DROP_UPCALL_FULL' ? 'upcall-queue-full' : toName(constant),
      );
      expect(help.length).toBeGreaterThan(5);
    }
  });

  it('of broken virtqueues are as many as the layout numbers', () => {
    const numbers = Object.entries(layout).filter(([name]) => name.startsWith('BROKEN_'));
    expect(BROKEN_REASONS).toHaveLength(numbers.length);
  });
});
