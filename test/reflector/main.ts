// A guest on a vhost-user port that sends every frame back to where it came from, its MAC addresses swapped: a program of
// its own, for machines in which no tests run. Argument: the port's socket.
import { setTimeout as sleep } from 'node:timers/promises';
import { VhostGuest } from '../support/guest/vhost-guest.ts';

const guest = await VhostGuest.connect(process.argv[2]!);
console.log('reflecting');
for (;;) {
  for (const frame of guest.pollFrames()) {
    const [destination, source] = [frame.slice(0, 6), frame.slice(6, 12)];
    frame.set(source, 0);
    frame.set(destination, 6);
    await guest.sendFrame(frame);
  }
  await sleep(2);
}
