import { expect, test } from 'vitest'

/** The addons of this process, which is this file's alone. */
function addons(): string[] {
  const report = process.report as typeof process.report & { excludeNetwork?: boolean }
  report.excludeNetwork = true
  const { sharedObjects } = report.getReport() as { sharedObjects?: string[] }
  return (sharedObjects ?? []).filter((path) => path.endsWith('.node') && path.includes('bitlode'))
}

test('importing the protocols starts nothing and loads no addon before one of them needs it', async () => {
  const before = process.getActiveResourcesInfo()
  const { buildLsd, buildPacket, LSD_GROUPS } = await import('../../ts/protocol/index.ts')
  buildLsd({ host: LSD_GROUPS[4].host, port: 1, infoHashes: [new Uint8Array(20)] })
  expect(addons()).toEqual([])
  // A timer of the test runner's may end meanwhile; nothing may be added.
  const after = process.getActiveResourcesInfo()
  expect(before).toEqual(expect.arrayContaining(after))
  expect(after.length).toBeLessThanOrEqual(before.length)
  buildPacket({ kind: 'choke' })
  expect(addons()).toHaveLength(1)
})
