// tnl/*, ovs/route/* and ofproto/list-tunnels: there are no tunnels yet, so neither routes nor neighbours for them.

import { UserError } from '../../../lib/errors.ts';
import { type Command, command } from '../../unixctl/command.ts';

const NEIGHBOURS = `${'IP'.padEnd(45)} ${'MAC'.padEnd(19)} Bridge\n${'='.repeat(74)}`;
const AGING_S = '900';

/** Each with its older name. */
function neighbourCommands(): Command[] {
  return ['arp', 'neigh'].flatMap((name) => [
    command(`tnl/${name}/show`, '', [0, 0], () => NEIGHBOURS),
    command(`tnl/${name}/flush`, '', [0, 0], () => 'OK'),
    command(`tnl/${name}/set`, 'BRIDGE IP MAC', [3, 3], refuse),
    command(`tnl/${name}/aging`, '[SECS]', [0, 1], (args) => (args.length === 0 ? AGING_S : refuse())),
  ]);
}

export function tunnelCommands(): Command[] {
  return [
    ...neighbourCommands(),
    command('tnl/ports/show', '-v', [0, 1], () => 'Listening ports:'),
    command('tnl/egress_port_range', 'min max', [0, 2], (args) =>
      args.length < 2 ? 'Tunnel UDP source port range: 32768-61000' : refuse(),
    ),
    command('ofproto/list-tunnels', '', [0, 0], () => ''),
    command('ovs/route/show', '', [0, 0], () => 'Route Table:'),
    command('ovs/route/lookup', 'ip_addr [pkt_mark=mark]', [1, 2], notFound),
    command('ovs/route/add', 'ip_addr/prefix_len out_br_name [gw] [pkt_mark=mark]', [2, 4], refuse),
    command('ovs/route/del', 'ip_addr/prefix_len [pkt_mark=mark]', [1, 2], notFound),
  ];
}

function refuse(): never {
  throw new UserError('tunnels are not supported');
}

function notFound(): never {
  throw new UserError('Not found');
}
