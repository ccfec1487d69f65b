import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemStatistics } from '../../../src/daemon/system-statistics.ts';
import { tempDir } from '../../support/sockets.ts';

it('systemStatistics() describes the machine as ovs-vswitchd.conf.db(5) says, and no process without a locked pidfile', () => {
  using dir = tempDir();
  writeFileSync(join(dir.path, 'stale.pid'), `${process.pid}\n`);
  const statistics = systemStatistics(dir.path);
  expect(statistics).toMatchObject({
    cpu: expect.stringMatching(/^[1-9]\d*$/),
    load_average: expect.stringMatching(/^\d+\.\d\d,\d+\.\d\d,\d+\.\d\d$/),
    memory: expect.stringMatching(/^\d+(,\d+){4}$/),
  });
  const [total, used] = statistics['memory']!.split(',').map(Number);
  expect(used).toBeLessThan(total!);
  expect(Object.keys(statistics).filter((key) => key.startsWith('process_'))).toEqual([]);
});
