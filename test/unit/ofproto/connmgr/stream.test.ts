import { existsSync, linkSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { closeServer, listen } from '../../../../ofproto/connmgr/stream.ts';
import { Peer, tempDir, until } from '../../../support/sockets.ts';

describe('listen() on punix:', () => {
  it('replaces a socket that nobody answers on, lets owner and group in, and removes it at the end', async () => {
    using dir = tempDir();
    const path = join(dir.path, 'br0.mgmt');
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen({ path, exclusive: true }, resolve));
    // A crashed daemon leaves the file: keep Node from removing it.
    linkSync(path, `${path}.kept`);
    await closeServer(dead);
    renameSync(`${path}.kept`, path);

    let accepted = 0;
    const server = await listen({ kind: 'punix', path }, () => accepted++);
    expect(statSync(path).mode & 0o777).toBe(0o750);
    const peer = await Peer.connect(path);
    await until(() => accepted === 1);
    peer.socket.destroy();
    await closeServer(server);
    expect(existsSync(path)).toBe(false);
  });

  it('refuses a socket that another process serves, and a file that is none, naming it', async () => {
    using dir = tempDir();
    const path = join(dir.path, 'br0.mgmt');
    const live = await listen({ kind: 'punix', path }, (socket) => socket.destroy());
    await expect(listen({ kind: 'punix', path }, () => {})).rejects.toThrow(`${path}: another process`);
    await closeServer(live);
    writeFileSync(path, 'text');
    await expect(listen({ kind: 'punix', path }, () => {})).rejects.toThrow(`${path}: exists and is not a socket`);
  });
});
