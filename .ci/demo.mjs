// What `npm start` shows: a tracker, a seeder and a downloader on this machine, with real torrents, and no network.
import { spawn } from 'node:child_process'
import { createCipheriv, createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, createWriteStream, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { at } from './lib.mjs'

const say = (text) => process.stdout.write(`${text}\n`)
const cli = at('dist/cli/main.js')
const fixtures = at('node_modules/webtorrent-fixtures/fixtures')

export async function demo() {
  const { Client } = await import('../dist/index.js')
  const { default: Server } = await import('bittorrent-tracker/server')
  const base = mkdtempSync(join(tmpdir(), 'bitlode-demo-'))
  const [content, downloads] = [join(base, 'content'), join(base, 'downloads')]
  mkdirSync(content)
  mkdirSync(downloads)
  const tracker = new Server({ udp: false, ws: false, http: true, stats: false })
  let client = null
  try {
    tracker.listen(0, '127.0.0.1')
    await once(tracker, 'listening')
    const announce = `http://127.0.0.1:${tracker.http.address().port}/announce`
    say(`tracker     ${announce}`)

    const big = join(content, 'random-256MiB.bin')
    await writeRandom(big, 256 << 20)
    const made = join(base, 'random.torrent')
    await bitlode(['create', big, '-o', made, '--tracker', announce])

    client = await Client.open({ listen: ['127.0.0.1:0'] })
    const shows = [
      ['Leaves of Grass by Walt Whitman.epub', join(fixtures, 'leaves.torrent'), fixtures],
      ['alice.txt', join(fixtures, 'alice.torrent'), fixtures],
      ['random-256MiB.bin', made, content],
    ]
    const seeding = []
    for (const [name, torrent, folder] of shows) {
      const added = await client.add(torrent, { path: folder, mode: 'seed', trackers: [[announce]] })
      // The downloader must not ask the tracker before the tracker knows of the seeder.
      const announced = new Promise((resolve) =>
        added.on('announced', ({ tracker: url }) => url === announce && resolve()),
      )
      await added.ready()
      await announced
      seeding.push([name, folder, added])
      say(`seeding     ${name}`)
    }

    let failed = 0
    for (const [name, folder, { infoHash }] of seeding) {
      const magnet = `magnet:?xt=urn:btih:${infoHash.v1}&tr=${encodeURIComponent(announce)}`
      say(`\n$ bitlode download '${magnet}'`)
      const begun = performance.now()
      await bitlode(['download', magnet, '--path', downloads, '--listen', '127.0.0.1:0'], 'inherit')
      const seconds = (performance.now() - begun) / 1000
      const same = (await sha256(join(folder, name))) === (await sha256(join(downloads, name)))
      if (!same) failed += 1
      const size = statSync(join(downloads, name)).size
      say(
        `${same ? 'identical' : 'DIFFERENT'}   ${name}: ${size} bytes, ${(size / seconds / 2 ** 20).toFixed(1)} MiB/s from start to exit`,
      )
    }
    say(
      failed === 0
        ? '\nAll three were found through the tracker, downloaded, verified, made durable and compared byte by byte.'
        : '\nSomething is wrong.',
    )
    return failed === 0 ? 0 : 1
  } finally {
    await client?.close()
    await new Promise((resolve) => tracker.close(resolve))
    rmSync(base, { recursive: true, force: true })
  }
}

async function bitlode(words, stdio = 'pipe') {
  const child = spawn(process.execPath, [cli, ...words], {
    stdio: ['ignore', stdio, stdio === 'pipe' ? 'pipe' : 'inherit'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text) => (said += text))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`bitlode ${words[0]} ended with ${code}\n${said}`)
}

async function writeRandom(path, length) {
  const cipher = createCipheriv('chacha20', randomBytes(32), Buffer.alloc(16))
  const zeros = Buffer.alloc(1 << 20)
  const out = createWriteStream(path)
  for (let left = length; left > 0; left -= zeros.length) {
    if (!out.write(cipher.update(zeros.subarray(0, Math.min(left, zeros.length))))) await once(out, 'drain')
  }
  out.end()
  await once(out, 'close')
}

async function sha256(path) {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return hash.digest('hex')
}
