// `create`: a .torrent file from a file or folder.

import { writeFile } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { createTorrent, Torrent } from '../index.ts'
import type { Context } from './context.ts'
import { bytes, line } from './format.ts'

/** Hashes the content and writes the file. */
export async function create({ args, output, interrupt }: Context): Promise<void> {
  const [path = ''] = args.operands
  const options = {
    ...(args.pieceLength === null ? {} : { pieceLength: args.pieceLength }),
    trackers: args.trackers,
    private: args.private,
  }
  const made = await createTorrent(path, options, {
    signal: interrupt.signal,
    onProgress: ({ hashed, pieces }) =>
      output.say(
        { event: 'progress', phase: 'hashing', verified: hashed, total: pieces, rate: 0, peers: 0 },
        `hashing  ${hashed} of ${pieces} pieces`,
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
    `${file}  ${line(torrent.name)}: ${bytes(torrent.length)}, ${torrent.pieces} pieces of ${bytes(torrent.pieceLength)}\ninfo-hash  ${torrent.infoHash.v1}`,
  )
}
