// `create`: a .torrent file from a file or folder.

import { writeFile } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { createTorrent, Torrent } from '../index.ts'
import type { Context } from './context.ts'
import { bytes, line } from './format.ts'

/** Hashes the content and writes the file. */
export async function create({ args, output, interrupt }: Context): Promise<void> {
  const [path = ''] = args.operands
  const made = await createTorrent(path, {
    ...(args.pieceLength === null ? {} : { pieceLength: args.pieceLength }),
    trackers: args.trackers.map((url) => [url]),
    private: args.private,
    signal: interrupt.signal,
    onProgress: ({ done, total }) =>
      output.say(
        { event: 'progress', phase: 'hashing', verified: done, total, rate: 0, peers: 0 },
        `hashing  ${done} of ${total} pieces`,
      ),
  })
  const file = args.output ?? `${basename(resolve(path))}.torrent`
  await writeFile(file, made)
  const torrent = await Torrent.open(made)
  output.say(
    {
      event: 'done',
      path: file,
      name: torrent.name,
      infoHash: torrent.infoHash,
      bytes: torrent.length,
      pieces: torrent.pieces,
      pieceLength: torrent.pieceLength,
    },
    `${file}  ${line(torrent.name)}: ${bytes(torrent.length ?? 0)}, ${torrent.pieces} pieces of ${bytes(torrent.pieceLength ?? 0)}\ninfo-hash  ${torrent.infoHash.v1}`,
  )
}
