import { Duplex } from 'node:stream'
import bencode from 'bencode'
import { describe, expect, test } from 'vitest'
import { TorrentError } from '../../ts/errors.ts'
import { Announces, type Failure, Line } from '../../ts/tracker/announces.ts'
import type { Family, Host } from '../../ts/tracker/host.ts'
import { deferred } from '../../ts/wait.ts'
import { Clock, hostOf, limits } from './host.ts'

const MINUTE = 60_000

/** What a tracker hears: the family and the query. */
interface Heard {
  readonly family: Family
  readonly query: URLSearchParams
}

/** How a tracker is in one family: it answers with this peer, it cannot be reached, or its network swallows everything. */
type Way = { readonly peer: string } | TorrentError | 'silent'

const none = (family: string) => new TorrentError('ERR_DNS_FAILED', `it has no ${family} address`)
const refused = () => new TorrentError('ERR_DIAL_FAILED', 'connection refused')

/** A server in memory: answers the one request that is written to it. */
function server(family: Family, peer: string, hear: (heard: Heard) => void): Duplex {
  const body = bencode.encode({ interval: 1800, peers: Buffer.from(peer, 'hex') })
  let request = ''
  const stream: Duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      request += chunk.toString('latin1')
      if (request.endsWith('\r\n\r\n')) {
        hear({ family, query: new URL(request.split(' ')[1] ?? '', 'http://tracker').searchParams })
        stream.push(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`)
        stream.push(body)
      }
      done()
    },
  })
  return stream
}

/** A torrent with these trackers, each reached as `ways` says. */
function swarm(families: readonly Family[], ways: (family: Family, host: string) => Way, ...urls: string[]) {
  const clock = new Clock()
  const [heard, dials, peers, failures] = [[] as Heard[], [] as string[], [] as string[], [] as Failure[]]
  let changed = deferred<void>()
  const change = () => {
    changed.resolve()
    changed = deferred<void>()
  }
  const host: Host = {
    ...hostOf(clock),
    dial: async ({ host, family, signal }) => {
      dials.push(`${host} ${family}`)
      const way = ways(family, host)
      if (way === 'silent') {
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
      } else if (way instanceof TorrentError) throw way
      else {
        const stream = server(family, way.peer, (one) => heard.push(one))
        return { stream, address: family === 6 ? '[2001:db8::9]:80' : '192.0.2.9:80' }
      }
      throw new Error('unreachable')
    },
  }
  const replies: string[] = []
  const announces = new Announces(host, limits, new Line(limits.maxAnnounces), {
    infoHashes: [new Uint8Array(20).fill(1)],
    tiers: urls.map((url) => [{ url, trust: 'none' }]),
    isPrivate: false,
    families,
    peerId: new Uint8Array(20).fill(0x61),
    key: '01234567',
    facts: () => ({ port: 6881, uploaded: 0, downloaded: 0, left: 1 }),
    onPeers: (list) => peers.push(...list),
    onReply: (tracker, _reply, family) => {
      replies.push(`${tracker.url} ${family}`)
      change()
    },
    onFailure: (_, error) => {
      failures.push(error)
      change()
    },
  })
  const until = async (holds: () => boolean) => {
    while (!holds()) await changed.promise
  }
  return { clock, announces, heard, dials, peers, failures, replies, until }
}

const url = 'http://tracker.example/announce'
const both: Way = { peer: '01020304 1ae1'.replace(' ', '') }
const eventsOf = (heard: readonly Heard[]) => heard.map(({ family, query }) => `${family} ${query.get('event')}`).sort()

describe('a tracker with addresses of both families', () => {
  test('is asked once in each, with the same key and the same peer id, and the peers of both are taken', async () => {
    const here = swarm([4, 6], (family) => ({ peer: family === 6 ? '050607081ae1' : '010203041ae1' }), url)
    here.announces.start()
    await here.until(() => here.replies.length === 2)
    expect(here.replies.sort()).toEqual([`${url} 4`, `${url} 6`])
    expect(eventsOf(here.heard)).toEqual(['4 started', '6 started'])
    for (const name of ['key', 'peer_id', 'info_hash', 'port']) {
      const [four, six] = here.heard.map(({ query }) => query.get(name))
      expect(four, name).toBe(six)
      expect(four, name).not.toBeNull()
    }
    expect(here.peers.sort()).toEqual(['1.2.3.4:6881', '5.6.7.8:6881'])
    here.announces.destroy()
  })

  test('hears completed and stopped in each', async () => {
    const here = swarm([4, 6], () => both, url)
    here.announces.start()
    await here.until(() => here.replies.length === 2)
    here.announces.finish()
    await here.until(() => here.replies.length === 4)
    await here.announces.stop()
    expect(eventsOf(here.heard)).toEqual([
      '4 completed',
      '4 started',
      '4 stopped',
      '6 completed',
      '6 started',
      '6 stopped',
    ])
  })

  test('is announced to on time in one family while the other hangs', async () => {
    const here = swarm([4, 6], (family) => (family === 6 ? 'silent' : both), url)
    here.announces.start()
    await here.until(() => here.replies.length === 1)
    for (let round = 2; round <= 4; round++) {
      here.clock.advance(30 * MINUTE)
      await here.until(() => here.replies.length === round)
    }
    expect(here.heard.map(({ family }) => family)).toEqual([4, 4, 4, 4])
    here.announces.destroy()
  })

  test('backs off in the family that fails and in no other', async () => {
    const here = swarm([4, 6], (family) => (family === 6 ? refused() : both), url)
    here.announces.start()
    await here.until(() => here.replies.length === 1)
    here.clock.advance(limits.trackerBackoffMin * 1.3)
    await here.announces.stop()
    expect(here.dials).toEqual(['tracker.example 4', 'tracker.example 6', 'tracker.example 6', 'tracker.example 4'])
    // Only who heard started hears stopped.
    expect(eventsOf(here.heard)).toEqual(['4 started', '4 stopped'])
  })

  test('that fails in one is nothing to warn of, in both it is, once', async () => {
    for (const dead of [4, 6]) {
      const here = swarm([4, 6], (family) => (family === dead ? none(`IPv${dead}`) : both), url)
      here.announces.start()
      await here.until(() => here.replies.length === 1)
      await here.announces.stop()
      expect(here.failures).toEqual([])
    }
    const gone = swarm([4, 6], (family) => (family === 6 ? none('IPv6') : refused()), url)
    gone.announces.start()
    await gone.until(() => gone.failures.length === 1)
    await gone.announces.stop()
    expect(gone.failures.map(({ code }) => code)).toEqual(['ERR_DIAL_FAILED'])
    const unknown = swarm([4, 6], (family) => none(`IPv${family}`), url)
    unknown.announces.start()
    await unknown.until(() => unknown.failures.length === 1)
    await unknown.announces.stop()
    expect(unknown.failures.map(({ code }) => code)).toEqual(['ERR_DNS_FAILED'])
  })
})

describe('a tracker of one family', () => {
  test('that is named by its address is asked in that only', async () => {
    const [four, six] = ['http://192.0.2.1/announce', 'http://[2001:db8::1]/announce']
    const here = swarm([4, 6], () => both, four, six)
    here.announces.start()
    await here.until(() => here.replies.length === 2)
    expect(here.dials.sort()).toEqual(['192.0.2.1 4', '2001:db8::1 6'])
    here.announces.destroy()
  })

  test('is asked as it comes by who listens in one family', async () => {
    const here = swarm([null], () => both, url, 'http://[2001:db8::1]/announce')
    here.announces.start()
    await here.until(() => here.replies.length === 2)
    expect(here.dials.sort()).toEqual(['2001:db8::1 null', 'tracker.example null'])
    here.announces.destroy()
  })
})
