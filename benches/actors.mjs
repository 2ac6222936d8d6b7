// The clients of the benchmark: each seeds or leeches one torrent, says when it has all within `patience` seconds, and
// reports its version.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { aria2Command, aria2Done, aria2Version } from '../test/interop/peers/commands.mjs'
import { event } from './measure.mjs'

export const project = fileURLToPath(new URL('../', import.meta.url))
export const cli = join(project, 'dist/cli/main.js')
const loopwatch = join(project, 'benches/loopwatch.mjs')
const python = join(project, 'target/peers/libtorrent/bin/python')
const peerScript = join(project, 'test/interop/peers/libtorrent_peer.py')
const foreign = join(project, 'target/peers/npm')

/** Ours: the shipped command line with its default settings. */
export const ours = {
  name: 'bitlode',
  watched: true,
  version: () => JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')).version,
  missing: () => null,
  async seed(stage, { torrent, folder, host, patience }) {
    const actor = stage.start('bitlode seed', [
      process.execPath,
      cli,
      'seed',
      torrent,
      folder,
      '--listen',
      `${host}:6881`,
      '--json',
    ])
    await actor.line(event('ready'), patience)
    return actor
  },
  async leech(stage, { torrent, into, host, peers, watch, patience }) {
    const preload = watch ? ['--import', loopwatch] : []
    const words = [
      process.execPath,
      ...preload,
      cli,
      'download',
      torrent,
      '--path',
      into,
      '--listen',
      `${host}:6881`,
      '--seed',
      '--json',
    ]
    const actor = stage.start('bitlode download', [...words, ...peers.flatMap((peer) => ['--peer', peer])], {
      env: watch ? { LOOPWATCH: watch } : {},
    })
    return { actor, ready: actor.line(event('ready'), patience), done: actor.line(event('done'), patience) }
  },
}

const libtorrentMissing = () => (existsSync(python) ? null : 'libtorrent 2.1.1 is not installed')
function libtorrent(tuned) {
  const start = async (stage, mode, { torrent, folder, host, peers }) => {
    const words = { mode, torrent, path: folder, listen: `${host}:6881`, peers: peers ?? [], tuned }
    const actor = stage.start(`libtorrent ${mode}`, [python, peerScript, JSON.stringify(words)])
    await actor.line(event('ready'), 60)
    return actor
  }
  return {
    name: tuned ? 'libtorrent tuned' : 'libtorrent',
    version: () =>
      execFileSync(python, ['-c', 'import libtorrent; print(libtorrent.version)'], { encoding: 'utf8' }).trim(),
    missing: libtorrentMissing,
    seed: (stage, job) => start(stage, 'seed', job),
    async leech(stage, job) {
      const actor = await start(stage, 'leech', { ...job, folder: job.into })
      return { actor, done: actor.line(event('done'), job.patience) }
    },
  }
}
export const lt = libtorrent(false)
export const ltTuned = libtorrent(true)

/** aria2 leeches by tracker only, so its transfers run through opentracker. */
export const aria2 = {
  name: 'aria2',
  version: aria2Version,
  missing: () => (spawnSync('aria2c', ['--version']).error ? 'aria2 is not installed' : null),
  needsTracker: true,
  async seed(stage, job) {
    const actor = stage.start('aria2 seed', aria2Command({ ...job, port: 6881, seeding: true }))
    await stage.listening(`${job.host}:6881`, 30)
    return actor
  },
  async leech(stage, job) {
    const words = aria2Command({ ...job, folder: job.into, port: 6881, seeding: false })
    const actor = stage.start('aria2 leech', words)
    return { actor, done: actor.line(aria2Done, job.patience) }
  },
}

/** WebTorrent in Node, its WebRTC binary replaced by nothing: TCP is what is measured. */
export const webtorrent = {
  name: 'webtorrent',
  version: () => JSON.parse(readFileSync(join(foreign, 'node_modules/webtorrent/package.json'), 'utf8')).version,
  missing() {
    mkdirSync(foreign, { recursive: true })
    if (!existsSync(join(foreign, 'node_modules/webtorrent'))) {
      writeFileSync(join(foreign, 'package.json'), '{"private":true}')
      const { status } = spawnSync(
        'npm',
        ['install', '--ignore-scripts', '--no-audit', '--no-fund', 'webtorrent@3.0.21'],
        { cwd: foreign },
      )
      if (status !== 0) return 'webtorrent could not be installed'
    }
    return null
  },
  async seed(stage, { torrent, folder, host, patience }) {
    const actor = stage.start(
      'webtorrent seed',
      webtorrentCommand({ mode: 'seed', torrent, path: folder, host, peers: [] }),
    )
    await actor.line(event('ready'), patience)
    return actor
  },
  async leech(stage, { torrent, into, host, peers, patience }) {
    const actor = stage.start(
      'webtorrent leech',
      webtorrentCommand({ mode: 'leech', torrent, path: into, host, peers }),
    )
    return { actor, done: actor.line(event('done'), patience) }
  },
}

function webtorrentCommand(words) {
  return [
    process.execPath,
    '--import',
    join(project, 'benches/webtorrent-hooks.mjs'),
    join(project, 'benches/webtorrent-peer.mjs'),
    join(foreign, 'node_modules/webtorrent/index.js'),
    JSON.stringify(words),
  ]
}
