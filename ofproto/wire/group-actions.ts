// The actions that buckets may hold, as bits of group features: OFPAT_* numbers of each version, and what ovs-ofctl calls
// them, in the order in which it lists them.

type Names = readonly (readonly [name: string, bit: number])[];

const OF10: Names = [
  ['output', 0],
  ['enqueue', 11],
  ['set_vlan_vid', 1],
  ['set_vlan_pcp', 2],
  ['strip_vlan', 3],
  ['mod_dl_src', 4],
  ['mod_dl_dst', 5],
  ['mod_nw_src', 6],
  ['mod_nw_dst', 7],
  ['mod_nw_tos', 8],
  ['mod_tp_src', 9],
  ['mod_tp_dst', 10],
];

const OF11: Names = [
  ['output', 0],
  ['group', 22],
  ['set_vlan_vid', 1],
  ['set_vlan_pcp', 2],
  ['strip_vlan', 18],
  ['push_vlan', 17],
  ['mod_dl_src', 3],
  ['mod_dl_dst', 4],
  ['mod_nw_src', 5],
  ['mod_nw_dst', 6],
  ['mod_nw_tos', 7],
  ['mod_nw_ecn', 8],
  ['mod_nw_ttl', 23],
  ['mod_tp_src', 9],
  ['mod_tp_dst', 10],
  ['dec_ttl', 24],
  ['set_mpls_label', 13],
  ['set_mpls_tc', 14],
  ['set_mpls_ttl', 15],
  ['dec_mpls_ttl', 16],
  ['push_mpls', 19],
  ['pop_mpls', 20],
  ['set_queue', 21],
];

/** 1.2 replaced the setters by set_field. */
const OF12: Names = [
  ['output', 0],
  ['group', 22],
  ['set_field', 25],
  ['strip_vlan', 18],
  ['push_vlan', 17],
  ['mod_nw_ttl', 23],
  ['dec_ttl', 24],
  ['set_mpls_ttl', 15],
  ['dec_mpls_ttl', 16],
  ['push_mpls', 19],
  ['pop_mpls', 20],
  ['set_queue', 21],
];

function namesOf(version: number): Names {
  if (version === 1) return OF10;
  return version === 2 ? OF11 : OF12;
}

/** The bits of all actions that a bucket may hold. */
export function groupActions(version: number): number {
  return namesOf(version).reduce((bits, [, bit]) => bits | (1 << bit), 0) >>> 0;
}

/** The names of the bits that are set. */
export function groupActionNames(bits: number, version: number): string[] {
  return namesOf(version)
    .filter(([, bit]) => (bits >>> bit) & 1)
    .map(([name]) => name);
}
