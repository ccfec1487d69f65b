// A learning switch on weft's typed API. Packets to addresses that are not known yet are flooded; for the others it adds
// flows, and then sees no more of them.
//
//   node dist/examples/learning-switch.js unix:/var/run/openvswitch/weft.sock br0

import { credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const [, , address = 'unix:/var/run/openvswitch/weft.sock', bridge = 'br0'] = process.argv;
const proto = new URL('../src/api/weft/v1/weft.proto', import.meta.url).pathname;
// biome-ignore lint/suspicious/noExplicitAny: the client's methods are made from the .proto when it runs
const { weft } = loadPackageDefinition(loadSync(proto, { longs: String, enums: String })) as any;
const client = new weft.v1.Switch(address, credentials.createInsecure());

const portOf = new Map<string, number>();
const mac = (packet: Buffer, at: number) =>
  [...packet.subarray(at, at + 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
const isMulticast = (packet: Buffer) => (packet[0]! & 1) !== 0;

const flows = client.ModifyFlows();
const add = (flowText: string) => flows.write({ bridge, mods: [{ flowText }] });
flows.on('data', ({ results }: { results?: { error?: { message: string } }[] }) => {
  for (const { error } of results ?? []) if (error) console.error(`flow refused: ${error.message}`);
});

const packetIns = client.StreamPacketIns({ bridge });
packetIns.on('metadata', () => add('priority=0 actions=controller'));
packetIns.on('data', ({ inPort, packet }: { inPort: number; packet: Buffer }) => {
  const [to, from] = [mac(packet, 0), mac(packet, 6)];
  portOf.set(from, inPort);
  const port = isMulticast(packet) ? undefined : portOf.get(to);
  if (port) add(`priority=1,idle_timeout=60,in_port=${inPort},dl_src=${from},dl_dst=${to} actions=${port}`);
  const actions = [{ text: port ? `output:${port}` : 'flood' }];
  client.PacketOut({ bridge, inPort, packet, actions }, (error: Error | null) => error && console.error(error.message));
});
for (const stream of [flows, packetIns]) stream.on('error', (error: Error) => console.error(error.message));
