// CommitBundle without a connection: how long it waits for its client.
import { expect, it } from 'vitest';
import { VirtualClock } from '../../../lib/clock.ts';
import type { Client } from '../../../src/api/call.ts';
import { commitBundle } from '../../../src/api/handlers/bundles.ts';
import type { BundleRequest } from '../../../src/api/messages.ts';
import { SharedSamples } from '../../../src/api/samples.ts';

const EMPTY: BundleRequest = { bridge: '', changes: [] };

function newClient(clock: VirtualClock): Client {
  const apiSwitch = { clock, bridges: () => [], bridge: () => undefined };
  return { switch: apiSwitch, samples: new SharedSamples(), dumps: 0, bundleBytes: 0 };
}

it('a bundle whose client falls silent ends after 10 s', async () => {
  const clock = new VirtualClock();
  const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
  const ended = commitBundle(silent, newClient(clock), () => false).catch((error) => error.status);
  await Promise.resolve();
  clock.warp(10_000);
  expect(await ended).toBe('DEADLINE_EXCEEDED');
});

it('a client that goes on in time is waited for', async () => {
  const clock = new VirtualClock();
  async function* slow(): AsyncGenerator<BundleRequest> {
    for (let n = 0; n < 3; n++) {
      clock.warp(9_000);
      yield EMPTY;
    }
  }
  const ended = commitBundle(slow(), newClient(clock), () => false).catch((error) => error.status);
  expect(await ended).not.toBe('DEADLINE_EXCEEDED');
});
