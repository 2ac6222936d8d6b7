import { defineConfig } from 'vitest/config'

// Sockets and disks are shared by the tests of one file only; heavy files would starve each other on two cores.
const common = {
  env: { BITLODE_NATIVE: 'debug' },
  testTimeout: 30_000,
  hookTimeout: 30_000,
  maxWorkers: 2,
  pool: 'forks' as const,
}

const packed = 'test/boundary/pack.test.ts'

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/interop/**', 'test/long/**', packed],
          ...common,
        },
      },
      // What .ci/pack.mjs made, as applications have it: without the variable that takes the debug addon.
      { test: { name: 'packages', include: [packed], ...common, env: {} } },
      {
        test: {
          name: 'interop',
          include: ['test/interop/**/*.test.ts'],
          ...common,
          env: { BITLODE_NATIVE: 'release' },
          testTimeout: 300_000,
          hookTimeout: 120_000,
          maxWorkers: 1,
        },
      },
    ],
  },
})
