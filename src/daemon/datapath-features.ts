// What the datapath can do, by the names and in the order of Open vSwitch: dpif/show-dp-features shows it, and
// Datapath.capabilities (ovs-vswitchd.conf.db(5)) tells it to controllers such as OVN's.

export interface Feature {
  /** As the database has it. */
  readonly name: string;
  readonly title: string;
  readonly value: boolean | number;
}

const feature = (name: string, title: string, value: boolean | number): Feature => ({ name, title, value });

/** `vlanLimit`: how many VLAN tags flows see. */
export function datapathFeatures(vlanLimit: number): Feature[] {
  return [
    feature('masked_set_action', 'Masked set action', true),
    feature('tnl_push_pop', 'Tunnel push pop', false),
    feature('ufid', 'Ufid', true),
    feature('trunc', 'Truncate action', true),
    feature('clone', 'Clone action', true),
    feature('sample_nesting', 'Sample nesting', 10),
    feature('ct_eventmask', 'Conntrack eventmask', false),
    feature('ct_clear', 'Conntrack clear', false),
    feature('max_hash_alg', 'Max dp_hash algorithm', 1),
    feature('check_pkt_len', 'Check pkt length action', true),
    feature('ct_timeout', 'Conntrack timeout policy', false),
    feature('explicit_drop_action', 'Explicit Drop action', true),
    feature('lb_output_action', 'Optimized Balance TCP mode', false),
    feature('ct_zero_snat', 'Conntrack all-zero IP SNAT', false),
    feature('add_mpls', 'MPLS Label add', true),
    feature('max_vlan_headers', 'Max VLAN headers', vlanLimit),
    feature('max_mpls_depth', 'Max MPLS depth', 3),
    feature('recirc', 'Recirc', true),
    feature('ct_state', 'CT state', false),
    feature('ct_zone', 'CT zone', false),
    feature('ct_mark', 'CT mark', false),
    feature('ct_label', 'CT label', false),
    feature('ct_state_nat', 'CT state NAT', false),
    feature('ct_orig_tuple', 'CT orig tuple', false),
    feature('ct_orig_tuple6', 'CT orig tuple for IPv6', false),
    feature('nd_ext', 'IPv6 ND Extension', true),
  ];
}

/** Datapath.capabilities, with what only the database tells. How deep samples may nest is no number there. */
export function datapathCapabilities(vlanLimit: number): Record<string, string> {
  const entries = datapathFeatures(vlanLimit).map(({ name, value }) => [name, String(value)]);
  return { ...Object.fromEntries(entries), sample_nesting: 'true', ct_flush: 'false' };
}
