// The other end of the control socket: runs one command in a daemon.

import { JsonRpcError, JsonRpcPeer } from '../json-rpc/peer.ts';
import { dial } from '../json-rpc/remote.ts';

export type UnixctlReply = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly text: string };

/** Sends a command to the socket at `path`. Rejects with the system's error, or ConnectionLost when the peer ends. */
export async function unixctlCall(path: string, command: string, args: readonly string[]): Promise<UnixctlReply> {
  const peer = new JsonRpcPeer(await dial(`unix:${path}`), {});
  try {
    return { ok: true, text: asText(await peer.request(command, args)) };
  } catch (error) {
    if (error instanceof JsonRpcError) return { ok: false, text: asText(error.error) };
    throw error;
  } finally {
    peer.close();
  }
}

function asText(reply: unknown): string {
  return typeof reply === 'string' ? reply : JSON.stringify(reply);
}
