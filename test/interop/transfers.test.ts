// We fetch from each foreign client and each fetches from us; bytes are compared on disk.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Network, unavailable } from './network.ts'
import { type Content, digest, makeContent } from './peers/content.ts'
import { type Foreign, foreignClients, opentracker } from './peers/foreign.ts'
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

beforeAll(async () => {
  if (reason) return
  base = mkdtempSync(join(process.env.BITLODE_TMP ?? '/var/tmp', 'bitlode-interop-'))
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
  readonly tracker: string | null
}

let casts = 0
async function stage(shape: string, foreign: Foreign, act: (cast: Cast) => Promise<void>): Promise<void> {
  casts += 1
  const content = contents.get(shape)
  if (!content) throw new Error(`no content for ${shape}`)
  const network = new Network(`t${casts}`)
  const into = join(base, `into-${casts}`)
  mkdirSync(into)
  try {
    const cast = {
      network,
      content,
      into,
      state: (name: string) => join(base, `state-${casts}-${name}`),
      tracker: null,
    }
    if (!foreign.needsTracker) return await act(cast)
    const hash = network.exec('transmission-show', content.torrent).match(/Hash: ([0-9a-f]{40})/)?.[1] ?? ''
    const tracker = await opentracker(network, cast.state('tracker'), [hash])
    const torrent = join(base, `tracked-${casts}.torrent`)
    network.exec('cp', content.torrent, torrent)
    network.exec('transmission-edit', '-a', tracker.url, torrent)
    await act({ ...cast, content: { ...content, torrent }, tracker: tracker.url })
  } finally {
    await network.close()
    rmSync(into, { recursive: true, force: true })
  }
}

async function expectSame(cast: Cast): Promise<void> {
  const want = await digest(cast.content.folder)
  expect(want.size).toBeGreaterThan(0)
  expect(await digest(cast.into)).toEqual(want)
}

function report(direction: string, foreign: Foreign, cast: Cast): void {
  process.stdout.write(
    `interop: ${direction} ${foreign.name} ${foreign.version}: ${cast.content.bytes} bytes, ${cast.content.name}\n`,
  )
}

describe.skipIf(reason !== null)(`transfers ${reason ?? ''}`, () => {
  describe.each(clients.map((client) => [client.name, client] as const))('%s', (_name, foreign) => {
    test.each(Object.keys(shapes))('seeds %s to us', (shape) =>
      stage(shape, foreign, async (cast) => {
        const [theirs, ours] = [cast.network.host(), cast.network.host()]
        const job = {
          torrent: cast.content.torrent,
          folder: cast.content.folder,
          host: theirs,
          port: 6881,
          peers: [],
          state: cast.state('foreign'),
        }
        // A tracked seeder that hears of no leechers hangs up, so we announce first.
        if (foreign.needsTracker) {
          const { done } = await download(cast.network, cast.content.torrent, cast.into, {
            listen: `${ours}:6881`,
            peers: [`${theirs}:6881`],
          })
          await foreign.seed(cast.network, job)
          await done
        } else {
          await foreign.seed(cast.network, job)
          const { done } = await download(cast.network, cast.content.torrent, cast.into, {
            listen: `${ours}:6881`,
            peers: [`${theirs}:6881`],
          })
          await done
        }
        await expectSame(cast)
        report('we leech from', foreign, cast)
      }),
    )

    test.each(Object.keys(shapes))('leeches %s from us', (shape) =>
      stage(shape, foreign, async (cast) => {
        const [theirs, ours] = [cast.network.host(), cast.network.host()]
        await seed(cast.network, cast.content.torrent, cast.content.folder, { listen: `${ours}:6881` })
        const { running, done } = await foreign.leech(cast.network, {
          torrent: cast.content.torrent,
          folder: cast.into,
          host: theirs,
          port: 6881,
          peers: [`${ours}:6881`],
          state: cast.state('foreign'),
        })
        await done
        // libtorrent says done up to half a second before its last bytes are in the file: it is stopped, then looked at.
        await running.stop()
        await expectSame(cast)
        report('we seed to', foreign, cast)
      }),
    )
  })

  const magnetSeeder = clients.find((client) => client.name.startsWith('libtorrent'))
  test.skipIf(!magnetSeeder)('a magnet link with a manual peer is fetched from libtorrent, metadata and all', () =>
    stage('many files', magnetSeeder as Foreign, async (cast) => {
      const [theirs, ours] = [cast.network.host(), cast.network.host()]
      const hash = cast.network.exec('transmission-show', cast.content.torrent).match(/Hash: ([0-9a-f]{40})/)?.[1]
      await (magnetSeeder as Foreign).seed(cast.network, {
        torrent: cast.content.torrent,
        folder: cast.content.folder,
        host: theirs,
        port: 6881,
        peers: [],
        state: cast.state('foreign'),
      })
      const { done } = await download(cast.network, `magnet:?xt=urn:btih:${hash}`, cast.into, {
        listen: `${ours}:6881`,
        peers: [`${theirs}:6881`],
      })
      await done
      await expectSame(cast)
      report('magnet from', magnetSeeder as Foreign, cast)
    }),
  )

  test.skipIf(!magnetSeeder).each([1, 4])(
    'with %i shards the exact multiple comes from and goes to libtorrent',
    (shards) =>
      stage('exact multiple', magnetSeeder as Foreign, async (cast) => {
        const [theirs, ours, third] = [cast.network.host(), cast.network.host(), cast.network.host()]
        await (magnetSeeder as Foreign).seed(cast.network, {
          torrent: cast.content.torrent,
          folder: cast.content.folder,
          host: theirs,
          port: 6881,
          peers: [],
          state: cast.state('seed'),
        })
        const first = await download(cast.network, cast.content.torrent, cast.into, {
          listen: `${ours}:6881`,
          peers: [`${theirs}:6881`],
          shards,
          seed: true,
        })
        await first.done
        await expectSame(cast)
        rmSync(cast.into, { recursive: true })
        mkdirSync(cast.into)
        await first.running.stop()
        await seed(cast.network, cast.content.torrent, cast.content.folder, { listen: `${ours}:6882`, shards })
        const { running, done } = await (magnetSeeder as Foreign).leech(cast.network, {
          torrent: cast.content.torrent,
          folder: cast.into,
          host: third,
          port: 6881,
          peers: [`${ours}:6882`],
          state: cast.state('leech'),
        })
        await done
        await running.stop()
        await expectSame(cast)
        report(`${shards} shards, both ways,`, magnetSeeder as Foreign, cast)
      }),
  )

  test('a swarm of five of ours and three of theirs completes from two seeders each, through opentracker', async () => {
    const shape = contents.get('many files')
    if (!shape) throw new Error('no content')
    const network = new Network('swarm')
    const folders: string[] = []
    try {
      const hash = network.exec('transmission-show', shape.torrent).match(/Hash: ([0-9a-f]{40})/)?.[1] ?? ''
      const tracker = await opentracker(network, join(base, 'state-swarm-tracker'), [hash])
      const torrent = join(base, 'swarm.torrent')
      network.exec('cp', shape.torrent, torrent)
      network.exec('transmission-edit', '-a', tracker.url, torrent)
      const folder = (name: string) => {
        const path = join(base, `swarm-${name}`)
        mkdirSync(path, { recursive: true })
        folders.push(path)
        return path
      }
      const ours = []
      for (let at = 0; at < 5; at += 1)
        ours.push(
          await download(network, torrent, folder(`ours-${at}`), { listen: `${network.host()}:6881`, seed: true }),
        )
      const job = (name: string, into: string) => ({
        torrent,
        folder: into,
        host: network.host(),
        port: 6881,
        peers: [],
        state: join(base, `state-swarm-${name}`),
      })
      const theirs = []
      for (const client of clients)
        theirs.push(await client.leech(network, job(client.name, folder(client.name.replaceAll(' ', '-')))))
      for (let at = 0; at < 2; at += 1) await seed(network, torrent, shape.folder, { listen: `${network.host()}:6881` })
      for (const client of clients.slice(0, 2)) await client.seed(network, job(`seed-${client.name}`, shape.folder))
      await Promise.all([...ours.map(({ done }) => done), ...theirs.map(({ done }) => done)])
      await Promise.all(theirs.map(({ running }) => running.stop()))
      const want = await digest(shape.folder)
      for (const path of folders) expect(await digest(path), path).toEqual(want)
      process.stdout.write(
        `interop: swarm of 5 ours, ${clients.map(({ name, version }) => `${name} ${version}`).join(', ')}; 2 + 2 seeders: ${shape.bytes} bytes each\n`,
      )
    } finally {
      await network.close()
    }
  })
})
