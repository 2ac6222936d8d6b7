import { expect, test } from 'vitest'
import { Client } from '../../ts/index.ts'
import { codeOf, rejection } from '../api/codes.ts'
import { addressOf, client, content, folder, hashes, onDisk, seeder } from '../api/swarm.ts'
import { debugAddon } from './addon.ts'

const { panicInCall, setFailpoints, version } = debugAddon()

test('row 101: a panic in a call is an error with a code, and the process goes on', async () => {
  for (let round = 0; round < 10; round++) expect(codeOf(panicInCall)).toBe('ERR_INTERNAL')
  expect(version()).toMatch(/^\d/)
  const made = await content()
  const opened = await Client.open({ listen: false })
  const torrent = await opened.add(made.torrent, { path: made.folder })
  await torrent.done()
  await opened.close()
})

test('row 101: a panic in a thread of the engine ends that engine with one clear code, and no other', async () => {
  const made = await content()
  const seed = await seeder(made)
  const leech = await client()
  const failed = new Promise<{ error: { code: string; message: string } }>((resolve) => leech.once('failed', resolve))
  const torrent = await leech.add(made.torrent, { path: folder() })
  const waiting = rejection(torrent.done())
  await torrent.ready()
  setFailpoints('disk.write=panic')
  try {
    await torrent.addPeer(addressOf(seed.client))
    const { error } = await failed
    expect([error.code, error.message.includes('disk.write')]).toEqual(['ERR_INTERNAL', true])
    expect(await waiting).toBe('ERR_INTERNAL')
    expect([torrent.phase, torrent.error?.code]).toEqual(['removed', 'ERR_INTERNAL'])
  } finally {
    setFailpoints('disk.write')
  }
  expect(await rejection(leech.add(made.torrent))).toBe('ERR_CLOSED')
  await leech.close()
  expect(seed.torrent.phase).toBe('seeding')
  const [again, path] = [await client(), folder()]
  const other = await again.add(made.torrent, { path, peers: [addressOf(seed.client)] })
  await other.done()
  expect(onDisk(path)).toEqual(hashes(made))
})
