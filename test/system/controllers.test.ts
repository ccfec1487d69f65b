// Controllers that others wrote, dialled by weftd as the Controller table says: ovs-testcontroller, and os-ken learning
// switch applications for OpenFlow 1.0 and 1.3. Each must bring up its session and make the bridge learn: the first
// packets are flooded, and then flows forward them.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Weftd } from '../support/weftd.ts';

const processes: ChildProcess[] = [];

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function start(file: string, args: readonly string[], cwd: string): () => string {
  const env = { ...process.env, OVS_RUNDIR: cwd };
  const child = spawn(file, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  processes.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  }
  return () => text;
}

/** Polls `condition` until it holds; the text that it last returned is in the error. */
async function eventually(condition: () => Promise<boolean>, what: string, timeoutMs = 20_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`timed out waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const OSKEN_RUN = `
import sys
from os_ken.cmd.manager import main
sys.argv = ['osken-manager', '--ofp-listen-host', '127.0.0.1', '--ofp-tcp-listen-port', sys.argv[2], sys.argv[1]]
main()
`;

/** A minimal learning switch on os-ken's own classes, for one OpenFlow version. */
const OSKEN_APP = (version: '1_0' | '1_3') => `
from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import CONFIG_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.lib.packet import ethernet, packet
from os_ken.ofproto import ofproto_v${version} as ofp

class Learn(app_manager.OSKenApp):
    OFP_VERSIONS = [ofp.OFP_VERSION]
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.macs = {}

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def features(self, ev):
        dp = ev.msg.datapath
        if ofp.OFP_VERSION == 4:
            parser = dp.ofproto_parser
            actions = [parser.OFPActionOutput(ofp.OFPP_CONTROLLER, ofp.OFPCML_NO_BUFFER)]
            inst = [parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, actions)]
            dp.send_msg(parser.OFPFlowMod(datapath=dp, priority=0, match=parser.OFPMatch(), instructions=inst))
            dp.send_msg(parser.OFPDescStatsRequest(dp, 0))
            dp.send_msg(parser.OFPPortStatsRequest(dp, 0, ofp.OFPP_ANY))
            dp.send_msg(parser.OFPFlowStatsRequest(dp))
            dp.send_msg(parser.OFPTableFeaturesStatsRequest(dp, 0))
        dp.send_msg(dp.ofproto_parser.OFPBarrierRequest(dp))

    @set_ev_cls(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def packet_in(self, ev):
        msg = ev.msg
        dp = msg.datapath
        parser = dp.ofproto_parser
        in_port = msg.in_port if ofp.OFP_VERSION == 1 else msg.match['in_port']
        eth = packet.Packet(msg.data).get_protocol(ethernet.ethernet)
        self.macs[eth.src] = in_port
        out = self.macs.get(eth.dst, ofp.OFPP_FLOOD)
        actions = [parser.OFPActionOutput(out)]
        if out != ofp.OFPP_FLOOD:
            if ofp.OFP_VERSION == 1:
                match = parser.OFPMatch(in_port=in_port, dl_dst=eth.dst)
                mod = parser.OFPFlowMod(datapath=dp, match=match, cookie=0, command=ofp.OFPFC_ADD, idle_timeout=0,
                                        hard_timeout=0, priority=1, flags=ofp.OFPFF_SEND_FLOW_REM, actions=actions)
            else:
                match = parser.OFPMatch(in_port=in_port, eth_dst=eth.dst)
                inst = [parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, actions)]
                mod = parser.OFPFlowMod(datapath=dp, priority=1, match=match, instructions=inst)
            dp.send_msg(mod)
        dp.send_msg(parser.OFPPacketOut(datapath=dp, buffer_id=msg.buffer_id, in_port=in_port, actions=actions,
                                        data=msg.data))

    @set_ev_cls(ofp_event.EventOFPBarrierReply, [CONFIG_DISPATCHER, MAIN_DISPATCHER])
    def barrier(self, ev):
        print('BARRIER', flush=True)

    @set_ev_cls(ofp_event.EventOFPErrorMsg, [CONFIG_DISPATCHER, MAIN_DISPATCHER])
    def error(self, ev):
        print('ERROR', ev.msg.type, ev.msg.code, flush=True)

    def multipart(self, ev):
        print(type(ev.msg).__name__, flush=True)

if ofp.OFP_VERSION == 4:
    for event in ('DescStats', 'PortStats', 'FlowStats', 'TableFeaturesStats'):
        set_ev_cls(getattr(ofp_event, 'EventOFP%sReply' % event), [CONFIG_DISPATCHER, MAIN_DISPATCHER])(Learn.multipart)
