// `create`: a .torrent file from a file or folder.

import { writeFile } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { createTorrent, type ErrorCode, Torrent, TorrentError } from '../index.ts'
import type { Context } from './context.ts'
import { bytes, count, line } from './format.ts'

/** The codes for what the system says when a file cannot be written; anything else is ERR_STORAGE_IO. */
const failures: Readonly<Record<string, ErrorCode>> = {
  EEXIST: 'ERR_STORAGE_EXISTS',
  ENOENT: 'ERR_STORAGE_MISSING',
  ENOTDIR: 'ERR_STORAGE_MISSING',
  EISDIR: 'ERR_STORAGE_PATH',
  ENAMETOOLONG: 'ERR_STORAGE_PATH',
  EACCES: 'ERR_STORAGE_ACCESS',
  EPERM: 'ERR_STORAGE_ACCESS',
  EROFS: 'ERR_STORAGE_ACCESS',
  ENOSPC: 'ERR_STORAGE_FULL',
}

/** Hashes the content and writes the file. */
export async function create({ args, output, interrupt }: Context): Promise<void> {
  const [path = ''] = args.operands
  const options = {
    ...(args.pieceLength === null ? {} : { pieceLength: args.pieceLength }),
    ...(args.name === null ? {} : { name: args.name }),
    ...(args.comment === null ? {} : { comment: args.comment }),
    ...(args.source === null ? {} : { source: args.source }),
    format: args.format,
    trackers: args.trackers,
    webSeeds: args.webSeeds,
    nodes: args.nodes,
    padding: args.padding,
    private: args.private,
  }
  const made = await createTorrent(path, options, {
    signal: interrupt.signal,
    onProgress: ({ hashed, pieces }) =>
      output.say(
        { event: 'progress', phase: 'hashing', verified: hashed, total: pieces, rate: 0, peers: 0 },
        `hashing  ${hashed} of ${count(pieces, 'piece')}`,
      ),
  })
  const file = args.output ?? `${args.name ?? basename(resolve(path))}.torrent`
  // A name that nobody gave must not cost anybody a file.
  await writeFile(file, made, { flag: args.output === null ? 'wx' : 'w' }).catch((error: NodeJS.ErrnoException) => {
    const hint = error.code === 'EEXIST' ? 'it exists; name it with -o to replace it' : reason(error)
    throw new TorrentError(failures[error.code ?? ''] ?? 'ERR_STORAGE_IO', `cannot write ${file}: ${hint}`)
  })
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
    `${file}  ${line(torrent.name)}: ${bytes(torrent.length)}, ${count(torrent.pieces, 'piece')} of ${bytes(torrent.pieceLength)}\n${hashes(torrent)}`,
  )
}

/** What the system says, without its own name for it and without the path, which is said already. */
function reason({ message }: Error): string {
  return message.replace(/^[A-Z0-9]+: |, \w+(?: '.*')?$/g, '')
}

/** The info-hashes, one a line. */
export function hashes(torrent: Torrent): string {
  const { v1, v2 } = torrent.infoHash
  const lines = [v1 === null ? [] : [`info-hash     ${v1}`], v2 === null ? [] : [`info-hash v2  ${v2}`]]
  return lines.flat().join('\n')
}
