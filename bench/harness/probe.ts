// Asks a daemon's JSON-RPC socket one question: how the harness knows that a switch answers.

import { connect } from 'node:net';

const TIMEOUT_MS = 2000;

/** True when a request sent to the unix socket `path` is answered with a result. Never throws. */
export function answers(path: string, method: string, params: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(path);
    const done = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(TIMEOUT_MS, () => done(false));
    socket.on('connect', () => socket.write(JSON.stringify({ id: 0, method, params })));
    socket.on('error', () => done(false)).on('close', () => done(false));
    socket.on('data', (chunk) => {
      text += chunk.toString();
      if (isWhole(text)) done(!text.includes('"error":{'));
    });
  });
}

function isWhole(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
