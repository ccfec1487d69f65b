// What the generators may use. A feature that weft does not have yet is listed in MISSING: its generators are off and the
// coverage table says so.
export const FEATURES = [
  'bundle',
  'check_pkt_larger',
  'clone',
  'conjunction',
  'controller',
  'debug',
  'delete_field',
  'encap',
  'fin_timeout',
  'groups',
  'learn',
  'meters',
  'mirrors',
  'mpls',
  'multicast_snooping',
  'multipath',
  'nsh',
  'openflow15',
  'packet_type',
  'pause',
  'qinq',
  'sample',
] as const;
export type Feature = (typeof FEATURES)[number];

/** Remove a line when the feature comes. */
export const MISSING: readonly Feature[] = [];

const missing = new Set<Feature>(MISSING);

export const isOn = (feature: Feature | undefined): boolean => feature === undefined || !missing.has(feature);
