import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { afterEach } from 'vitest'
import { Client, type ClientOptions, createTorrent, type Torrent } from '../../ts/index.ts'

const clients: Client[] = []
const folders: string[] = []

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A folder that is gone after the test. */
export function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'bitlode-test-'))
  folders.push(made)
  return made
}

/** A client that listens on loopback and is closed after the test. */
export async function client(options: ClientOptions = {}): Promise<Client> {
  const opened = await Client.open({ listen: '127.0.0.1', settings: { listenPort: 0 }, ...options })
  clients.push(opened)
  return opened
}

/** Where other clients reach this one. */
export function addressOf(of: Client): string {
  const address = of.address()?.addresses[0]
  if (address === undefined) throw new Error('the client does not listen')
  return address
}

/** Content of a torrent: lengths by path below a folder called `content`, filled at random. */
export interface Content {
  readonly folder: string
  readonly torrent: Uint8Array
  readonly files: ReadonlyMap<string, Buffer>
}

/** Files that cross pieces, an empty one, one in a directory. */
export const MIXED = { 'a.bin': 100_001, 'empty.txt': 0, 'sub/b.bin': 300_000, 'sub/c.bin': 7 }

/** Makes content and its torrent. */
export async function content(
  lengths: Readonly<Record<string, number>> = MIXED,
  options: { pieceLength?: number; trackers?: string[]; private?: boolean } = {},
): Promise<Content> {
  const root = folder()
  const files = new Map<string, Buffer>()
  for (const [path, length] of Object.entries(lengths)) {
    const bytes = randomBytes(length)
    files.set(join('content', path), bytes)
    mkdirSync(dirname(join(root, 'content', path)), { recursive: true })
    writeFileSync(join(root, 'content', path), bytes)
  }
  const torrent = await createTorrent(join(root, 'content'), { pieceLength: 16_384, ...options })
  return { folder: root, torrent, files }
}

/** Every file below a folder with its hash. */
export function onDisk(root: string): Record<string, string> {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return Object.fromEntries(
    entries
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [relative(root, path), sha256(readFileSync(path))] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

/** What `onDisk` must give for the content. */
export function hashes({ files }: Content): Record<string, string> {
  return Object.fromEntries(
    [...files].map(([path, bytes]) => [path, sha256(bytes)] as const).sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** A client that seeds the content. */
export async function seeder(of: Content, options: ClientOptions = {}): Promise<{ client: Client; torrent: Torrent }> {
  const opened = await client(options)
  const torrent = await opened.add(of.torrent, { path: of.folder, mode: 'seed' })
  await torrent.ready()
  return { client: opened, torrent }
}
