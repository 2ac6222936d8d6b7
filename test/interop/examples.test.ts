// The examples of the façade, compiled from the packages of the crates and not from this folder, against libtorrent.
import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildExamples, packCrates, packedFiles } from '../../.ci/examples.mjs'
import { Network, unavailable } from './network.ts'
import { type Content, digest, makeContent } from './peers/content.ts'
import { foreignClients, infoHash } from './peers/foreign.ts'

const reason = unavailable()
const foreign = reason ? undefined : foreignClients().clients.find(({ name }) => name === 'libtorrent 2.1')
const root = new URL('../../', import.meta.url).pathname

/** What nobody but this project has a use for. */
const kept = ['netsim']

/** What a package has beside its code, and what cargo adds where it finds a repository. */
const beside = ['Cargo.lock', 'Cargo.toml', 'Cargo.toml.orig', 'LICENSE', 'LICENSE-APACHE', 'README.md']
const added = '.cargo_vcs_info.json'

let base = ''
let packages = new Map<string, string>()
let programs = ''
let content: Content

beforeAll(async () => {
  packages = await packCrates()
  programs = await buildExamples(packages)
  base = mkdtempSync(join(process.env.BITLODE_TMP ?? '/var/tmp', 'bitlode-examples-'))
  const folder = join(base, 'content')
  mkdirSync(folder)
  const files = [
    ['one.bin', 9 * (1 << 20) + 4_321],
    ['deep/er/empty.bin', 0],
    ['deep/two.bin', 1],
    ['three.bin', 11 * (1 << 20)],
  ] as const
  content = await makeContent(folder, 'examples', files, 262_144, 7)
}, 900_000)

afterAll(() => {
  if (base) rmSync(base, { recursive: true, force: true })
})

test('every crate but those for development is a package with description, licence, repository and README', () => {
  const crates = readdirSync(join(root, 'crates')).filter((name) => !kept.includes(name))
  const names = crates.map((name) => (name === 'bitlode' ? name : `bitlode-${name}`))
  expect([...packages.keys()].sort()).toEqual(names.sort())
  for (const [name, crate] of packages) {
    const files = packedFiles(crate)
    const manifest = String(files.get('Cargo.toml'))
    for (const [key, value] of [
      ['description', '.{20,}'],
      ['license', 'MIT OR Apache-2\\.0'],
      ['readme', 'README\\.md'],
      ['repository', 'https://.+'],
    ])
      expect(manifest, name).toMatch(new RegExp(`^${key} = "${value}"$`, 'm'))
    expect(manifest, name).not.toMatch(/^path = ".*\.\./m)
    expect(String(files.get('README.md')), name).toMatch(new RegExp(`^# ${name}\n\n\\S`))
    // Tests and what measures read what lies beside the crates: who has only the package could not run them.
    const code = name === 'bitlode' ? /^(src|examples)\/.*\.rs$/ : /^src\/.*\.rs$/
    expect([...files.keys()].filter((path) => !code.test(path) && path !== added).sort(), name).toEqual(beside)
    for (const licence of ['LICENSE', 'LICENSE-APACHE'])
      expect(files.get(licence)?.equals(readFileSync(join(root, licence))), `${name}: ${licence}`).toBe(true)
  }
})

test('verify lists the files and finds the one piece that is wrong', () => {
  const copy = join(base, 'copy')
  execFileSync('cp', ['-r', content.folder, copy])
  const verify = () => spawnSync(join(programs, 'verify'), [content.torrent, copy], { encoding: 'utf8' })
  const whole = verify()
  expect(whole).toMatchObject({ status: 0, stderr: '' })
  expect(whole.stdout).toMatch(/^ +9441505 examples\/one\.bin$/m)
  expect(whole.stdout).toMatch(/^81 of 81 pieces are right$/m)
  const file = openSync(join(copy, 'examples/one.bin'), 'r+')
  const [byte] = readFileSync(join(copy, 'examples/one.bin')).subarray(4_000_000)
  writeSync(file, Uint8Array.of((byte ?? 0) ^ 1), 0, 1, 4_000_000)
  closeSync(file)
  const damaged = verify()
  expect(damaged.status).toBe(1)
  expect(damaged.stdout).toMatch(/^80 of 81 pieces are right$/m)
})

describe.skipIf(!foreign)(`libtorrent 2.1 ${reason ?? ''}`, () => {
  async function stage(label: string, act: (network: Network, into: string) => Promise<void>): Promise<void> {
    const network = new Network(label)
    const into = join(base, label)
    mkdirSync(into)
    try {
      await act(network, into)
    } finally {
      await network.close()
    }
    const want = await digest(content.folder, content)
    expect(want.size).toBe(4)
    expect(await digest(into, content)).toEqual(want)
  }

  const job = (host: string, folder: string, peers: readonly string[] = []) => ({
    torrent: content.torrent,
    folder,
    host,
    port: 6881,
    peers,
    state: join(base, 'state'),
  })

  test('leeches from serve, which ends when its standard input does', () =>
    stage('serve', async (network, into) => {
      const [ours, theirs] = [network.host(), network.host()]
      const words = [content.torrent, content.folder, `${ours}:6881`]
      const serve = network.start('serve', ours, join(programs, 'serve'), words, {}, 'pipe')
      await serve.line((line) => line === 'serving 81 pieces' || null, 60)
      const { running, done } = await foreign!.leech(network, job(theirs, into, [`${ours}:6881`]))
      await done
      // What it has downloaded is in the files when it has ended.
      await running.stop()
      serve.child.stdin?.end()
      expect(await serve.ended, serve.output()).toBe(0)
    }))

  test.each(['file', 'magnet'])('seeds to download, which is given a %s', (source) =>
    stage(source, async (network, into) => {
      const [ours, theirs] = [network.host(), network.host()]
      await foreign!.seed(network, job(theirs, content.folder))
      const what = source === 'file' ? content.torrent : `magnet:?xt=urn:btih:${infoHash(content.torrent)}`
      const words = [what, into, `${theirs}:6881`]
      const download = network.start('download', ours, join(programs, 'download'), words)
      expect(await download.ended, download.output()).toBe(0)
      expect(download.output()).toMatch(/^81 of 81 pieces$/m)
    }),
  )
})
