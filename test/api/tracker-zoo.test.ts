import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createTls } from 'node:https'
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import bencode from 'bencode'
import { afterEach, describe, expect, test } from 'vitest'
import { Announces, type Failure, Line } from '../../ts/tracker/announces.ts'
import type { Trust } from '../../ts/tracker/query.ts'
import type { AnnounceReply } from '../../ts/tracker/reply.ts'
import { deferred } from '../../ts/wait.ts'
import { CERTIFICATE, KEY } from './certificate.ts'
import { Clock, type Dial, hostOf, limits } from './host.ts'

const good = Buffer.from(bencode.encode({ interval: 1800, peers: Buffer.from('7f0000011ae1', 'hex') }))
const open: { close(): unknown; closeAllConnections?(): void }[] = []

afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections?.()
    server.close()
  }
})

async function listening(server: Server | ReturnType<typeof createTcp>): Promise<number> {
  open.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const http = (handler: RequestListener) => listening(createServer({ maxHeaderSize: 1 << 20 }, handler))

/** A server that writes what it likes, once a request has come. */
function bytes(answer: (socket: Socket) => void): Promise<number> {
  return listening(createTcp((socket) => socket.on('error', () => {}).once('data', () => answer(socket))))
}

interface Outcome {
  readonly result: Promise<AnnounceReply | Failure>
  readonly dials: Dial[]
  readonly clock: Clock
  readonly peers: string[]
  readonly announces: Announces
}

function announce(url: string, options: { trust?: Trust; hashes?: number } = {}): Outcome {
  const [clock, dials, peers] = [new Clock(), [] as Dial[], [] as string[]]
  const outcome = deferred<AnnounceReply | Failure>()
  const announces = new Announces(hostOf(clock, dials), limits, new Line(limits.maxAnnounces), {
    infoHashes: Array.from({ length: options.hashes ?? 1 }, (_, at) => new Uint8Array(20).fill(at + 1)),
    tiers: [[{ url, trust: options.trust ?? 'none' }]],
    isPrivate: false,
    families: [null],
    peerId: new Uint8Array(20).fill(0x61),
    key: '01234567',
    facts: () => ({ port: 6881, uploaded: 0, downloaded: 0, left: 1 }),
    onPeers: (list) => peers.push(...list),
    onReply: (_, reply) => outcome.resolve(reply),
    onFailure: (_, error) => outcome.resolve(error),
  })
  open.push({ close: () => announces.destroy() })
  announces.start()
  return { result: outcome.promise, dials, clock, peers, announces }
}

const codeOf = async ({ result }: Outcome) => ((await result) as Failure).code

describe('an HTTP tracker', () => {
  test('is announced to, and its peers are taken', async () => {
    const seen = deferred<IncomingMessage>()
    const port = await http((request, response) => {
      seen.resolve(request)
      response.end(good)
    })
    const outcome = announce(`http://127.0.0.1:${port}/announce`)
    await outcome.result
    expect(outcome.peers).toEqual(['127.0.0.1:6881'])
    const { url, headers } = await seen.promise
    expect(url).toContain('/announce?info_hash=%01%01')
    expect(url).toContain('event=started')
    expect(headers).toMatchObject({ 'accept-encoding': 'gzip', connection: 'close', host: `127.0.0.1:${port}` })
  })

  test('may answer in gzip, in chunks, and with a status of 400 around a reason', async () => {
    const zipped = await http((_, response) => response.setHeader('Content-Encoding', 'gzip').end(gzipSync(good)))
    expect(await announce(`http://127.0.0.1:${zipped}/announce`).result).toMatchObject({ interval: 1_800_000 })
    const chunked = await http((_, response) => {
      response.write(good.subarray(0, 3))
      response.end(good.subarray(3))
    })
    expect(await announce(`http://127.0.0.1:${chunked}/announce`).result).toMatchObject({ interval: 1_800_000 })
    const refusing = await http((_, response) => {
      response.writeHead(400).end(bencode.encode({ 'failure reason': 'unregistered torrent' }))
    })
    const failure = (await announce(`http://127.0.0.1:${refusing}/announce`).result) as Failure
    expect([failure.code, failure.message]).toEqual(['ERR_TRACKER_FAILURE', 'unregistered torrent'])
  })

  test('of a hybrid torrent hears both hashes', async () => {
    const hashes: string[] = []
    const port = await http((request, response) => {
      hashes.push(/info_hash=([^&]*)/.exec(request.url ?? '')?.[1] ?? '')
      response.end(good)
    })
    const outcome = announce(`http://127.0.0.1:${port}/announce`, { hashes: 2 })
    await outcome.result
    expect(hashes.sort()).toEqual(['%01'.repeat(20), '%02'.repeat(20)])
  })

  test('is told stopped, and the stop waits for that but no longer than its limit', async () => {
    const events: string[] = []
    const silent = deferred<void>()
    const port = await http((request, response) => {
      const event = /event=(\w+)/.exec(request.url ?? '')?.[1] ?? ''
      events.push(event)
      if (event === 'stopped' && events.length > 3) silent.resolve()
      else response.end(good)
    })
    const first = announce(`http://127.0.0.1:${port}/announce`)
    await first.result
    await first.announces.stop()
    expect(events).toEqual(['started', 'stopped'])
    const second = announce(`http://127.0.0.1:${port}/announce`)
    await second.result
    const stopping = second.announces.stop()
    await silent.promise
    second.clock.advance(limits.trackerStopTimeout)
    await stopping
  })
})

describe('a hostile HTTP tracker', () => {
  test('row 59: an endless body ends at its limit', async () => {
    let sent = 0
    const port = await bytes((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      const pour = () => {
        while (!socket.destroyed && sent < 64 << 20) {
          sent += 65_536
          if (!socket.write(Buffer.alloc(65_536, 0x69))) return
        }
      }
      socket.on('drain', pour)
      pour()
    })
    expect(await codeOf(announce(`http://127.0.0.1:${port}/announce`))).toBe('ERR_TRACKER_BODY_LIMIT')
    expect(sent).toBeLessThan(64 << 20)
  })

  test('row 59: a declared length of a gigabyte is refused before the body', async () => {
    const port = await bytes((socket) => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${1 << 30}\r\n\r\n`))
    expect(await codeOf(announce(`http://127.0.0.1:${port}/announce`))).toBe('ERR_TRACKER_BODY_LIMIT')
  })

  test('row 59: a gzip bomb is not inflated beyond its limit', async () => {
    const bomb = gzipSync(Buffer.alloc(200 << 20), { level: 9 })
    expect(bomb.length).toBeLessThan(limits.httpBodyBytes)
    const port = await http((_, response) => response.setHeader('Content-Encoding', 'gzip').end(bomb))
    expect(await codeOf(announce(`http://127.0.0.1:${port}/announce`))).toBe('ERR_TRACKER_BODY_LIMIT')
  })

  test('row 59: a broken gzip stream is no answer', async () => {
    const port = await http((_, response) => response.setHeader('Content-Encoding', 'gzip').end('not gzip'))
    expect(await codeOf(announce(`http://127.0.0.1:${port}/announce`))).toBe('ERR_TRACKER_UNREACHABLE')
  })

  test('row 59: a chunk of 2^63 bytes is refused', async () => {
    const port = await bytes((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8000000000000000\r\nabc')
      socket.end()
    })
    expect(await codeOf(announce(`http://127.0.0.1:${port}/announce`))).toBe('ERR_TRACKER_UNREACHABLE')
  })

  test('row 59: a header of a megabyte ends at its limit', async () => {
    const port = await bytes((socket) => socket.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(1 << 20)}\r\n\r\n`))
    expect(await codeOf(announce(`http://127.0.0.1:${port}/announce`))).toBe('ERR_TRACKER_BODY_LIMIT')
  })

  test('row 59: a hundred redirects end after five', async () => {
    let hits = 0
    const port = await http((request, response) => {
      hits++
      response.writeHead(302, { Location: `${request.url}x` }).end()
    })
    expect(await codeOf(announce(`http://127.0.0.1:${port}/announce`))).toBe('ERR_TRACKER_BODY_LIMIT')
    expect(hits).toBe(limits.httpRedirects + 1)
  })

  test('row 59: a redirect is followed, one to a file or to ftp is not', async () => {
    const port = await http((request, response) => {
      if (request.url?.startsWith('/announce/next')) response.end(good)
      else response.writeHead(302, { Location: '/announce/next' }).end()
    })
    expect(await announce(`http://127.0.0.1:${port}/announce`).result).toMatchObject({ interval: 1_800_000 })
    for (const location of ['file:///etc/passwd', 'ftp://127.0.0.1/x', 'http://[', 'javascript:1']) {
      const evil = await http((_, response) => response.writeHead(302, { Location: location }).end())
      expect(await codeOf(announce(`http://127.0.0.1:${evil}/announce`)), location).toBe('ERR_TRACKER_UNREACHABLE')
    }
  })

  test('row 59: one that accepts and says nothing is left after the time for the first byte', async () => {
    const asked = deferred<void>()
    const port = await bytes(() => asked.resolve())
    const outcome = announce(`http://127.0.0.1:${port}/announce`)
    await asked.promise
    outcome.clock.advance(limits.httpFirstByteTimeout)
    expect(await codeOf(outcome)).toBe('ERR_TRACKER_TIMEOUT')
  })

  test('row 59: one that drips is left after the time for all', async () => {
    const dripping = deferred<Socket>()
    const port = await bytes((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\nd8')
      dripping.resolve(socket)
    })
    const outcome = announce(`http://127.0.0.1:${port}/announce`)
    const socket = await dripping.promise
    const gone = new Promise((resolve) => socket.once('close', resolve))
    // The header must have been read, or the limit for the first byte would end it.
    for (let turn = 0; turn < 500; turn++) await new Promise((resolve) => setImmediate(resolve))
    while (outcome.clock.now < limits.httpTimeout) {
      await new Promise((resolve) => setImmediate(resolve))
      if (!socket.destroyed) socket.write(':')
      outcome.clock.advance(limits.httpTimeout / 100)
    }
    expect(await codeOf(outcome)).toBe('ERR_TRACKER_TIMEOUT')
    await gone
  })

  test('row 59: HTML, nothing, a reset, no HTTP at all: each is one clear code', async () => {
    const html = await http((_, response) => response.end('<html><script>alert(1)</script></html>'))
    expect(await codeOf(announce(`http://127.0.0.1:${html}/announce`))).toBe('ERR_TRACKER_INVALID')
    const missing = await http((_, response) => response.writeHead(404).end('<h1>Not found</h1>'))
    const failure = (await announce(`http://127.0.0.1:${missing}/announce`).result) as Failure
    expect([failure.code, failure.message.includes('404')]).toEqual(['ERR_TRACKER_INVALID', true])
    const reset = await bytes((socket) => socket.resetAndDestroy())
    expect(await codeOf(announce(`http://127.0.0.1:${reset}/announce`))).toBe('ERR_TRACKER_UNREACHABLE')
    const other = await bytes((socket) => socket.end('220 ftp ready\r\n'))
    expect(await codeOf(announce(`http://127.0.0.1:${other}/announce`))).toBe('ERR_TRACKER_UNREACHABLE')
  })

  test('row 59: a certificate that nobody has signed is refused', async () => {
    let requests = 0
    const port = await listening(
      createTls({ key: KEY, cert: CERTIFICATE }, (_, response) => {
        requests++
        response.end(good)
      }) as unknown as Server,
    )
    const failure = (await announce(`https://127.0.0.1:${port}/announce`).result) as Failure
    expect(failure.code).toBe('ERR_TRACKER_UNREACHABLE')
    expect(failure.message).toMatch(/self[- ]signed/)
    expect(requests).toBe(0)
  })
})

describe('the rule by which an address is judged', () => {
  test('row 60: comes from who named the URL, and is asked again for each redirect', async () => {
    const elsewhere = await http((_, response) => response.end(good))
    const port = await http((_, response) => {
      response.writeHead(302, { Location: `http://127.0.0.1:${elsewhere}/announce` }).end()
    })
    const named = announce(`http://127.0.0.1:${port}/x`)
    await named.result
    expect(named.dials.map(({ purpose }) => purpose)).toEqual(['tracker', 'announce'])
    for (const trust of ['address', 'all'] as const) {
      const chosen = announce(`http://127.0.0.1:${port}/x`, { trust })
      await chosen.result
      expect(chosen.dials.map(({ purpose }) => purpose)).toEqual(['user', 'announce'])
    }
  })

  test('row 60: of what the same server redirects to is its own', async () => {
    const port = await http((request, response) => {
      if (request.url?.startsWith('/there')) response.end(good)
      else response.writeHead(302, { Location: '/there' }).end()
    })
    for (const [trust, rules] of [
      ['none', ['announce', 'tracker']],
      ['address', ['user', 'user']],
      ['all', ['user', 'user']],
    ] as const) {
      const asked = announce(`http://127.0.0.1:${port}/announce`, { trust })
      await asked.result
      expect(asked.dials.map(({ purpose }) => purpose)).toEqual(rules)
    }
  })

  test('row 60: a query of our own making is never sent where a torrent prepared one', async () => {
    let hits = 0
    const port = await http((_, response) => {
      hits++
      response.end(good)
    })
    const outcome = announce(`http://127.0.0.1:${port}/announce?info_hash=x`)
    expect(await codeOf(outcome)).toBe('ERR_SSRF_BLOCKED')
    expect([hits, outcome.dials.length]).toEqual([0, 0])
  })

  test('row 60: credentials go to their own origin and not to where it redirects', async () => {
    const heard: (string | undefined)[] = []
    const other = await http((request, response) => {
      heard.push(request.headers.authorization)
      response.end(good)
    })
    const port = await http((request, response) => {
      heard.push(request.headers.authorization)
      response.writeHead(302, { Location: `http://127.0.0.1:${other}/announce` }).end()
    })
    await announce(`http://user:secret@127.0.0.1:${port}/announce`).result
    expect(heard).toEqual([`Basic ${Buffer.from('user:secret').toString('base64')}`, undefined])
  })

  test('row 60: peers in private networks are only believed of a tracker that is near', async () => {
    const port = await http((_, response) => response.end(good))
    const clock = new Clock()
    const host = hostOf(clock)
    const got: string[] = []
    const done = deferred<void>()
    const far = {
      ...host,
      dial: async (to: Parameters<typeof host.dial>[0]) => ({ ...(await host.dial(to)), address: '192.0.2.9:80' }),
    }
    const announces = new Announces(far, limits, new Line(1), {
      infoHashes: [new Uint8Array(20)],
      tiers: [[{ url: `http://127.0.0.1:${port}/announce`, trust: 'none' }]],
      isPrivate: false,
      families: [null],
      peerId: new Uint8Array(20),
      key: '0',
      facts: () => ({ port: 1, uploaded: 0, downloaded: 0, left: 1 }),
      onPeers: (list) => got.push(...list),
      onReply: (_, { peers }) => {
        got.push(...peers)
        done.resolve()
      },
      onFailure: (_, error) => done.reject(error),
    })
    open.push({ close: () => announces.destroy() })
    announces.start()
    await done.promise
    expect(got).toEqual([])
  })

  test('row 60: a URL of UDP is told as what it is', async () => {
    expect(await codeOf(announce('udp://127.0.0.1:1/announce'))).toBe('ERR_TRACKER_SCHEME')
  })
})
