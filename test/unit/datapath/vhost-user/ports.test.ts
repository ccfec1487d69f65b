// How connections come about: the listening port and its socket file, the dialling port and its patience.
import { existsSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { close } from '../../../../lib/syscalls/fd.ts';
import { unixListen } from '../../../../lib/syscalls/unix-socket.ts';
import { FrontEnd, FrontEndListener } from '../../../support/guest/front-end.ts';
import { VhostGuest } from '../../../support/guest/vhost-guest.ts';
import { eventually, VhostPortRig } from '../../../support/guest/vhost-port-rig.ts';

let rig: VhostPortRig;
beforeEach(() => {
  rig = new VhostPortRig();
});
afterEach(() => rig.close());

describe('dpdkvhostuser', () => {
  it('refuses a second guest and keeps the first', async () => {
    const port = await rig.server('vhu0');
    const guest = await VhostGuest.connect(rig.path('vhu0'));
    const second = await FrontEnd.connect(rig.path('vhu0'));
    await second.closed;
    await guest.sync();
    expect(port.linkUp).toBe(true);
    guest.close();
  });

  it('takes a next guest only when the last has given everything back', async () => {
    await rig.server('vhu0');
    const guest = await VhostGuest.connect(rig.path('vhu0'));
    const device = rig.services.last;
    guest.close();
    const next = await VhostGuest.connect(rig.path('vhu0'));
    expect(device.closed).toBe(true);
    expect(rig.services.devices.length).toBe(2);
    next.close();
  });

  it('replaces the socket file of a process that is gone', async () => {
    close(unixListen(rig.path('vhu0')));
    const port = await rig.server('vhu0');
    expect(port.error).toBeUndefined();
    (await VhostGuest.connect(rig.path('vhu0'))).close();
  });

  it('leaves a socket that someone listens on, and a file that is none, and names them', async () => {
    const other = unixListen(rig.path('vhu0'));
    writeFileSync(rig.path('vhu1'), 'precious');
    const [taken, file] = [await rig.server('vhu0'), await rig.server('vhu1')];
    expect(taken.error).toMatch(/vhu0 is in use by another process/);
    expect(file.error).toMatch(/vhu1 is in the way: it is not a socket/);
    await taken.close();
    await file.close();
    expect([existsSync(rig.path('vhu0')), existsSync(rig.path('vhu1'))]).toEqual([true, true]);
    close(other);
  });

  it('removes its own socket file when it closes', async () => {
    const port = await rig.server('vhu0');
    await port.close();
    expect(existsSync(rig.path('vhu0'))).toBe(false);
  });

  it('has no name with a slash', async () => {
    await expect(rig.server('a/b')).rejects.toThrow(/has no '\/'/);
  });
});

describe('dpdkvhostuserclient', () => {
  it('dials until the guest listens, and again when it comes back', async () => {
    const port = await rig.client('vhc0', { 'vhost-server-path': rig.path('guest') });
    expect([port.linkUp, port.error]).toEqual([false, undefined]);
    await sleep(50);
    for (let round = 0; round < 2; round++) {
      const listener = new FrontEndListener(rig.path('guest'));
      const guest = await VhostGuest.accept(listener);
      expect(port.status()).toMatchObject({ mode: 'client', status: 'connected', socket: rig.path('guest') });
      expect(port.linkUp).toBe(true);
      guest.close();
      listener.close();
      await eventually(() => !port.connected, 'disconnected');
      expect(port.linkUp).toBe(false);
    }
  });

  it('moves to another path in place', async () => {
    const listeners = ['one', 'two'].map((name) => new FrontEndListener(rig.path(name)));
    const port = await rig.client('vhc0', { 'vhost-server-path': rig.path('one') });
    const first = await VhostGuest.accept(listeners[0]!);
    expect(await port.reconfigure(rig.clientSpec('vhc0', { 'vhost-server-path': rig.path('two') }))).toBe(true);
    await first.frontEnd.closed;
    const second = await VhostGuest.accept(listeners[1]!);
    expect(port.status()).toMatchObject({ socket: rig.path('two') });
    for (const guest of [first, second]) guest.close();
    for (const listener of listeners) listener.close();
  });

  it('says what is missing without a path', async () => {
    const port = await rig.client('vhc0', {});
    expect(port.error).toMatch(/vhost-server-path/);
    await port.reconfigure(rig.clientSpec('vhc0', { 'vhost-server-path': rig.path('guest') }));
    expect(port.error).toBeUndefined();
  });
});
