// The clients of the benchmark: each seeds or leeches one torrent, says when it has all, and reports its version.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { event } from './measure.mjs'

export const project = fileURLToPath(new URL('../', import.meta.url))
const cli = join(project, 'dist/cli/main.js')
const loopwatch = join(project, 'benches/loopwatch.mjs')
const python = join(project, 'target/peers/libtorrent/bin/python')
const peerScript = join(project, 'test/interop/peers/libtorrent_peer.py')
const foreign = join(project, 'target/peers/npm')

/** Ours: the shipped command line with its default settings. */
export const ours = {
  name: 'bitlode',
  version: () => JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')).version,
  missing: () => null,
  async seed(stage, { torrent, folder, host }) {
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
    await actor.line(event('ready'), 120)
    return actor
  },
  async leech(stage, { torrent, into, host, peers, watch }) {
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
    return { actor, done: actor.line(event('done'), 300) }
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
      return { actor, done: actor.line(event('done'), 300) }
    },
  }
}
export const lt = libtorrent(false)
export const ltTuned = libtorrent(true)

/** aria2 leeches by tracker only, so its transfers run through opentracker. */
export const aria2 = {
  name: 'aria2',
  version: () => /aria2 version (\S+)/.exec(execFileSync('aria2c', ['--version'], { encoding: 'utf8' }))?.[1],
  missing: () => (spawnSync('aria2c', ['--version']).error ? 'aria2 is not installed' : null),
  needsTracker: true,
  async seed(stage, { torrent, folder, host, state }) {
    return stage.start('aria2 seed', [
      'aria2c',
      ...aria2Options(host, folder, state),
      '--bt-seed-unverified=true',
      torrent,
    ])
  },
  async leech(stage, { torrent, into, host, state }) {
    const actor = stage.start('aria2 leech', ['aria2c', ...aria2Options(host, into, state), torrent])
    return { actor, done: actor.line((line) => /BT-COMPLETE|Download complete/i.test(line) || null, 300) }
  },
}

function aria2Options(host, dir, state) {
  mkdirSync(state, { recursive: true })
  const hook = join(state, 'done.sh')
  writeFileSync(hook, '#!/bin/sh\necho BT-COMPLETE\n', { mode: 0o755 })
  return [
    '--no-conf',
    '--enable-dht=false',
    '--enable-dht6=false',
    '--bt-enable-lpd=false',
    '--seed-ratio=0',
    '--file-allocation=none',
    `--interface=${host}`,
    '--listen-port=6881',
    `--dir=${dir}`,
    `--on-bt-download-complete=${hook}`,
    '--bt-tracker-interval=2',
    '--summary-interval=0',
    '--allow-overwrite=true',
  ]
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
  async seed(stage, { torrent, folder, host }) {
    const actor = stage.start(
      'webtorrent seed',
      webtorrentCommand({ mode: 'seed', torrent, path: folder, host, peers: [] }),
    )
    await actor.line(event('ready'), 300)
    return actor
  },
  async leech(stage, { torrent, into, host, peers }) {
    const actor = stage.start(
      'webtorrent leech',
      webtorrentCommand({ mode: 'leech', torrent, path: into, host, peers }),
    )
    return { actor, done: actor.line(event('done'), 300) }
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
