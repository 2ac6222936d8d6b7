// Content for transfers: seeded, incompressible, compared byte by byte on disk.
import { execFileSync } from 'node:child_process'
import { createCipheriv, createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, createWriteStream, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

/** Writes `length` bytes that depend on `seed` only. */
export async function writeContent(path: string, length: number, seed: number): Promise<void> {
  mkdirSync(dirname(path), { recursive: true })
  const key = createHash('sha256').update(`content ${seed}`).digest()
  const cipher = createCipheriv('chacha20', key, Buffer.alloc(16))
  const zeros = Buffer.alloc(1 << 20)
  const out = createWriteStream(path)
  for (let left = length; left > 0; left -= zeros.length) {
    if (!out.write(cipher.update(zeros.subarray(0, Math.min(left, zeros.length))))) await once(out, 'drain')
  }
  out.end()
  await once(out, 'close')
}

/**
 * SHA-256 of every file of `content` in `folder`, by relative path; hidden files (markers, tools' state) are left out.
 */
export async function digest(folder: string, content: Content): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  const walk = async (path: string): Promise<void> => {
    if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path).sort()) {
        if (!name.startsWith('.') && !/\.(aria2|torrent|part|resume)$/.test(name)) await walk(join(path, name))
      }
      return
    }
    const hash = createHash('sha256')
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer)
    found.set(relative(folder, path), hash.digest('hex'))
  }
  const whole = join(folder, content.name)
  if (existsSync(whole)) await walk(whole)
  return found
}

export interface Content {
  /** The folder that holds the content. */
  readonly folder: string
  readonly name: string
  readonly torrent: string
  readonly bytes: number
}

/** Generates files below `base/name` and a .torrent by mktorrent, a maker that is not ours. */
export async function makeContent(
  base: string,
  name: string,
  files: readonly (readonly [string, number])[],
  pieceLength: number,
  seed: number,
  trackers: readonly string[] = [],
): Promise<Content> {
  const single = files.length === 1 && files[0]?.[0] === ''
  for (const [at, [path, length]] of files.entries()) {
    await writeContent(single ? join(base, name) : join(base, name, path), length, seed * 1000 + at)
  }
  const torrent = join(dirname(base), `${name}.torrent`)
  const announce = trackers.flatMap((url) => ['-a', url])
  execFileSync('mktorrent', ['-l', String(Math.log2(pieceLength)), '-o', torrent, ...announce, join(base, name)], {
    stdio: 'ignore',
  })
  return { folder: base, name, torrent, bytes: files.reduce((sum, [, length]) => sum + length, 0) }
}
