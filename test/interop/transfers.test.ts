// We fetch from each foreign client and each fetches from us; bytes are compared on disk.
import { createHash } from 'node:crypto'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Network, type Running, unavailable } from './network.ts'
import { type Content, digest, makeContent } from './peers/content.ts'
import { type Foreign, foreignClients, infoHash, opentracker } from './peers/foreign.ts'
import { download, seed } from './peers/ours.ts'

const reason = unavailable()
const { clients, missing } = reason ? { clients: [], missing: [] } : foreignClients()
for (const name of missing) process.stdout.write(`interop: ${name} is not installed\n`)

const MiB = 1 << 20
let base = ''
const contents = new Map<string, Content>()

/** Shapes that have broken clients: borders inside pieces, a last piece of one byte, no short piece at all. */
const shapes: Record<string, { files: (readonly [string, number])[]; pieceLength: number }> = {
  'many files': {
    files: [
      ['first.bin', 61 * MiB + 12_345],
      ['empty.bin', 0],
      ['deep/er/second.bin', 1],
      ['deep/third.bin', 93 * MiB + 7],
      ['last.bin', 46 * MiB + 4_321],
    ],
    pieceLength: 262_144,
  },
  'last piece of one byte': { files: [['', 200 * MiB + 1]], pieceLength: 1 << 20 },
  'exact multiple': { files: [['', 200 * MiB]], pieceLength: 4 << 20 },
}

/** The shapes that every client carries both ways: libtorrent all of them, the slower ones two. */
function shapesFor({ name }: Foreign): string[] {
  if (name === 'libtorrent 2.1') return Object.keys(shapes)
  return ['many files', name === 'aria2' ? 'exact multiple' : 'last piece of one byte']
}

/** Real torrents of webtorrent-fixtures, made by other clients. */
const fixtures = new URL('../../node_modules/webtorrent-fixtures/fixtures/', import.meta.url).pathname
const fixture = (torrent: string, name: string, bytes: number): Content => ({
  folder: fixtures,
  name,
  torrent: join(fixtures, `${torrent}.torrent`),
  bytes,
})

beforeAll(async () => {
  if (reason) return
  contents.set('leaves', fixture('leaves', 'Leaves of Grass by Walt Whitman.epub', 362_017))
  contents.set('alice', fixture('alice', 'alice.txt', 163_783))
  contents.set('numbers', fixture('numbers', 'numbers', 6))
  base = mkdtempSync(join(process.env.BITLODE_TMP ?? '/var/tmp', 'bitlode-interop-'))
  // The tracker gives up root before it reads its list.
  chmodSync(base, 0o755)
  let number = 0
  for (const [name, { files, pieceLength }] of Object.entries(shapes)) {
    number += 1
    const folder = join(base, `content-${number}`)
    mkdirSync(folder)
    contents.set(name, await makeContent(folder, name.replaceAll(' ', '-'), files, pieceLength, number))
  }
})

afterAll(() => {
  if (base) rmSync(base, { recursive: true, force: true })
})

interface Cast {
  readonly network: Network
  readonly content: Content
  readonly into: string
  readonly state: (name: string) => string
}

let casts = 0
async function stage(shape: string, tracked: boolean, act: (cast: Cast) => Promise<void>): Promise<void> {
  casts += 1
  const number = casts
  const content = contents.get(shape)
  if (!content) throw new Error(`no content for ${shape}`)
  const network = new Network(`t${number}`)
  const into = join(base, `into-${number}`)
  const states: string[] = []
  const state = (name: string): string => {
    const path = join(base, `state-${number}-${name.replaceAll(' ', '-')}`)
    states.push(path)
    return path
  }
  mkdirSync(into)
  try {
    const cast = { network, content, into, state }
    if (!tracked) return await act(cast)
    const tracker = await opentracker(network, state('tracker'), [infoHash(content.torrent)])
    const torrent = join(base, `tracked-${number}.torrent`)
    copyFileSync(content.torrent, torrent)
    network.exec('transmission-edit', '-a', tracker.url, torrent)
    await act({ ...cast, content: { ...content, torrent } })
  } finally {
    await network.close()
    for (const path of [into, ...states]) rmSync(path, { recursive: true, force: true })
  }
}

/** The SHA-256 of a file without bytes, which Transmission does not make. */
const empty = createHash('sha256').digest('hex')

async function expectSame(content: Content, into: string, by?: Foreign): Promise<void> {
  const want = await digest(content.folder, content)
  if (by?.name === 'transmission') for (const [path, hash] of want) if (hash === empty) want.delete(path)
  expect(want.size).toBeGreaterThan(0)
  expect(await digest(into, content), into).toEqual(want)
}

const named = ({ name, version }: Foreign): string => `${name.split(' ')[0]} ${version}`

function report(what: string, foreign: Foreign, { bytes, name }: Content, begun: number): void {
  const seconds = ((performance.now() - begun) / 1000).toFixed(1)
  process.stdout.write(`interop: ${what} ${named(foreign)}: ${bytes} bytes, ${name}, ${seconds} s\n`)
}

const job = (cast: Cast, role: string, folder: string, host: string, peers: readonly string[] = []) => ({
  torrent: cast.content.torrent,
  folder,
  host,
  port: 6881,
  peers,
  state: cast.state(role),
})

