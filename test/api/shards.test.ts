import { expect, test } from 'vitest'
import { addressOf, client, content, folder, hashes, onDisk, seeder } from './swarm.ts'

test('eight torrents are spread over the shards, and at least two of these are busy', async () => {
  const wanted = await Promise.all(Array.from({ length: 8 }, () => content({ 'a.bin': 1_000_000 })))
  const [first, ...others] = wanted
  if (!first) throw new Error('no content')
  const seed = await seeder(first, { shards: 4 })
  for (const { torrent, folder: path } of others) await (await seed.client.add(torrent, { path, mode: 'seed' })).ready()
  const leech = await client({ shards: 4 })
  const before = leech.loads().map(({ busy }) => busy)
  expect(before).toHaveLength(4)
  const downloads = await Promise.all(
    wanted.map(async (of) => {
      const path = folder()
      const torrent = await leech.add(of.torrent, { path, peers: [addressOf(seed.client)] })
      return { of, path, torrent }
    }),
  )
  await Promise.all(downloads.map(({ torrent }) => torrent.done()))
  for (const { of, path } of downloads) expect(onDisk(path)).toEqual(hashes(of))
  expect(leech.loads().map(({ torrents }) => torrents)).toEqual([2, 2, 2, 2])
  await expect.poll(() => leech.loads().filter(({ busy }, at) => busy > (before[at] ?? 0)).length).toBeGreaterThan(1)
  await expect.poll(() => seed.client.loads().filter(({ busy }) => busy > 0).length).toBeGreaterThan(1)
  // What came since the last call is shorter one day; the longest of all never is.
  const longest = () => Math.max(...leech.loads({ anew: true }).map(({ longestTurn }) => longestTurn))
  const all = longest()
  await expect.poll(longest).toBeLessThan(all)
})
