// Eight torrents on two network threads against one torrent of the same size: the busier thread has at most 60 % of the
// threads' CPU, and together the eight are at least as fast. --size MiB of all (2048), --rounds N (5), --folder DIR (a
// disk; in memory, /dev/shm, it shows what the threads do without one that limits all). Memory is filled before each
// transfer, the seed then reads its content from the disk (what is left of it from another time lies in the page cache in
// pages of other sizes, which costs up to 16 ms/GB), each round begins with the other of the two, and the median of the
// rounds' ratios counts, beside the medians of the rates.
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { fill } from '../../benches/measure.mjs'
import { bitlode, disk, project, Score, writeContent } from './lib.mjs'

const { Client } = await import(join(project, 'dist/index.js'))
const shards = 2
const eight = 8

/** Opens a client and seeds; says where. */
async function seeder() {
  const client = await Client.open({ listen: '127.0.0.1:0', shards })
  process.on('message', async ({ torrents, content, close }) => {
    if (close) {
      await client.close()
      return process.disconnect()
    }
    for (const torrent of torrents) await (await client.add(torrent, { path: content, mode: 'seed' })).ready()
    process.send({ address: client.address().addresses[0] })
  })
}

/** Puts a file out of the page cache. */
function forget(path) {
  execFileSync('dd', [`of=${path}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none'])
}

async function main() {
  const { values } = parseArgs({
    options: {
      size: { type: 'string', default: '2048' },
      rounds: { type: 'string', default: '5' },
      folder: { type: 'string', default: disk },
    },
  })
  const bytes = Number(values.size) * 2 ** 20
  const { folder } = values
  const score = new Score()
  const base = mkdtempSync(join(folder, 'bitlode-shards-'))
  const holes = mkdtempSync(join(disk, 'bitlode-holes-'))
  try {
    const content = join(base, 'content')
    mkdirSync(content)
    const made = async (name, length, seed) => {
      await writeContent(join(content, name), length, seed)
      const torrent = join(base, `${name}.torrent`)
      await bitlode(['create', join(content, name), '-o', torrent, '--piece-length', '262144']).event('done')
      return torrent
    }
    const one = [await made('one.bin', bytes, 1)]
    const many = []
    for (let number = 0; number < eight; number += 1) many.push(await made(`${number}.bin`, bytes / eight, 2 + number))

    const download = async (torrents) => {
      const files = torrents.map((torrent) => join(content, basename(torrent, '.torrent')))
      for (const path of files) forget(path)
      fill(holes)
      const child = fork(fileURLToPath(import.meta.url), ['seeder'])
      child.send({ torrents, content })
      const [{ address }] = await once(child, 'message')
      const into = join(base, 'into')
      mkdirSync(into)
      const client = await Client.open({ listen: '127.0.0.1:0', shards })
      const begun = process.hrtime.bigint()
      const all = await Promise.all(torrents.map((torrent) => client.add(torrent, { path: into, peers: [address] })))
      await Promise.all(all.map((torrent) => torrent.done()))
      const seconds = Number(process.hrtime.bigint() - begun) / 1e9
      const cpu = client.loads().map((load) => load.cpu)
      await client.close()
      child.send({ close: true })
      await once(child, 'exit')
      rmSync(into, { recursive: true, force: true })
      return { rate: bytes / 1e9 / seconds, busier: Math.max(...cpu) / cpu.reduce((sum, one) => sum + one, 0) }
    }
    const [alone, together] = [[], []]
    for (let round = 0; round < Number(values.rounds); round += 1) {
      const runs = [
        [alone, one],
        [together, many],
      ]
      for (const [kept, torrents] of round % 2 === 0 ? runs : runs.reverse()) kept.push(await download(torrents))
      const [single, sum] = [alone, together].map((list) => list.at(-1).rate.toFixed(2))
      process.stdout.write(`round ${round + 1}: one torrent ${single} GB/s, eight ${sum}\n`)
    }
    const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)]
    const ratio = median(together.map((run, round) => run.rate / alone[round].rate))
    const [single, sum] = [alone, together].map((list) => median(list.map((run) => run.rate)))
    const busier = median(together.map((run) => run.busier))
    process.stdout.write(
      `in ${folder}: one torrent ${single.toFixed(2)} GB/s; eight ${sum.toFixed(2)} GB/s, ${ratio.toFixed(2)} ×; the busier thread has ${(busier * 100).toFixed(0)} % of the threads' CPU\n`,
    )
    score.check(
      busier <= 0.6,
      `the busier of two threads has at most 60 % of their CPU, not ${(busier * 100).toFixed(0)} %`,
    )
    score.check(
      ratio >= 1,
      `eight torrents are together as fast as one: ${sum.toFixed(2)} against ${single.toFixed(2)} GB/s, ${ratio.toFixed(2)} ×`,
    )
  } finally {
    for (const path of [base, holes]) rmSync(path, { recursive: true, force: true })
  }
  score.end()
}

await (process.argv[2] === 'seeder' ? seeder() : main())
