// Log records to syslogd: datagrams (RFC 3164) to the local one's UNIX socket, or to one elsewhere over UDP. Neither
// waits for the reader.

import { createSocket } from 'node:dgram';
import { closeSync, existsSync } from 'node:fs';
import { UserError } from '../../../lib/errors.ts';
import { openDatagramSocket, sendDatagram } from '../../../lib/syscalls/process.ts';
import { formatRecord } from './log-pattern.ts';
import { type LogOutput, SYSLOG_PREFIX, type Vlog } from './vlog.ts';

/** Where syslog(3) sends. */
const DEV_LOG = '/dev/log';
/** The prefix as syslog(3) sends it: a local syslogd adds the host's name itself. */
const LOCAL_PREFIX = '<%B>%D{%h %e %T} %A: ';

/** Sends to what `method` names (ovs-vswitchd(8), --syslog-method) and to `target` (HOST:PORT). Throws UserError. */
export function syslogOutput(vlog: Vlog, method: string, target: string | undefined): LogOutput {
  const outputs = [methodOutput(vlog, method), target === undefined ? undefined : udpOutput(vlog, target)];
  const used = outputs.filter((output) => output !== undefined);
  return {
    write: (record, text) => {
      for (const output of used) output.write(record, text);
    },
    flush: () => {},
    close: async () => {
      await Promise.all(used.map((output) => output.close()));
    },
  };
}

function methodOutput(vlog: Vlog, method: string): LogOutput | undefined {
  const [kind, rest] = splitOnce(method);
  if (method === 'null') return undefined;
  if (method === 'libc') return existsSync(DEV_LOG) ? unixOutput(vlog, DEV_LOG, LOCAL_PREFIX) : undefined;
  if (kind === 'unix' && rest !== '') return unixOutput(vlog, rest, SYSLOG_PREFIX);
  if (kind === 'udp' && rest !== '') return udpOutput(vlog, rest);
  throw new UserError(`${method}: unknown syslog method; expected libc, null, unix:FILE or udp:IP:PORT`);
}

function splitOnce(text: string): [string, string] {
  const colon = text.indexOf(':');
  return colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
}

function unixOutput(vlog: Vlog, path: string, prefix: string): LogOutput {
  const fd = openDatagramSocket();
  return {
    write: (record, text) => sendDatagram(fd, path, Buffer.from(formatRecord(prefix, record, vlog) + text())),
    flush: () => {},
    close: async () => closeSync(fd),
  };
}

function udpOutput(vlog: Vlog, target: string): LogOutput {
  const [, host, port] = /^\[?([^\]]+?)\]?:(\d+)$/.exec(target) ?? [];
  if (host === undefined) throw new UserError(`${target}: expected IP:PORT of a syslog server`);
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  // An unreachable server costs its own messages only.
  socket.on('error', () => {});
  socket.unref();
  return {
    write: (record, text) => socket.send(formatRecord(SYSLOG_PREFIX, record, vlog) + text(), Number(port), host),
    flush: () => {},
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}
