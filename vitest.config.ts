// Test projects: unit tests import the sources; everything that starts workers, daemons or real tools runs the build.
import { defineConfig } from 'vitest/config';

const built = { globalSetup: ['test/support/global-setup.ts'] };

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 20_000 } },
      { test: { name: 'tidy', include: ['test/tidy.test.ts'], testTimeout: 60_000 } },
      {
        test: {
          ...built,
          name: 'datapath',
          include: ['test/{conformance,guest,flows,fuzz,sim}/**/*.test.ts'],
          testTimeout: 60_000,
          pool: 'forks',
          fileParallelism: false,
        },
      },
      {
        test: {
          ...built,
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          testTimeout: 240_000,
          hookTimeout: 240_000,
          pool: 'forks',
          fileParallelism: false,
        },
      },
    ],
  },
});
