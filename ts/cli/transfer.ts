// `download` and `seed`: one client, one torrent, reported until it is done or interrupted.

import { Client, type Torrent } from '../index.ts'
import type { Context } from './context.ts'
import { bytes, line, rate as perSecond, span } from './format.ts'

/** Milliseconds between reports of progress. */
const beat = 250

/** After so many milliseconds somebody who waits for an address to listen on is told so. */
const hush = 1000

/** Fetches a torrent; ends when it is durable, with `--seed` when interrupted. */
export async function download(context: Context): Promise<void> {
  const { args, output } = context
  const [source = ''] = args.operands
  const begun = performance.now()
  await withClient(context, async (client) => {
    const torrent = await client.add(source, {
      path: args.path,
      overwrite: args.overwrite,
      peers: args.peers,
      trackers: args.trackers,
      signal: context.interrupt.signal,
    })
    watchTrouble(context, client, torrent)
    // What a magnet link stands for is not known yet, and it is peers who tell.
    if (torrent.pieces > 0) await reporting(context, torrent, () => torrent.ready({ signal: context.interrupt.signal }))
    announceReady(context, client, torrent, 'downloading')
    await reporting(context, torrent, () => torrent.done({ signal: context.interrupt.signal }))
    report(context, torrent)
    const { downloaded, uploaded } = torrent.state
    const seconds = (performance.now() - begun) / 1000
    const size = torrent.length
    output.say(
      { event: 'done', name: torrent.name, infoHash: torrent.infoHash, bytes: size, downloaded, uploaded, seconds },
      `done  ${line(torrent.name)}: ${bytes(size)} verified and durable, ${bytes(downloaded)} fetched in ${span(seconds)} (${perSecond(downloaded / Math.max(seconds, 0.001))})`,
    )
    if (args.seed) await untilInterrupted(context, torrent)
  })
}

/** Checks the content and serves it until interrupted. */
export async function seed(context: Context): Promise<void> {
  const { args } = context
  const [source = '', folder = ''] = args.operands
  await withClient(context, async (client) => {
    const torrent = await client.add(source, {
      path: folder,
      mode: 'seed',
      peers: args.peers,
      trackers: args.trackers,
      signal: context.interrupt.signal,
    })
    watchTrouble(context, client, torrent)
    await reporting(context, torrent, () => torrent.ready({ signal: context.interrupt.signal }))
    if (torrent.error) throw torrent.error
    announceReady(context, client, torrent, 'seeding')
    await untilInterrupted(context, torrent)
  })
}

async function withClient(context: Context, act: (client: Client) => Promise<void>): Promise<void> {
  const { args, output, interrupt } = context
  const shards = Number(process.env.BITLODE_SHARDS ?? 0)
  const message = 'No address to listen on yet: waiting for the network'
  const waiting = setTimeout(() => output.say({ event: 'warning', code: 'ERR_LISTEN_FAILED', message }), hush)
  const opening = Client.open({
    ...(args.listen.length > 0 ? { listen: args.listen } : {}),
    ...(shards > 0 ? { shards } : {}),
    ssrfMitigation: args.ssrfMitigation,
    signal: interrupt.signal,
  })
  const client = await opening.finally(() => clearTimeout(waiting))
  let finished = false
  try {
    await act(client)
    finished = true
  } catch (error) {
    if (!interrupt.signal.aborted) throw error
  } finally {
    await client.close()
    output.end()
    const unfinished = args.command === 'download' && interrupt.code !== null && !finished
    output.say({ event: 'closed' }, unfinished ? 'stopped: the same command goes on from here' : null)
  }
}

function announceReady({ output }: Context, client: Client, torrent: Torrent, doing: string): void {
  const listening = client.address()?.addresses ?? []
  const where = listening.length > 0 ? `, listening on ${listening.join(' and ')}` : ''
  output.say(
    { event: 'ready', name: torrent.name, infoHash: torrent.infoHash, listening },
    `${doing}  ${line(torrent.name)}${where}`,
  )
}

function watchTrouble({ output }: Context, client: Client, torrent: Torrent): void {
  client.on('warned', ({ code, message, tracker }) => {
    const text = tracker === null ? undefined : `warning: ${line(tracker)}: ${line(message)} (${code})`
    output.say({ event: 'warning', code, message, tracker }, text)
  })
  for (const warning of torrent.warnings)
    output.say({ event: 'warning', code: 'ERR_METAINFO_INVALID', message: warning })
}

/** Reports progress while something is waited for. */
async function reporting(context: Context, torrent: Torrent, wait: () => Promise<unknown>): Promise<void> {
  const timer = setInterval(() => report(context, torrent), beat)
  try {
    await wait()
  } finally {
    clearInterval(timer)
  }
}

async function untilInterrupted(context: Context, torrent: Torrent): Promise<void> {
  const { signal } = context.interrupt
  if (signal.aborted) return
  await new Promise<void>((resolve, reject) => {
    const timer = setInterval(() => report(context, torrent), beat * 4)
    const end = (act: () => void) => {
      clearInterval(timer)
      act()
    }
    signal.addEventListener('abort', () => end(resolve), { once: true })
    torrent.on('failed', ({ error }) => end(() => reject(error)))
  })
}

function report({ output }: Context, torrent: Torrent): void {
  const { verified, total, rate, uploadRate, peers, phase, checked, pieces } = torrent.state
  output.say({ event: 'progress', phase, verified, total, rate, uploadRate, peers, checked, pieces })
}
