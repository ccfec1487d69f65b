import { describe, expect, it } from 'vitest';
import { UserError } from '../../../../lib/errors.ts';
import { parseTarget } from '../../../../ofproto/connmgr/target.ts';

describe('parseTarget()', () => {
  it.each([
    ['tcp:127.0.0.1', { kind: 'tcp', host: '127.0.0.1', port: 6653 }],
    ['tcp:127.0.0.1:6633', { kind: 'tcp', host: '127.0.0.1', port: 6633 }],
    ['tcp:[::1]', { kind: 'tcp', host: '::1', port: 6653 }],
    ['tcp:[fe80::1%eth0]:1', { kind: 'tcp', host: 'fe80::1%eth0', port: 1 }],
    ['tcp:controller.example:7', { kind: 'tcp', host: 'controller.example', port: 7 }],
    ['ptcp:', { kind: 'ptcp', host: undefined, port: 6653 }],
    ['ptcp:6633', { kind: 'ptcp', host: undefined, port: 6633 }],
    ['ptcp:6633:127.0.0.1', { kind: 'ptcp', host: '127.0.0.1', port: 6633 }],
    ['ptcp::[::1]', { kind: 'ptcp', host: '::1', port: 6653 }],
    ['unix:/run/c', { kind: 'unix', path: '/run/c' }],
    ['punix:/run/c', { kind: 'punix', path: '/run/c' }],
  ])('%s', (text, expected) => expect(parseTarget(text)).toEqual(expected));

  it.each([
    '',
    'tcp',
    'tcp:',
    'tcp:1.2.3.4:x',
    'tcp:1.2.3.4:65536',
    'tcp:[1.2.3.4]',
    'tcp:::1',
    'ptcp:x',
    'unix:',
    'ssl:h',
    'udp:h',
  ])('refuses "%s"', (text) => expect(() => parseTarget(text)).toThrow(UserError));
});
