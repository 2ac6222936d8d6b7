// `verify`: is everything there?

import { Torrent, TorrentError } from '../index.ts'
import type { Context } from './context.ts'
import { bytes, count, line, percent } from './format.ts'

/** Checks the content. @throws TorrentError ERR_VERIFY_FAILED unless every piece is right */
export async function verify({ args, output, interrupt }: Context): Promise<void> {
  const [source = '', folder = ''] = args.operands
  const torrent = await Torrent.open(source, { signal: interrupt.signal })
  const total = torrent.length
  const { have, pieces } = await torrent.hashcheck({
    path: folder,
    signal: interrupt.signal,
    onProgress: ({ checked, pieces }) =>
      output.say(
        { event: 'progress', phase: 'checking', verified: checked, total: pieces, rate: 0, peers: 0 },
        `checking  ${percent(checked, pieces)} of ${bytes(total)}`,
      ),
  })
  if (have < pieces) {
    throw new TorrentError(
      'ERR_VERIFY_FAILED',
      `${pieces - have} of ${count(pieces, 'piece')} of ${torrent.name} missing or wrong`,
    )
  }
  output.say(
    { event: 'done', name: torrent.name, infoHash: torrent.infoHash, have, pieces, bytes: total },
    `${line(torrent.name)}: ${count(pieces, 'piece')}, all right (${bytes(total)})`,
  )
}