/** We fetch what the foreign client seeds; `source` is what our command line is given. */
async function fetch(cast: Cast, foreign: Foreign, source: string, shards?: number): Promise<void> {
  const { network, content, into } = cast
  const [theirs, ours] = [network.host(), network.host()]
  const options = { listen: `${ours}:6881`, peers: [`${theirs}:6881`], ...(shards ? { shards } : {}) }
  const begun = performance.now()
  const theirJob = job(cast, 'seeder', content.folder, theirs)
  // A tracked seeder that hears of no leechers hangs up, so we announce first.
  if (!foreign.needsTracker) await foreign.seed(network, theirJob)
  const { running, done } = await download(network, source, into, options)
  if (foreign.needsTracker) await foreign.seed(network, theirJob)
  if (shards) expectShards(running, shards)
  const { downloaded } = await done
  expect(downloaded).toBeGreaterThanOrEqual(content.bytes)
  await expectSame(content, into)
  report('we leech from', foreign, content, begun)
}

/** The foreign client fetches what we seed. */
async function serve(cast: Cast, foreign: Foreign, shards?: number): Promise<void> {
  const { network, content, into } = cast
  const [theirs, ours] = [network.host(), network.host()]
  const listen = { listen: `${ours}:6881`, ...(shards ? { shards } : {}) }
  const seeding = await seed(network, content.torrent, content.folder, listen)
  if (shards) expectShards(seeding, shards)
  const begun = performance.now()
  const { running, done } = await foreign.leech(network, job(cast, 'leecher', into, theirs, [`${ours}:6881`]))
  await done
  // libtorrent says done up to half a second before its last bytes are in the file: it is stopped, then looked at.
  await running.stop()
  await expectSame(content, into, foreign)
  report('we seed to', foreign, content, begun)
}

function expectShards({ child }: Running, shards: number): void {
  const tasks = `/proc/${child.pid}/task`
  const names = readdirSync(tasks).map((task) => readFileSync(join(tasks, task, 'comm'), 'utf8').trim())
  expect(names.filter((name) => name.startsWith('bitlode-shard'))).toHaveLength(shards)
}

describe.skipIf(reason !== null)(`transfers ${reason ?? ''}`, () => {
  describe.each(clients.map((client) => [client.name, client] as const))('%s', (_name, foreign) => {
    // What finds its peers by a tracker waits for half a minute more than it transfers, so its tests wait side by side.
    const when = { concurrent: foreign.needsTracker }
    test.each(shapesFor(foreign))('seeds %s to us', when, (shape) =>
      stage(shape, foreign.needsTracker, (cast) => fetch(cast, foreign, cast.content.torrent)),
    )

    test.each(shapesFor(foreign))('leeches %s from us', when, (shape) =>
      stage(shape, foreign.needsTracker, (cast) => serve(cast, foreign)),
    )
  })

  const libtorrents = clients.filter(({ name }) => name.startsWith('libtorrent')).slice(0, 1)
  describe.each(libtorrents.map((client) => [client.name, client] as const))('%s', (_name, foreign) => {
    test.each(['leaves', 'alice', 'numbers'])('seeds the fixture %s to us and leeches it from us', async (shape) => {
      await stage(shape, false, (cast) => fetch(cast, foreign, cast.content.torrent))
      await stage(shape, false, (cast) => serve(cast, foreign))
    })

    test('seeds to us by a magnet link with a manual peer, metadata and all', () =>
      stage('many files', false, (cast) =>
        fetch(cast, foreign, `magnet:?xt=urn:btih:${infoHash(cast.content.torrent)}`),
      ))

    test.each([1, 4])('seeds to and leeches from us with %i shards', async (shards) => {
      await stage('exact multiple', false, (cast) => fetch(cast, foreign, cast.content.torrent, shards))
      await stage('exact multiple', false, (cast) => serve(cast, foreign, shards))
    })
  })

  const swarms = clients.length > 0
  test.skipIf(!swarms)('five leechers and two seeders of ours complete among theirs, through opentracker', () =>
    stage('many files', true, async (cast) => {
      const { network, content, into } = cast
      const begun = performance.now()
      const folders: string[] = []
      const folder = (name: string): string => {
        const path = join(into, name.replaceAll(' ', '-'))
        mkdirSync(path)
        folders.push(path)
        return path
      }
      const listen = () => ({ listen: `${network.host()}:6881` })
      const ours = []
      for (let at = 0; at < 5; at += 1)
        ours.push(await download(network, content.torrent, folder(`ours-${at}`), { ...listen(), seed: true }))
      const theirs = []
      for (const client of clients)
        theirs.push(await client.leech(network, job(cast, `leech ${client.name}`, folder(client.name), network.host())))
      for (let at = 0; at < 2; at += 1) await seed(network, content.torrent, content.folder, listen())
      const seeders = clients.filter(({ name }) => name === 'libtorrent 2.1' || name === 'aria2')
      for (const client of seeders)
        await client.seed(network, job(cast, `seed ${client.name}`, content.folder, network.host()))
      await Promise.all([...ours.map(({ done }) => done), ...theirs.map(({ done }) => done)])
      await Promise.all(theirs.map(({ running }) => running.stop()))
      for (const path of folders) {
        const by = clients.find(({ name }) => path.endsWith(`/${name.replaceAll(' ', '-')}`))
        await expectSame(content, path, by)
      }
      const seconds = ((performance.now() - begun) / 1000).toFixed(1)
      process.stdout.write(
        `interop: a swarm of 5 leechers and 2 seeders of ours, leechers ${clients.map(named).join(', ')}, ` +
          `seeders ${seeders.map(named).join(', ')}: ${content.bytes} bytes each, ${seconds} s\n`,
      )
    }),
  )
})