`;

describe('controllers', () => {
  const weftd = new Weftd({ args: ['--enable-dummy', '-vconsole:off'] });
  const dir = mkdtempSync(join(tmpdir(), 'weft-controllers-'));

  beforeAll(async () => {
    await weftd.start();
    const ports = ['p1', 'p2', 'p3'].map((name) => `-- add-port br0 ${name} -- set Interface ${name} type=dummy`);
    await weftd.vsctl(`add-br br0 -- set Bridge br0 datapath_type=dummy fail_mode=secure ${ports.join(' ')}`);
  });

  afterEach(async () => {
    await weftd.vsctl('del-controller br0 -- clear Bridge br0 protocols');
    for (const child of processes.splice(0)) child.kill('SIGKILL');
  });

  afterAll(async () => {
    await weftd.close();
    rmSync(dir, { recursive: true, force: true });
  });

  async function dial(port: number, protocol: string): Promise<void> {
    await weftd.vsctl(`set Bridge br0 protocols=${protocol} -- set-controller br0 tcp:127.0.0.1:${port}`);
    await weftd.vsctl('set Controller br0 max_backoff=1000');
    await eventually(async () => (await weftd.vsctl('get Controller br0 is_connected')) === 'true', 'it is connected');
  }

  const ofctl = (...args: string[]) => weftd.ofctl('-O', 'OpenFlow10,OpenFlow13', ...args);

  async function sent(port: string): Promise<number> {
    return Number(/tx pkts=(\d+)/.exec(await ofctl('dump-ports', 'br0', port))![1]);
  }

  /** Two hosts talk until flows forward between them. */
  async function learn(): Promise<void> {
    const [a, b] = ['020000000001', '020000000002'];
    const frame = (dst: string, src: string) => `${dst}${src}0800${'00'.repeat(46)}`;
    const flooded = await sent('p3');
    await eventually(async () => {
      await weftd.appctl('netdev-dummy/receive', 'p1', frame(b, a));
      return (await sent('p3')) > flooded;
    }, 'a packet to an unknown host is flooded');
    await eventually(async () => {
      await weftd.appctl('netdev-dummy/receive', 'p2', frame(a, b));
      return /actions=output:("?p1"?|1)$/m.test(await ofctl('dump-flows', 'br0'));
    }, 'a flow to the first host is there');
    const forwarded = await sent('p1');
    await eventually(async () => {
      await weftd.appctl('netdev-dummy/receive', 'p2', frame(a, b));
      return (await sent('p1')) > forwarded;
    }, 'the flow forwards');
  }

  it.each(['OpenFlow10', 'OpenFlow13'])('ovs-testcontroller makes the bridge learn over %s', async (protocol) => {
    const port = await freePort();
    start('ovs-testcontroller', [`ptcp:${port}:127.0.0.1`], dir);
    await dial(port, protocol);
    expect(await weftd.vsctl('get Controller br0 role')).toBe('other');
    expect(await weftd.vsctl('get Controller br0 status:state')).toMatch(/ACTIVE|IDLE/);
    await learn();
  });

  it.each([
    ['1_0', 'OpenFlow10'],
    ['1_3', 'OpenFlow13'],
  ] as const)('an os-ken application makes the bridge learn over OpenFlow %s', async (version, protocol) => {
    const port = await freePort();
    writeFileSync(join(dir, 'learn.py'), OSKEN_APP(version));
    writeFileSync(join(dir, 'run.py'), OSKEN_RUN);
    const output = start('/usr/bin/python3', ['run.py', join(dir, 'learn.py'), String(port)], dir);
    await dial(port, protocol);
    await eventually(async () => output().includes('BARRIER'), 'the controller got a barrier reply');
    await learn();
    const replies = ['OFPDescStatsReply', 'OFPPortStatsReply', 'OFPFlowStatsReply', 'OFPTableFeaturesStatsReply'];
    for (const reply of version === '1_3' ? replies : []) expect(output()).toContain(reply);
    expect(output()).not.toContain('ERROR');
    expect(output()).not.toContain('Traceback');
  });

  it('dials again when a controller comes back, and acts alone meanwhile when it may', async () => {
    const port = await freePort();
    await weftd.vsctl(`set-controller br0 tcp:127.0.0.1:${port} -- set Controller br0 max_backoff=1000`);
    await eventually(async () => (await weftd.vsctl('get Controller br0 status')).includes('BACKOFF'), 'it waits');
    expect(await weftd.vsctl('get Controller br0 status:last_error')).toBe('"Connection refused"');
    await weftd.vsctl('set Bridge br0 fail_mode=standalone');
    const flooded = await sent('p3');
    const aSecond = () => weftd.appctl('time/warp', '1000');
    await eventually(async () => {
      await aSecond();
      await weftd.appctl('netdev-dummy/receive', 'p1', `0200000000090200000000080800${'00'.repeat(46)}`);
      return (await sent('p3')) > flooded;
    }, 'the bridge floods by itself');
    start('ovs-testcontroller', [`ptcp:${port}:127.0.0.1`], dir);
    await eventually(async () => {
      await aSecond();
      return (await weftd.vsctl('get Controller br0 is_connected')) === 'true';
    }, 'it is connected');
    await weftd.vsctl('set Bridge br0 fail_mode=secure');
  });

  it('lets service controllers in on a listening target', async () => {
    const port = await freePort();
    await weftd.vsctl(`set-controller br0 ptcp:${port}:127.0.0.1 punix:${weftd.dir}/br0.controller`);
    const shows = async (target: string) => (await weftd.ofctl('show', target)).includes('OFPT_FEATURES_REPLY');
    await eventually(() => shows(`tcp:127.0.0.1:${port}`).catch(() => false), 'the TCP port answers');
    await eventually(() => shows(`unix:${weftd.dir}/br0.controller`).catch(() => false), 'the socket answers');
  });
});
