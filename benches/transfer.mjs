// One transfer between two clients in a network of its own, measured; and the one that must not succeed.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  closeSync,
  copyFileSync,
  createReadStream,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { announceUrl, infoHash, opentrackerCommand } from '../test/interop/peers/commands.mjs'
import { event, fill, GB, Stage } from './measure.mjs'

export async function sha256(path) {
  const sum = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) sum.update(chunk)
  return sum.digest('hex')
}

/** Seconds that a transfer may take: no honest client is slower than 20 MB/s here, and one that hangs must end. */
export const patience = (bytes) => 30 + bytes / 20e6

/** Moves the content from `seeder` to `leecher`. Resolves to figures; throws when it does not complete or bytes differ. */
export async function transfer({ seeder, leecher }, content) {
  const { scratch, bytes, folder, name, digest } = content
  fill(scratch)
  const stage = new Stage()
  const into = join(scratch, 'into')
  const states = [join(scratch, 'state-a'), join(scratch, 'state-b')]
  for (const path of [into, ...states]) rmSync(path, { recursive: true, force: true })
  mkdirSync(into)
  try {
    const [a, b] = [stage.host(), stage.host()]
    const tracked = seeder.needsTracker || leecher.needsTracker
    const torrent = tracked ? await withTracker(stage, content) : content.torrent
    const watch = leecher.watched ? join(scratch, 'loop.json') : null
    if (watch) rmSync(watch, { force: true })
    const common = { torrent, folder, patience: patience(bytes) }
    const up = await seeder.seed(stage, { ...common, content: join(folder, name), host: a, state: states[0] })
    // What a seeder spends before it is ready (checking, starting) is no part of seeding.
    const before = up.usage().cpu
    const idle = watch ? await stage.control() : null
    const sampler = await stage.sample()
    const job = { ...common, into, host: b, peers: [`${a}:6881`], state: states[1], watch }
    const { actor: down, ready, done, discards } = await leecher.leech(stage, job)
    // Whichever of the two is waited for second must not be missed when it fails first.
    done.catch(() => {})
    if (idle) await ready.then(() => idle.begin())
    await done
    const control = await idle?.end()
    const seconds = await sampler.stop()
    const seedUse = up.usage()
    const leechUse = discards ? { cpu: discarded(down), rss: Number.NaN } : down.usage()
    await Promise.all([down.stop('SIGTERM'), up.stop('SIGTERM')])
    if (!discards && (await sha256(join(into, name))) !== digest) throw new Error('the bytes differ')
    return {
      seconds,
      rate: bytes / GB / seconds,
      seed: (seedUse.cpu - before) / (bytes / GB),
      leech: leechUse.cpu / (bytes / GB),
      rss: leechUse.rss,
      seedRss: seedUse.rss,
      loop: watch && existsSync(watch) ? JSON.parse(readFileSync(watch, 'utf8')) : null,
      idle: control ?? null,
    }
  } finally {
    await stage.close()
    rmSync(into, { recursive: true, force: true })
  }
}

/** The CPU seconds that the neutral sink says it has used. */
const discarded = ({ lines }) => JSON.parse(lines.findLast((line) => line.startsWith('{'))).cpu

/** A copy of the torrent that names a tracker, which runs. */
async function withTracker(stage, { scratch, torrent }) {
  const host = stage.host()
  stage.start('opentracker', opentrackerCommand(host, join(scratch, 'tracker'), [infoHash(torrent)]))
  await stage.listening(`${host}:6969`, 20)
  const copy = join(scratch, 'tracked.torrent')
  copyFileSync(torrent, copy)
  execFileSync('transmission-edit', ['-a', announceUrl(host), copy], { stdio: 'ignore' })
  return copy
}

/** A download from a seeder whose content has one flipped byte: `holds` says that it got bytes and did not complete. */
export async function flippedByte({ seeder, leecher }, content) {
  const { scratch, bytes, folder, name, torrent } = content
  const stage = new Stage()
  const into = join(scratch, 'into')
  mkdirSync(into, { recursive: true })
  const file = openSync(join(folder, name), 'r+')
  const at = Math.floor(bytes / 3)
  const byte = Buffer.alloc(1)
  readSync(file, byte, 0, 1, at)
  writeSync(file, Buffer.from([byte[0] ^ 1]), 0, 1, at)
  try {
    const [a, b] = [stage.host(), stage.host()]
    const common = { torrent, folder, patience: patience(bytes) }
    await seeder.seed(stage, { ...common, content: join(folder, name), host: a })
    const { actor, done } = await leecher.leech(stage, { ...common, into, host: b, peers: [`${a}:6881`] })
    done.catch(() => {})
    const outcome = await Promise.race([
      done.then(
        () => 'done',
        () => 'failed',
      ),
      new Promise((resolve) => setTimeout(resolve, 15_000 + (bytes / GB) * 2_000, 'waiting')),
    ])
    const got = actor.lines.map(event('progress')).findLast(Boolean)?.verified ?? 0
    return { holds: outcome === 'waiting' && got > 0, outcome, got }
  } finally {
    writeSync(file, byte, 0, 1, at)
    closeSync(file)
    await stage.close()
    rmSync(into, { recursive: true, force: true })
  }
}

/** CPU and wall seconds per GB of a command over the content. */
export function timed(words, { scratch, bytes }) {
  const out = join(scratch, 'time.txt')
  execFileSync('bash', ['-c', `TIMEFORMAT='%U %S %R'; { time "$@" >/dev/null 2>&1 ; } 2>${out}`, 'bash', ...words])
  const [user, system, wall] = readFileSync(out, 'utf8').trim().split(/\s+/).map(Number)
  return { cpu: (user + system) / (bytes / GB), wall: wall / (bytes / GB) }
}
