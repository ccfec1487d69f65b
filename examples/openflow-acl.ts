// Pushes an access list over OpenFlow 1.3, with weft's own codecs: the TCP ports named are blocked, everything else is
// switched. Prints what the switch refuses, and ends when all is in force.
//
//   node dist/examples/openflow-acl.js /var/run/openvswitch/br0.mgmt 22 23

import { connect } from 'node:net';
import { MessageReader } from '../ofproto/connmgr/message-reader.ts';
import { OFP13_VERSION, type OfMessage } from '../ofproto/model/messages.ts';
import { parseFlow } from '../ofproto/text/parse-flow.ts';
import { decodeMessage, encodeMessage } from '../ofproto/wire/index.ts';

const [, , path = '/var/run/openvswitch/br0.mgmt', ...blocked] = process.argv;
const flows = ['priority=0 actions=normal', ...blocked.map((port) => `priority=10,tcp,tp_dst=${port} actions=drop`)];

const socket = connect(path);
const reader = new MessageReader();
const send = (message: OfMessage) => {
  for (const bytes of encodeMessage(message, OFP13_VERSION)) socket.write(bytes);
};

socket.on('connect', () => send({ type: 'hello', xid: 1, versions: [OFP13_VERSION] }));
socket.on('data', (chunk) => {
  reader.push(chunk);
  for (let bytes = reader.next(); bytes; bytes = reader.next()) answer(decodeMessage(bytes));
});
socket.on('error', (error) => console.error(`${path}: ${error.message}`));

function answer(message: OfMessage): void {
  if (message.type === 'hello') {
    for (const [i, text] of flows.entries()) {
      send({ type: 'flow_mod', xid: 2 + i, format: 'standard', mod: parseFlow(`table=0,${text}`, 'add') });
    }
    send({ type: 'barrier_request', xid: 2 + flows.length });
  } else if (message.type === 'echo_request') send({ ...message, type: 'echo_reply' });
  else if (message.type === 'error') console.error(`${flows[message.xid - 2] ?? 'hello'}: ${message.code}`);
  else if (message.type === 'barrier_reply') socket.end();
}
