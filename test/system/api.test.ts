// The typed API of a real weftd, driven by a real gRPC client; and the two example controllers, with packets through
// dummy ports.
import { type ChildProcess, spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiClient, collected, first, type Message } from '../support/api-client.ts';
import { Weftd } from '../support/weftd.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const A = '020000000001';
const B = '020000000002';
const frame = (to: string, from: string, rest = `0800${'00'.repeat(46)}`) => `${to}${from}${rest}`;
/** IPv4 and TCP up to the ports. */
const tcpFrame = (port: number) =>
  frame(
    B,
    A,
    `08004500002800000000400600000a0000010a0000021388${port.toString(16).padStart(4, '0')}${'00'.repeat(16)}`,
  );

async function eventually(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`timed out waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('the typed API', () => {
  const weftd = new Weftd({ args: ['--enable-dummy'] });
  let api: ApiClient;
  const flows = async (filterText = '') =>
    (await api.collect('DumpFlows', { bridge: 'br0', filterText })).flatMap(({ flows }) =>
      flows.map((f: Message) => f.text),
    );
  const receive = (port: string, packet: string) => weftd.appctl('netdev-dummy/receive', port, packet);
  /** Frames that a port sent: a pcap file's length tells. */
  const sent = (port: string) => statSync(join(weftd.dir, `${port}.pcap`)).size;

  beforeAll(async () => {
    await weftd.start();
    const port = (name: string, number: number) =>
      `-- add-port br0 ${name} -- set Interface ${name} type=dummy ofport_request=${number} options:tx_pcap=${weftd.dir}/${name}.pcap`;
    await weftd.vsctl(
      `add-br br0 -- set Bridge br0 datapath_type=dummy fail_mode=secure ${port('p1', 1)} ${port('p2', 2)} ${port('p3', 3)}`,
    );
    api = new ApiClient(`unix:${weftd.dir}/weft.sock`);
  });
  afterAll(async () => {
    api.close();
    await weftd.close();
  });

  it('serves a socket for its owner alone', async () => {
    expect(statSync(join(weftd.dir, 'weft.sock')).mode & 0o777).toBe(0o600);
    const { bridges } = await api.call('ListBridges', {});
    expect(bridges.map(({ name }: Message) => name)).toEqual(['br0']);
  });

  it('modifies flows in a stream, with a result for each', async () => {
    const errors = await api.modify(
      'br0',
      { flowText: 'table=1,priority=5,ip,actions=output:p2' },
      { flowText: 'table=1,ip,actions=output:65300' },
      { flowText: 'table=1,ip,actions=nonsense' },
      { flowText: 'table=254,actions=drop' },
      { flowText: 'delete table=7' },
      { command: 'FLOW_COMMAND_ADD', flow: { tableId: 1, match: { fields: [{ name: 'tcp_dst', number: 80 }] } } },
      {
        flow: {
          tableId: 1,
          priority: 9,
          cookie: '18446744073709551615',
          flags: { sendFlowRem: true },
          match: {
            fields: [
              { name: 'eth_type', number: 0x800 },
              { name: 'ip_dst', text: '10.0.0.0/8' },
            ],
          },
          actions: [{ setField: { field: { name: 'reg0', number: 5 } } }, { output: { port: 2 } }, { gotoTable: 2 }],
        },
      },
      { flowText: 'table=1,priority=9,check_overlap,ip,nw_dst=10.1.0.0/16,actions=drop' },
    );
    expect(errors.map((error) => error && [error.type, error.code])).toEqual([
      null,
      ['OFPET_BAD_ACTION', 'OFPBAC_BAD_OUT_PORT'],
      ['', ''],
      ['OFPET_BAD_REQUEST', 'OFPBRC_EPERM'],
      null,
      ['OFPET_BAD_MATCH', 'OFPBMC_BAD_PREREQ'],
      null,
      ['OFPET_FLOW_MOD_FAILED', 'OFPFMFC_OVERLAP'],
    ]);
    expect(errors[2].message).toBe('unknown action nonsense');
    expect(await flows('table=1')).toEqual([
      'cookie=0xffffffffffffffff, table=1, send_flow_rem priority=9,ip,nw_dst=10.0.0.0/8 actions=set_field:0x5->reg0,output:2,goto_table:2',
      'table=1, priority=5,ip actions=output:2',
    ]);
    expect(await weftd.ofctl('--no-stats', 'dump-flows', 'br0', 'table=1')).toContain('priority=5,ip actions=output:2');
  });

  it('dumps what a filter selects, typed', async () => {
    const filter = { tableId: 1, cookie: 1, cookieMask: 1, outPort: 2 };
    const [
      {
        flows: [flow],
      },
    ] = (await api.collect('DumpFlows', { bridge: 'br0', filter, form: 'FLOW_FORM_TYPED' })) as Message;
    expect(flow).toMatchObject({ tableId: 1, priority: 9, packetCount: '0', text: '' });
    expect(
      flow.match.fields.map(({ name, value, mask }: Message) => [name, value.toString('hex'), mask.toString('hex')]),
    ).toEqual([
      ['eth_type', '0800', ''],
      ['ip_dst', '0a000000', 'ff000000'],
    ]);
    expect(flow.actions).toMatchObject([
      { setField: { field: { name: 'reg0' } } },
      { output: { port: 2 } },
      { gotoTable: 2 },
    ]);
    const again = await api.modify('br0', {
      flow: { tableId: 3, match: flow.match, actions: flow.actions.slice(0, 2) },
    });
    expect(again).toEqual([null]);
    expect(await flows('table=3')).toEqual(['table=3, ip,nw_dst=10.0.0.0/8 actions=set_field:0x5->reg0,output:2']);
    await api.modify('br0', { command: 'FLOW_COMMAND_DELETE', flow: {} });
    expect(await flows()).toEqual([]);
  });

  it('takes many flow mods in one request', async () => {
    const mods = Array.from({ length: 5000 }, (_, i) => ({ flowText: `priority=${i},actions=drop` }));
    const stream = api.stream('ModifyFlows');
    const replies = collected(stream);
    stream.write({ bridge: 'br0', mods });
    stream.end();
    const [{ results }] = (await replies) as Message;
    expect(results.filter(({ error }: Message) => !error)).toHaveLength(5000);
    expect(await flows()).toHaveLength(5000);
    await api.modify('br0', { flowText: 'delete' });
  });

  it('streams packet-ins, and sends packets out', async () => {
    const flowText = 'cookie=0x7,in_port=1,actions=load:9->reg1[],controller';
    expect(await api.modify('br0', { flowText })).toEqual([null]);
    const ready = (request: object) => {
      const stream = api.stream('StreamPacketIns', { bridge: 'br0', ...request });
      return new Promise<typeof stream>((resolve, reject) => {
        stream.on('metadata', () => resolve(stream));
        stream.on('error', (status) => status.code !== 1 && reject(status));
      });
    };
    const stream = await ready({ reasons: ['OFPR_ACTION'], cookie: 7, cookieMask: 0xff });
    const others: Message[] = [];
    const other = await ready({ cookie: 8, cookieMask: 0xff });
    other.on('data', (packetIn) => others.push(packetIn));
    const packetIn = first(stream);
    await receive('p1', frame(B, A));
    const got = await packetIn;
    expect(got).toMatchObject({ inPort: 1, reason: 'OFPR_ACTION', cookie: '7', totalLen: 60, dropped: '0' });
    expect(got.packet.toString('hex')).toBe(frame(B, A));
    expect(got.metadata.fields.map(({ name }: Message) => name)).toEqual(['in_port', 'reg1']);
    expect(others).toEqual([]);
    const before = sent('p3');
    await api.call('PacketOut', { bridge: 'br0', packet: got.packet, actions: [{ output: { port: 3 } }] });
    await eventually(() => sent('p3') > before, 'p3 sent the packet');
    const bad = { bridge: 'br0', packet: got.packet, actions: [{ output: { port: 65300 } }] };
    await expect(api.call('PacketOut', bad)).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: 'OFPET_BAD_ACTION OFPBAC_BAD_OUT_PORT',
    });
    for (const each of [stream, other]) each.cancel();
  });

  it('traces, in text and in parts, and waits for barriers', async () => {
    await api.modify('br0', { flowText: 'in_port=2,actions=mod_vlan_vid:5,output:p1' });
    await api.call('Barrier', { bridge: 'br0' });
    const request = { bridge: 'br0', flowText: 'in_port=p2,dl_type=0x800' };
    const traced = await api.call('Trace', request);
    expect(traced.text).toBe((await weftd.appctl('ofproto/trace', 'br0', 'in_port=p2,dl_type=0x800')).trimEnd());
    expect(traced.megaflow).toContain('in_port=2');
    expect(traced.actions).toMatchObject([
      { text: 'push_vlan(vid=5,pcp=0)', pushVlan: { tpid: 0x8100, vid: 5, pcp: 0 } },
      { output: { name: 'p1' } },
    ]);
    await expect(api.call('Trace', { bridge: 'br0', flowText: 'nonsense=1' })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
  });

  it('streams statistics at an interval', async () => {
    await receive('p2', frame(B, A));
    const [{ ports }] = (await api.collect('StreamPortStats', { bridge: 'br0', portNo: 2 })) as Message;
    expect(ports).toMatchObject([{ portNo: 2, rxPackets: '1', rxBytes: '60' }]);
    const stream = api.stream('StreamTableStats', { bridge: 'br0', intervalMs: 10 });
    stream.on('error', () => {});
    let replies = 0;
    await first(
      stream,
      ({ tables }) => ++replies >= 5 && tables[0]?.activeCount === 2 && tables[0].matchedCount !== '0',
    );
    stream.cancel();
    const tooFast = api.collect('StreamPortStats', { bridge: 'br0', intervalMs: 9 });
    await expect(tooFast).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  it('tells of ports and their changes, until the bridge goes', async () => {
    await weftd.vsctl('add-br br1 -- set Bridge br1 datapath_type=dummy');
    const stream = api.stream('StreamPorts', { bridge: 'br1', watch: true });
    const events: string[] = [];
    const gone = new Promise<Message>((resolve) => stream.on('error', resolve));
    stream.on('data', ({ event, ports }) => events.push(...ports.map(({ name }: Message) => `${event} ${name}`)));
    await eventually(() => events.length > 0, 'the ports were told');
    await weftd.vsctl('add-port br1 q1 -- set Interface q1 type=dummy');
    await weftd.vsctl('del-port br1 q1');
    await weftd.vsctl('del-br br1');
    expect(await gone).toMatchObject({ code: status.NOT_FOUND });
    expect(events[0]).toBe('CURRENT br1');
    expect(events).toContain('ADD q1');
    expect(events).toContain('DELETE q1');
    const unknown = api.collect('DumpFlows', { bridge: 'br1' });
    await expect(unknown).rejects.toMatchObject({ code: status.NOT_FOUND, details: 'there is no bridge "br1"' });
  });

  it('a client that does not read loses packet-ins, and costs others nothing', async () => {
    const slow = new ApiClient(`unix:${weftd.dir}/weft.sock`);
    const stalled = slow.stream('StreamPacketIns', { bridge: 'br0' });
    stalled.on('error', () => {});
    await new Promise<void>((resolve) => stalled.on('metadata', () => resolve()));
    const quick = api.stream('StreamPacketIns', { bridge: 'br0' });
    quick.on('error', () => {});
    await new Promise<void>((resolve) => quick.on('metadata', () => resolve()));
    let received = 0;
    quick.on('data', () => received++);
    // Stops after what the client library takes by itself; then come more packets than HTTP/2 and the queue hold.
    let taken = 0;
    stalled.on('data', () => taken++);
    stalled.pause();
    const packet = Buffer.from(frame(B, A, `0800${'00'.repeat(8_986)}`), 'hex');
    const toController = { bridge: 'br0', packet, actions: [{ text: 'controller' }] };
    for (let i = 1; i <= 700; i++) {
      await api.call('PacketOut', toController);
      if (i % 50 === 0) await eventually(() => received === i, `the quick client got ${i} packets`);
    }
    stalled.resume();
    // What comes after the gap tells how long it was.
    await eventually(() => taken > 400, 'the slow client reads');
    const told = first(stalled, ({ totalLen }) => totalLen === 60);
    await api.call('PacketOut', { ...toController, packet: packet.subarray(0, 60) });
    const { dropped } = await told;
    expect(Number(dropped)).toBeGreaterThan(0);
    expect(taken - 1 + Number(dropped)).toBe(700);
    quick.cancel();
    slow.close();
  });

  it('has room again when clients that said nothing are gone', async () => {
    for (let i = 0; i < 80; i++) {
      const socket = connect(join(weftd.dir, 'weft.sock'));
      await new Promise((resolve) => socket.once('close', resolve).once('connect', () => socket.destroy()));
    }
    // The switch may see them all come before it sees the first go.
    const isServed = async () => {
      const client = new ApiClient(`unix:${weftd.dir}/weft.sock`);
      const served = await client.call('ListBridges', {}).then(
        () => true,
        () => false,
      );
      client.close();
      return served;
    };
    await eventually(isServed, 'there is room');
  });

  it('refuses what is too much', async () => {
    const client = new ApiClient(`unix:${weftd.dir}/weft.sock`);
    const long = client.modify('br0', { flowText: 'x'.repeat(2 * 1024 * 1024) });
    await expect(long).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    const nested = { flowText: `actions=${'clone('.repeat(9000)}` };
    const [error] = await client.modify('br0', nested);
    expect(error.type).toBe('');
    client.close();
    expect(weftd.output).not.toContain('call failed');
  });

  it('listens on TCP when it is told to, and refuses a bad address', async () => {
    await weftd.vsctl('set Open_vSwitch . other_config:api-listen=localhost');
    await eventually(
      () => weftd.output.includes('"localhost" is no address; expected ADDRESS:PORT'),
      'the log says so',
    );
    const port = await freePort();
    await weftd.vsctl(`set Open_vSwitch . other_config:api-listen="127.0.0.1:${port}"`);
    await eventually(() => weftd.output.includes(`API listens on 127.0.0.1:${port}`), 'it listens');
    const client = new ApiClient(`127.0.0.1:${port}`);
    expect((await client.call('ListBridges', {})).bridges).toHaveLength(1);
    client.close();
    await weftd.vsctl('remove Open_vSwitch . other_config api-listen');
  });

  describe('examples', () => {
    const running: ChildProcess[] = [];
    const run = (name: string, ...args: string[]) => {
      const child = spawn(process.execPath, [join(root, 'dist/examples', name), ...args], {
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      running.push(child);
      return child;
    };
    afterAll(() => {
      for (const child of running) child.kill();
    });

    it('the learning switch learns', async () => {
      await api.modify('br0', { flowText: 'delete' });
      run('learning-switch.js', `unix:${weftd.dir}/weft.sock`, 'br0');
      await eventually(async () => (await flows()).length === 1, 'the example sends misses up');
      const flooded = sent('p3');
      await receive('p1', frame(B, A));
      await eventually(() => sent('p3') > flooded, 'an unknown address is flooded');
      await receive('p2', frame(A, B));
      await eventually(async () => (await flows()).length === 2, 'a flow is added');
      const before = [sent('p1'), sent('p3')];
      await receive('p2', frame(A, B));
      await eventually(() => sent('p1') > before[0]!, 'the flow forwards');
      expect(sent('p3')).toBe(before[1]);
    });

    it('the access list over OpenFlow blocks what it names', async () => {
      for (const child of running) child.kill();
      await api.modify('br0', { flowText: 'delete' });
      const child = run('openflow-acl.js', join(weftd.dir, 'br0.mgmt'), '22', '23');
      expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0);
      const before = sent('p2');
      await receive('p1', tcpFrame(22));
      expect(sent('p2')).toBe(before);
      await receive('p1', tcpFrame(80));
      await eventually(() => sent('p2') > before, 'other ports pass');
    });
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
