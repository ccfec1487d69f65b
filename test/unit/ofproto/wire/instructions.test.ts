import { describe, expect, it } from 'vitest';
import { parseActions } from '../../../../ofproto/text/parse-flow.ts';
import { actionBytes } from '../../../../ofproto/wire/actions.ts';

const WRITTEN = '000300180000000000190010800008060a11223344550000';
const METADATA = '0002001800000000000000000000000500000000000000ff';
const NX_METADATA = 'ffff0020000023200016000000000000000000000000000500000000000000ff';

describe('instructions among actions, as in the continuation of a paused packet', () => {
  it.each([
    ['write_actions(mod_dl_src:0a:11:22:33:44:55)', 4, WRITTEN],
    ['write_actions(mod_dl_src:0a:11:22:33:44:55)', 6, WRITTEN],
    ['write_actions(mod_dl_src:0a:11:22:33:44:55)', 1, ''],
    ['clear_actions', 4, '0005000800000000'],
    ['write_metadata:0x5/0xff', 4, METADATA],
    ['write_metadata:0x5/0xff', 1, NX_METADATA],
  ])('%s in version %i', (text, version, hex) => {
    expect(Buffer.from(actionBytes(parseActions(text), version)).toString('hex')).toBe(hex);
  });
});
