// `edit`: a .torrent file with other trackers, web seeds, nodes or comment.

import { randomBytes } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { editTorrent, Torrent } from '../index.ts'
import { usage } from './args.ts'
import type { Context } from './context.ts'
import { hashes } from './create.ts'
import { line } from './format.ts'

/** Changes what stands around the info dictionary and writes the file, in place unless told otherwise. */
export async function edit({ args, output, interrupt }: Context): Promise<void> {
  const [source = ''] = args.operands
  const given: readonly (readonly [string, boolean])[] = [
    ['trackers', args.trackers.length > 0],
    ['web-seeds', args.webSeeds.length > 0],
    ['nodes', args.nodes.length > 0],
    ['comment', args.comment !== null],
  ]
  const changed = (name: string) => args.remove.includes(name) || given.some(([key, set]) => key === name && set)
  if (!given.some(([name]) => changed(name))) throw usage('Expected something to change; see bitlode edit --help')
  const twice = given.find(([name, set]) => set && args.remove.includes(name))
  if (twice) throw usage(`Expected ${twice[0]} to be changed or removed, got both`)
  const before = await Torrent.open(source, { signal: interrupt.signal })
  const { path, raw } = before
  if (path === null || raw === null) throw usage(`Expected a .torrent file, got \`${source}\``)
  const made = editTorrent(raw, {
    ...(changed('trackers') ? { trackers: args.trackers } : {}),
    ...(changed('web-seeds') ? { webSeeds: args.webSeeds } : {}),
    ...(changed('nodes') ? { nodes: args.nodes } : {}),
    ...(changed('comment') ? { comment: args.comment === '' ? null : args.comment } : {}),
  })
  const file = args.output ?? path
  await replace(file, made)
  const torrent = await Torrent.open(made)
  const { name, infoHash, trackers, webSeeds, nodes, comment } = torrent
  output.say(
    { event: 'done', path: file, name, infoHash, trackers, webSeeds, nodes, comment },
    `${file}  ${line(name)}\n${hashes(torrent)}`,
  )
}

/** Writes a file whole or not at all. */
async function replace(path: string, content: Uint8Array): Promise<void> {
  const beside = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const file = await open(beside, 'wx')
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
}
