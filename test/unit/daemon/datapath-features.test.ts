import { expect, it } from 'vitest';
import { datapathCapabilities } from '../../../src/daemon/datapath-features.ts';

it('datapathCapabilities() names all that Open vSwitch 3.1 tells of its datapath', () => {
  const told =
    'add_mpls check_pkt_len clone ct_clear ct_eventmask ct_flush ct_label ct_mark ct_orig_tuple ct_orig_tuple6 ct_state ' +
    'ct_state_nat ct_timeout ct_zero_snat ct_zone explicit_drop_action lb_output_action masked_set_action max_hash_alg ' +
    'max_mpls_depth max_vlan_headers nd_ext recirc sample_nesting tnl_push_pop trunc ufid';
  expect(Object.keys(datapathCapabilities(1)).sort()).toEqual(told.split(' '));
  expect(datapathCapabilities(1)).toMatchObject({ max_vlan_headers: '1', max_hash_alg: '1', ct_state: 'false' });
});
