// `info`: what a torrent says of itself.

import { Torrent } from '../index.ts'
import type { Context } from './context.ts'
import { bytes, line } from './format.ts'

/** Files printed in full; more are counted. */
const shown = 50

/** Reads a .torrent file or magnet link; opens no connection. */
export async function info({ args, output, interrupt }: Context): Promise<void> {
  const [source = ''] = args.operands
  const torrent = await Torrent.open(source, { signal: interrupt.signal })
  const { name, infoHash, length, pieces, pieceLength, comment, createdBy, creationDate, trackers, webSeeds } = torrent
  const files = torrent.files.map((file) => ({ path: file.path, length: file.length }))
  const facts = [
    ['name', line(name)],
    ['info-hash v1', infoHash.v1],
    ['info-hash v2', infoHash.v2],
    ['size', length === 0 ? null : `${bytes(length)} (${length} bytes)`],
    ['pieces', pieceLength === 0 ? null : `${pieces} of ${bytes(pieceLength)}`],
    ['private', torrent.private ? 'yes' : null],
    ['source', torrent.source && line(torrent.source)],
    ['comment', comment && line(comment)],
    ['created by', createdBy && line(createdBy)],
    ['created', creationDate?.toISOString() ?? null],
    ...trackers.flat().map((url) => ['tracker', line(url)] as const),
    ...webSeeds.map((url) => ['web seed', line(url)] as const),
    ...torrent.nodes.map((node) => ['node', line(node)] as const),
    ...files.slice(0, shown).map((file) => ['file', `${line(file.path)}  ${bytes(file.length)}`] as const),
    ['file', files.length > shown ? `… and ${files.length - shown} more` : null],
    ...torrent.warnings.map((warning) => ['warning', line(warning)] as const),
  ] as const
  const text = facts.flatMap(([key, value]) => (value ? [`${key.padEnd(13)} ${value}`] : [])).join('\n')
  const date = creationDate?.toISOString() ?? null
  output.say(
    {
      event: 'done',
      name,
      infoHash,
      length,
      pieces,
      pieceLength,
      private: torrent.private,
      source: torrent.source,
      comment,
      createdBy,
      creationDate: date,
      trackers,
      webSeeds,
      nodes: torrent.nodes,
      files,
      warnings: torrent.warnings,
    },
    text,
  )
}
