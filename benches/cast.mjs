// Who moves bytes to whom.
import { aria2, lt, ltTuned, ours, webtorrent } from './actors.mjs'
import { available, compile } from './floor.mjs'
import { event } from './measure.mjs'

const missing = () => (available() ? null : 'the floor is not here')

/** The neutral source and sink of the floor: they measure one end of any client. */
export const source = {
  name: 'neutral source',
  missing,
  async seed(stage, { torrent, content, host }) {
    const actor = stage.start('source', [compile('peer'), 'source', `${host}:6881`, torrent, content])
    await actor.line(event('source'), 20)
    return actor
  },
}

export const sink = {
  name: 'neutral sink',
  missing,
  async leech(stage, { torrent, peers, patience }) {
    const actor = stage.start('sink', [compile('peer'), 'sink', peers[0], torrent])
    return { actor, done: actor.line((line) => line.startsWith('{') || null, patience), discards: true }
  },
}

/** A name for a pair, as it stands in the report. */
export const pairName = ({ seeder, leecher }) => `${seeder.name} → ${leecher.name}`

/** In the order in which they alternate. */
export const pairs = [
  [ours, ours],
  [source, ours],
  [ours, sink],
  [lt, lt],
  [ltTuned, ltTuned],
  [source, lt],
  [lt, sink],
  [lt, ours],
  [ours, lt],
  [aria2, lt],
  [lt, aria2],
  [webtorrent, webtorrent],
].map(([seeder, leecher]) => ({ seeder, leecher }))
