#!/usr/bin/env node
// Writes the expected `|` lines of .flows files by running their cases on real Open vSwitch, in a directory of its own.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';
const rundir = mkdtempSync(join(tmpdir(), 'weft-record-'));
const env = { ...process.env, OVS_RUNDIR: rundir, OVS_LOGDIR: rundir, OVS_DBDIR: rundir };
const db = `unix:${rundir}/db.sock`;
const ctl = `${rundir}/switch.ctl`;

const run = (command, ...args) =>
  execFileSync(command, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const vsctl = (...args) => run('ovs-vsctl', `--db=${db}`, ...args);
const appctl = (...args) => run('ovs-appctl', '-t', ctl, ...args);

async function until(attempt) {
  for (let tries = 50; ; tries--) {
    try {
      return attempt();
    } catch (error) {
      if (tries === 0) throw error;
      await sleep(100);
    }
  }
}

async function startSwitch() {
  run('ovsdb-tool', 'create', `${rundir}/conf.db`, SCHEMA);
  const options = { env, stdio: 'ignore' };
  const children = [
    spawn('ovsdb-server', [`${rundir}/conf.db`, `--remote=p${db}`], options),
    spawn('ovs-vswitchd', [db, '--enable-dummy', '--disable-system', `--unixctl=${ctl}`], options),
  ];
  await until(() => vsctl('--no-wait', 'init'));
  await until(() => appctl('version'));
  return children;
}

function addBridge(name, ports) {
  vsctl('add-br', name, '--', 'set', 'bridge', name, 'datapath_type=dummy', 'fail_mode=secure');
  vsctl('set', 'bridge', name, 'protocols=OpenFlow10,OpenFlow13,OpenFlow15');
  for (const port of ports) addPort(name, port, port.slice(1), 'type=dummy');
}

function addPort(bridge, port, number, ...columns) {
  vsctl('add-port', bridge, port, '--', 'set', 'interface', port, `ofport_request=${number}`, ...columns);
}

function freshBridges() {
  for (const name of vsctl('list-br').split('\n').filter(Boolean)) vsctl('del-br', name);
  vsctl('clear', 'Open_vSwitch', '.', 'other_config');
  addBridge('br0', ['p1', 'p2', 'p3', 'p4']);
  // What delete_field deletes.
  run('ovs-ofctl', 'add-tlv-map', 'br0', '{class=0xffff,type=0,len=4}->tun_metadata0');
}

/** `br0:10 br1:11`: a pair of patch ports with these numbers. */
function addPatch(ends) {
  const [here, there] = ends.map((end) => end.split(':'));
  addPort(here[0], `patch${here[1]}`, here[1], 'type=patch', `options:peer=patch${there[1]}`);
  addPort(there[0], `patch${there[1]}`, there[1], 'type=patch', `options:peer=patch${here[1]}`);
}

/** Ports are given by name, in the columns that refer to them. */
function addMirror(bridge, [name, ...settings]) {
  const columns = settings.map((setting) => {
    const [column, value] = setting.split('=');
    if (!column.endsWith('_port')) return setting;
    return `${column}=${value.split(',').map((port) => vsctl('get', 'port', port, '_uuid').trim())}`;
  });
  const create = ['--', '--id=@m', 'create', 'mirror', `name=${name}`, ...columns];
  vsctl(...create, '--', 'add', 'bridge', bridge, 'mirrors', '@m');
}

/** Ports that are there become members of a new bond. */
function addBond([name, ...rest]) {
  const members = rest.filter((word) => !word.includes('='));
  const columns = rest.filter((word) => word.includes('='));
  for (const member of members) vsctl('del-port', member);
  const interfaces = members.flatMap((member) => {
    return ['--', 'set', 'interface', member, 'type=dummy', `ofport_request=${member.slice(1)}`];
  });
  vsctl('add-bond', 'br0', name, ...members, ...columns, ...interfaces);
}

/** Runs one line of a case; returns what it prints. */
function runLine(line) {
  const [verb, ...rest] = line.split(' ');
  const [word, bridge = 'br0'] = verb.split('@');
  const text = rest.join(' ');
  if (word === 'port') vsctl('set', 'port', ...rest);
  else if (word === 'bond') addBond(rest);
  else if (word.startsWith('bond/')) appctl(word, ...rest);
  else if (word === 'link') appctl('netdev-dummy/set-admin-state', ...rest);
  else if (word === 'set') vsctl('set', 'bridge', bridge, ...rest);
  else if (word === 'mirror') addMirror(bridge, rest);
  else if (word === 'no-mirrors') vsctl('clear', 'bridge', bridge, 'mirrors');
  else if (word === 'bridge') addBridge(rest[0], rest.slice(1));
  else if (word === 'patch') addPatch(rest);
  else if (word === 'mod-port') run('ovs-ofctl', 'mod-port', bridge, ...rest);
  else if (word === 'flow') addFlow(bridge, text);
  else if (word === 'meter') run('ovs-ofctl', '-OOpenFlow13', 'add-meter', bridge, text);
  else if (word === 'group') run('ovs-ofctl', '-OOpenFlow15', 'add-group', bridge, text);
  else if (word === 'packet') appctl('ofproto/trace', bridge, text, '-generate');
  else if (word === 'warp') appctl('time/warp', text, '500');
  else if (word === 'vlan-limit') vsctl('set', 'Open_vSwitch', '.', `other_config:vlan-limit=${text}`);
  else if (word === 'trace') return appctl('ofproto/trace', bridge, ...rest);
  else throw new Error(`what is ${word}?`);
  return '';
}

/** 1.0's own actions by 1.0, which keeps their names; the others by 1.3. */
function addFlow(bridge, text) {
  const is10 = /mod_|strip_vlan|enqueue|controller/.test(text);
  for (const version of is10 ? ['OpenFlow10', 'OpenFlow13'] : ['OpenFlow13', 'OpenFlow10']) {
    try {
      return run('ovs-ofctl', `-O${version}`, 'add-flow', bridge, text);
    } catch (error) {
      if (version === (is10 ? 'OpenFlow13' : 'OpenFlow10')) throw error;
    }
  }
}

function record(file) {
  const out = [];
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line.startsWith('|')) continue;
    out.push(line);
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('== ')) freshBridges();
    else for (const printed of runLine(line).split('\n').slice(0, -1)) out.push(`| ${printed}`.trimEnd());
  }
  writeFileSync(file, out.join('\n'));
}

const children = await startSwitch();
try {
  for (const file of process.argv.slice(2)) record(file);
} finally {
  for (const child of children) child.kill();
  rmSync(rundir, { recursive: true, force: true });
}
