// Asks a daemon's JSON-RPC socket one question: how the harness knows that a switch answers.

import { connect } from 'node:net';

const TIMEOUT_MS = 2000;

/** True when a request sent to the unix socket `path` is answered with a result. Never throws. */
export async function answers(path: string, method: string, params: readonly string[]): Promise<boolean> {
  return (await ask(path, method, params)) !== undefined;
}

/** The answer, in JSON; undefined when there is none, or an error. */
export function ask(path: string, method: string, params: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(path);
    const done = (answer?: string) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(TIMEOUT_MS, () => done());
    socket.on('connect', () => socket.write(JSON.stringify({ id: 0, method, params })));
    socket.on('error', () => done()).on('close', () => done());
    socket.on('data', (chunk) => {
      text += chunk.toString();
      if (isWhole(text)) done(text.includes('"error":{') ? undefined : text);
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
