// The table of weft-ofctl's commands: how many arguments each takes and what runs it.

import type { CommandContext } from '../context.ts';
import { bundle } from './bundle.ts';
import * as connection from './connection.ts';
import * as diff from './diff.ts';
import * as dumpFlows from './dump-flows.ts';
import * as dumps from './dumps.ts';
import * as flows from './flows.ts';
import * as groups from './groups.ts';
import * as meters from './meters.ts';
import * as offline from './offline.ts';
import { packetOut } from './packet-out.ts';
import * as queues from './queues.ts';
import * as config from './switch-config.ts';
import * as tableConfig from './table-config.ts';
import * as tunnels from './tunnels.ts';

export interface Command {
  readonly usage: string;
  readonly min: number;
  readonly max: number;
  /** The exit status; undefined is 0. */
  readonly run: (ctx: CommandContext, args: readonly string[]) => Promise<number> | Promise<void>;
}

type Run = Command['run'];

const command = (usage: string, min: number, max: number, run: Run): Command => ({ usage, min, max, run });
const MANY = Number.MAX_SAFE_INTEGER;

export const COMMANDS: Readonly<Record<string, Command>> = {
  show: command('SWITCH', 1, 1, dumps.show),
  'dump-desc': command('SWITCH', 1, 1, dumps.dumpDesc),
  'dump-tables': command('SWITCH', 1, 1, dumps.dumpTables),
  'dump-table-features': command('SWITCH', 1, 1, dumps.dumpTableFeatures),
  'mod-port': command('SWITCH PORT ACTION', 3, 3, config.modPort),
  'mod-table': command('SWITCH TABLE SETTING', 3, 3, tableConfig.modTable),
  'get-frags': command('SWITCH', 1, 1, config.getFrags),
  'set-frags': command('SWITCH normal|drop|reassemble|nx-match', 2, 2, config.setFrags),
  'dump-ports': command('SWITCH [PORT]', 1, 2, dumps.dumpPorts),
  'dump-ports-desc': command('SWITCH [PORT]', 1, 2, dumps.dumpPortsDesc),
  'dump-flows': command('SWITCH [FLOW]', 1, 2, dumpFlows.dumpFlows),
  'dump-aggregate': command('SWITCH [FLOW]', 1, 2, dumpFlows.dumpAggregate),
  'queue-stats': command('SWITCH', 1, 3, queues.queueStats),
  'queue-get-config': command('SWITCH [PORT [QUEUE]]', 1, 3, queues.queueGetConfig),
  'dump-table-desc': command('SWITCH', 1, 1, tableConfig.dumpTableDesc),
  'add-tlv-map': command('SWITCH MAP', 2, 2, tunnels.addTlvMap),
  'del-tlv-map': command('SWITCH [MAP]', 1, 2, tunnels.delTlvMap),
  'dump-tlv-map': command('SWITCH', 1, 1, tunnels.dumpTlvMap),
  'ct-flush': command('SWITCH [zone=N]', 1, 4, tunnels.ctFlush),
  'ct-flush-zone': command('SWITCH ZONE', 2, 2, tunnels.ctFlushZone),
  'add-flow': command('SWITCH FLOW', 2, 2, flows.addFlow),
  'add-flows': command('SWITCH FILE', 2, 2, flows.addFlows),
  'mod-flows': command('SWITCH FLOW', 2, 2, flows.modFlows),
  'del-flows': command('SWITCH [FLOW]', 1, 2, flows.delFlows),
  'replace-flows': command('SWITCH FILE', 2, 2, diff.replaceFlows),
  'diff-flows': command('SOURCE1 SOURCE2', 2, 2, diff.diffFlows),
  bundle: command('SWITCH FILE', 2, 2, bundle),
  'packet-out': command('SWITCH PACKET-OUT', 2, MANY, packetOut),
  monitor: command('SWITCH [MISSLEN] [invalid_ttl] [watch:[...]]', 1, MANY, connection.monitor),
  snoop: command('SWITCH', 1, 1, connection.snoop),
  'add-group': command('SWITCH GROUP', 2, 2, groups.addGroup),
  'add-groups': command('SWITCH FILE', 2, 2, groups.addGroups),
  'mod-group': command('SWITCH GROUP', 2, 2, groups.modGroup),
  'del-groups': command('SWITCH [GROUP]', 1, 2, groups.delGroups),
  'insert-buckets': command('SWITCH GROUP', 2, 2, groups.insertBuckets),
  'remove-buckets': command('SWITCH GROUP', 2, 2, groups.removeBuckets),
  'dump-groups': command('SWITCH [GROUP]', 1, 2, groups.dumpGroups),
  'dump-group-stats': command('SWITCH [GROUP]', 1, 2, groups.dumpGroupStats),
  'dump-group-features': command('SWITCH', 1, 1, dumps.dumpGroupFeatures),
  'add-meter': command('SWITCH METER', 2, 2, meters.addMeter),
  'mod-meter': command('SWITCH METER', 2, 2, meters.modMeter),
  'del-meter': command('SWITCH METER', 1, 2, meters.delMeters),
  'del-meters': command('SWITCH [METER]', 1, 2, meters.delMeters),
  'dump-meter': command('SWITCH METER', 1, 2, meters.dumpMeters),
  'dump-meters': command('SWITCH [METER]', 1, 2, meters.dumpMeters),
  'meter-stats': command('SWITCH [METER]', 1, 2, meters.meterStats),
  'meter-features': command('SWITCH', 1, 1, meters.meterFeatures),
  probe: command('TARGET', 1, 1, connection.probe),
  benchmark: command('TARGET BYTES COUNT', 3, 3, connection.benchmark),
  ping: command('TARGET [BYTES]', 1, 2, connection.ping),
  'ofp-parse': command('FILE', 1, 1, offline.ofpParse),
  'ofp-print': command('HEX', 1, 2, offline.ofpPrint),
  'parse-flow': command('FLOW', 1, 1, offline.parseFlowCommand),
  'parse-flows': command('FILE', 1, 1, offline.parseFlowsCommand),
};

/** What --read-only refuses: ovs-ofctl's own choice, which has some that change nothing, too. */
export const READ_WRITE: ReadonlySet<string> = new Set(
  (
    'add-flow add-flows add-group add-groups add-meter bundle del-flows del-groups del-meter del-meters diff-flows ' +
    'insert-buckets mod-flows mod-group mod-meter mod-port mod-table ofp-parse ofp-print packet-out parse-flow ' +
    'parse-flows remove-buckets replace-flows set-frags'
  ).split(' '),
);
