import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../../lib/errors.ts';
import { unixctlCall } from '../../../src/unixctl/client.ts';
import { CommandRegistry } from '../../../src/unixctl/command.ts';
import { UnixctlServer } from '../../../src/unixctl/server.ts';

describe('UnixctlServer', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-unixctl-'));
  const path = join(folder, 'x.ctl');
  let server: UnixctlServer;

  beforeEach(async () => {
    const commands = new CommandRegistry();
    const plain = { usage: '', minArgs: 0, maxArgs: 9 };
    commands.register(
      { ...plain, name: 'say', handler: (args) => args.join(' ') },
      { ...plain, name: 'slow', handler: () => new Promise((resolve) => setTimeout(() => resolve('slow'), 50)) },
      {
        ...plain,
        name: 'fail',
        handler: () => {
          throw new UserError('no such bridge');
        },
      },
    );
    server = await UnixctlServer.listen(path, commands);
  });
  afterEach(() => server.close());
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Sends `text` on one connection; resolves to what came back once it holds `until`, or the server hung up. */
  function exchange(text: string, until: string): Promise<string> {
    return new Promise((resolve) => {
      let received = '';
      const socket = connect(path, () => socket.write(text));
      socket.on('data', (bytes) => {
        received += String(bytes);
        if (received.includes(until)) socket.destroy();
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve(received));
    });
  }

  it('answers commands with one line feed at the end, errors as errors', async () => {
    expect(statSync(path).mode & 0o777).toBe(0o750);
    expect(await unixctlCall(path, 'say', ['a', 'b'])).toEqual({ ok: true, text: 'a b\n' });
    expect(await unixctlCall(path, 'fail', [])).toEqual({ ok: false, text: 'no such bridge\n' });
  });

  it('replies in the order of the requests', async () => {
    const requests = [
      '{"id":1,"method":"slow","params":[]}',
      '{"id":"b","method":"say","params":["x"]}{"id":3,"method":"say","params":[4]}',
    ];
    expect(await exchange(requests.join(''), 'non-string')).toBe(
      '{"id":1,"result":"slow\\n","error":null}{"id":"b","result":"x\\n","error":null}' +
        '{"id":3,"error":"\\"say\\" command has non-string argument\\n"}',
    );
  });

  it.each([
    '{"id":1,"method":"say"}',
    '{"id":null,"method":"say","params":[]}',
    '{xxx',
    '[1]',
    `{"id":${'['.repeat(100)}`,
  ])('hangs up on %s and goes on serving others', async (text) => {
    expect(await exchange(`${text}}`, '"result"')).toBe('');
    expect(await unixctlCall(path, 'say', ['still here'])).toEqual({ ok: true, text: 'still here\n' });
  });
});
