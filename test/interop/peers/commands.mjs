// The words by which foreign programs are started, and what they say: for the interop tests and the benchmark.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Output of a program that ends by itself. @throws when it cannot be started */
export function output(command, args) {
  const { stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (error) throw error
  return stdout + stderr
}

/** The v1 info-hash of a .torrent file, hexadecimal, as a program that is not ours reads it. */
export function infoHash(torrent) {
  const [, hash] = /Hash: ([0-9a-f]{40})/.exec(output('transmission-show', [torrent])) ?? []
  if (!hash) throw new Error(`${torrent} has no hash`)
  return hash
}

/**
 * opentracker for these info-hashes (hexadecimal), on port 6969. It gives up root before it reads its list, which lies in
 * the folder `state`: that and all above it must be open to everyone.
 */
export function opentrackerCommand(host, state, hashes) {
  mkdirSync(state, { recursive: true })
  const list = join(state, 'whitelist')
  writeFileSync(list, `${hashes.join('\n')}\n`)
  return ['opentracker', '-i', host, '-p', '6969', '-P', '6969', '-w', list]
}

export const announceUrl = (host) => `http://${host}:6969/announce`

export const aria2Version = () => /aria2 version (\S+)/.exec(output('aria2c', ['--version']))?.[1] ?? 'unknown'

/** aria2 with one torrent. It finds peers by tracker only. */
export function aria2Command({ torrent, folder, host, port, state, seeding }) {
  mkdirSync(state, { recursive: true })
  const done = join(state, 'done.sh')
  writeFileSync(done, '#!/bin/sh\necho BT-COMPLETE\n', { mode: 0o755 })
  return [
    'aria2c',
    '--no-conf',
    '--enable-dht=false',
    '--enable-dht6=false',
    '--bt-enable-lpd=false',
    '--enable-peer-exchange=false',
    '--seed-ratio=0',
    '--bt-stop-timeout=0',
    '--file-allocation=none',
    `--interface=${host}`,
    `--listen-port=${port}`,
    `--dir=${folder}`,
    `--on-bt-download-complete=${done}`,
    '--bt-tracker-interval=2',
    '--summary-interval=0',
    '--allow-overwrite=true',
    ...(seeding ? ['--bt-seed-unverified=true'] : []),
    torrent,
  ]
}

/** Whether this line of aria2's says that it has everything. */
export const aria2Done = (line) => /BT-COMPLETE|Download complete|seeding is over|\[SEEDING|SEED\(/i.test(line) || null
