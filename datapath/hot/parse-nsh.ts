// Parse, network service header (RFC 8300, section 2).

import { KEY_NSH_C1, KEY_NSH_FLAGS, KEY_NSH_PATH } from '../layout/flow-key.ts';
import { available, be16 } from './header.ts';
import { Packet } from './views.ts';

const MD_TYPE_1: u32 = 1;
const BASE: u32 = 8;
const WITH_CONTEXT: u32 = 24;

/** A header that is cut short or of another version leaves its fields zero. */
export function parseNsh(p: Packet, key: u32, at: u32): void {
  const have = available(p, at + WITH_CONTEXT);
  if (have < at + BASE) return;
  const nsh = p.data + at;
  const word = be16(nsh);
  const size = (word & 0x3f) << 2;
  const mdType = <u32>load<u8>(nsh, 2) & 15;
  if (word >> 14 != 0 || size < BASE || size > p.len - at || (mdType == MD_TYPE_1 && size != WITH_CONTEXT)) return;
  const flags = (word >> 12) & 3;
  const ttl = (word >> 6) & 0x3f;
  store<u32>(key, flags | (ttl << 8) | (mdType << 16) | ((<u32>load<u8>(nsh, 3)) << 24), KEY_NSH_FLAGS);
  store<u32>(key, load<u32>(nsh, 4), KEY_NSH_PATH);
  if (mdType == MD_TYPE_1 && have >= at + WITH_CONTEXT) v128.store(key, v128.load(nsh, 8), KEY_NSH_C1);
}
