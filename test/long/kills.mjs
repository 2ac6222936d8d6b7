// SIGKILL at random moments of a download. After each: what was said to be done is whole; what was not goes on, and the
// next run fetches only what is missing. No state but the files themselves and the marker beside them may matter.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { bitlode, digest, disk, options, Score, writeContent } from './lib.mjs'

const { rounds, random } = options({ rounds: 500 })
const score = new Score()
const base = mkdtempSync(join(disk, 'bitlode-kills-'))
const [content, into] = [join(base, 'content'), join(base, 'into')]
let seeder
try {
  mkdirSync(join(content, 'many', 'deep'), { recursive: true })
  const lengths = [150_000_001, 1, 70_000_000, 16_384, 33_333_333]
  for (const [at, length] of lengths.entries())
    await writeContent(join(content, 'many', at % 2 ? 'deep' : '', `file-${at}`), length, at)
  const torrent = join(base, 'many.torrent')
  const made = bitlode(['create', join(content, 'many'), '-o', torrent, '--piece-length', '262144'])
  await made.event('done')
  const want = await digest(content)
  seeder = bitlode(['seed', torrent, content, '--listen', '127.0.0.1:0'])
  const peer = (await seeder.event('ready')).listening[0]
  const begin = () => bitlode(['download', torrent, '--path', into, '--listen', '127.0.0.1:0', '--peer', peer])

  for (let round = 0; round < rounds; round += 1) {
    mkdirSync(into, { recursive: true })
    const download = begin()
    const delay = 50 + random() * 1500
    await Promise.race([pause(delay), download.ended])
    download.child.kill('SIGKILL')
    await download.ended
    const done = download.events.some(({ event }) => event === 'done')
    const failed = download.events.find(({ event }) => event === 'error')
    score.check(!failed, `round ${round}: no error, got ${JSON.stringify(failed)}`)
    if (done) {
      score.check(
        same(await digest(into), want),
        `round ${round}: killed after done, ${delay.toFixed(0)} ms: content is whole`,
      )
      score.check(
        !readdirSync(into).some((name) => name.endsWith('.bitlode')),
        `round ${round}: no marker is left after done`,
      )
      rmSync(into, { recursive: true })
    }
  }
  mkdirSync(into, { recursive: true })
  const last = begin()
  await last.event('done')
  await last.ended
  score.check(same(await digest(into), want), 'after the last kill the download completes, byte for byte')
} finally {
  seeder?.child.kill('SIGKILL')
  if (existsSync(base)) rmSync(base, { recursive: true })
}
score.end()

function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b)
}
