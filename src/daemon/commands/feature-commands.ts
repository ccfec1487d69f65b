// dpif/show-dp-features and dpif/set-dp-features: what the datapath can do, in Open vSwitch's words.

import { UserError } from '../../../lib/errors.ts';
import { type Command, command } from '../../unixctl/command.ts';
import { type CommandContext, findBridge } from './context.ts';

interface Feature {
  readonly name: string;
  readonly title: string;
  readonly value: boolean | number;
}

const feature = (name: string, title: string, value: boolean | number): Feature => ({ name, title, value });

function features({ slowPath }: CommandContext): Feature[] {
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
    feature('max_vlan_headers', 'Max VLAN headers', slowPath.vlanLimit?.() ?? 1),
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

export function featureCommands(context: CommandContext): Command[] {
  return [
    command('dpif/show-dp-features', 'bridge', [1, 1], ([name]) => {
      findBridge(context, name!);
      const word = (value: boolean | number) => (typeof value === 'number' ? value : value ? 'Yes' : 'No');
      return features(context)
        .map(({ title, value }) => `${title}: ${word(value)}`)
        .join('\n');
    }),
    command('dpif/set-dp-features', 'bridge', [1, 3], (args) => setFeature(context, args)),
  ];
}

/** Shows all, or one: none of them can be switched off. */
function setFeature(context: CommandContext, [bridge, name, value]: readonly string[]): string {
  findBridge(context, bridge!);
  const shown = features(context).filter((one) => name === undefined || one.name === name);
  if (shown.length === 0) return 'Unexpected support field';
  if (value !== undefined && value !== String(shown[0]!.value)) throw new UserError(`${name} cannot be changed`);
  if (value !== undefined) return '';
  return shown
    .map((one) => `${one.name} (${one.title}) : [run time]:${one.value}, [boot time]:${one.value}`)
    .join('\n');
}
