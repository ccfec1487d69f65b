// NXT_TLV_TABLE_*: which Geneve option each tun_metadata field stands for (ovs-fields(7), "Geneve").
//
//   mod      command u16 | pad 6 | mappings
//   reply    option space u32 | fields u16 | reserved 10 | mappings
//   mapping  class u16 | type u8 | length u8 | index u16 | pad 2

import type { Reader, Writer } from '../../lib/cursors.ts';
import { OfError } from '../model/flow-mod.ts';
import type { TlvMapping, TlvTableMod } from '../model/messages.ts';
import { TUN_METADATA_FIELDS } from '../model/tun-metadata.ts';
import { always, type Codec, codec, emptyCodec } from './codec.ts';

const COMMANDS: readonly TlvTableMod['command'][] = ['add', 'delete', 'clear'];

/** An option's length is a multiple of 4 bytes. */
const OPTION_LENGTH_MAX = 124;

function decodeMappings(r: Reader): TlvMapping[] {
  const mappings: TlvMapping[] = [];
  while (r.remaining > 0) {
    const mapping = { optionClass: r.u16(), optionType: r.u8(), optionLength: r.u8(), index: r.u16() };
    r.skip(2);
    mappings.push(mapping);
  }
  return mappings;
}

function encodeMappings(w: Writer, mappings: readonly TlvMapping[]): void {
  for (const { optionClass, optionType, optionLength, index } of mappings) {
    w.u16(optionClass).u8(optionType).u8(optionLength).u16(index).zeros(2);
  }
}

function decodeMod(r: Reader): TlvTableMod {
  const command = COMMANDS[r.u16()];
  if (!command) throw new OfError('NXTTMFC_BAD_COMMAND');
  r.skip(6);
  const mappings = decodeMappings(r);
  for (const { optionLength, index } of mappings) {
    if (optionLength % 4 !== 0 || optionLength > OPTION_LENGTH_MAX) throw new OfError('NXTTMFC_BAD_OPT_LEN');
    if (index >= TUN_METADATA_FIELDS) throw new OfError('NXTTMFC_BAD_FIELD_IDX');
  }
  return { command, mappings };
}

export const TLV_TABLE_CODECS: readonly Codec[] = [
  codec('tlv_table_mod', always('n24'), decodeMod, (w, { command, mappings }) => {
    encodeMappings(w.u16(COMMANDS.indexOf(command)).zeros(6), mappings);
  }),
  emptyCodec('tlv_table_request', always('n25')),
  codec(
    'tlv_table_reply',
    always('n26'),
    (r) => {
      const limits = { maxOptionSpace: r.u32(), maxFields: r.u16() };
      r.skip(10);
      return { ...limits, mappings: decodeMappings(r) };
    },
    (w, body) => encodeMappings(w.u32(body.maxOptionSpace).u16(body.maxFields).zeros(10), body.mappings),
  ),
];
