import { type IncomingMessage, request } from 'node:http'
import type { Duplex } from 'node:stream'
import { connect } from 'node:tls'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { type ErrorCode, messageOf, TorrentError } from './errors.ts'
import { aborted } from './wait.ts'

const inflate = promisify(gunzip)

/** What a GET needs of its caller: time, a way to connect, limits, and names for what goes wrong. */
export interface GetOptions<Purpose> {
  readonly url: URL
  readonly signal: AbortSignal | undefined
  /** Judges a URL before anything is sent, redirects too; `first` is the URL that was asked for. It throws to refuse. */
  readonly judge: (url: URL, first: URL) => Purpose
  readonly dial: (to: {
    host: string
    port: number
    purpose: Purpose
    signal: AbortSignal
  }) => Promise<{ stream: Duplex; address: string }>
  readonly timer: (delay: number, ring: () => void) => () => void
  readonly limits: {
    readonly body: number
    readonly inflated: number
    readonly header: number
    readonly redirects: number
    readonly total: number
    readonly firstByte: number
  }
  readonly codes: { readonly timeout: ErrorCode; readonly limit: ErrorCode; readonly unreachable: ErrorCode }
}

/** An answer. */
export interface GetResult {
  readonly status: number
  readonly body: Uint8Array
  /** Where the answer came from, after redirects. */
  readonly url: URL
  /** `ip:port` of the server. */
  readonly address: string
}

/**
 * GET over a stream that somebody else opened: no socket is opened here. Follows redirects, each judged like the first
 * URL; credentials in a URL go to its own origin only. TLS is verified.
 *
 * Errors: the codes given; those of `dial` and `judge`; `ERR_ABORTED`.
 */
export async function get<Purpose>(options: GetOptions<Purpose>): Promise<GetResult> {
  const { signal, limits, codes, timer } = options
  if (signal?.aborted) throw aborted(signal)
  const stop = new AbortController()
  const onAbort = () => stop.abort(signal && aborted(signal))
  signal?.addEventListener('abort', onAbort, { once: true })
  const late = new TorrentError(codes.timeout, `${options.url.host} did not answer within ${limits.total} ms`)
  const cancel = timer(limits.total, () => stop.abort(late))
  try {
    let url = options.url
    for (let redirects = 0; ; redirects++) {
      const answer = await getOnce(url, options, stop)
      if (!('redirect' in answer)) return answer
      if (redirects === limits.redirects) {
        throw new TorrentError(codes.limit, `${options.url.host} redirected more than ${limits.redirects} times`)
      }
      const next = answer.redirect
      if (next.origin === url.origin && next.username === '') {
        next.username = url.username
        next.password = url.password
      }
      url = next
    }
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error
  } finally {
    cancel()
    signal?.removeEventListener('abort', onAbort)
  }
}

async function getOnce<Purpose>(
  url: URL,
  options: GetOptions<Purpose>,
  stop: AbortController,
): Promise<GetResult | { redirect: URL }> {
  const { limits, codes } = options
  const secure = url.protocol === 'https:'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port)
  const purpose = options.judge(url, options.url)
  const { stream, address } = await options.dial({ host, port, purpose, signal: stop.signal })
  const carrier = secure ? encrypt(stream, host) : stream
  const late = new TorrentError(codes.timeout, `${url.host} did not begin to answer within ${limits.firstByte} ms`)
  const cancel = options.timer(limits.firstByte, () => stop.abort(late))
  const onStop = () => carrier.destroy(stop.signal.reason as Error)
  stop.signal.addEventListener('abort', onStop, { once: true })
  try {
    const response = await send(url, carrier, limits.header)
    cancel()
    const status = response.statusCode ?? 0
    const location = response.headers.location
    if (status >= 301 && status <= 308 && status !== 304 && status !== 306 && location !== undefined) {
      return { redirect: target(location, url, codes.unreachable) }
    }
    const raw = await collect(response, limits.body, codes.limit)
    const zipped = /^(?:x-)?gzip$/i.test(response.headers['content-encoding'] ?? '')
    return { status, body: zipped ? await unzip(raw, options) : raw, url, address }
  } catch (error) {
    if (error instanceof TorrentError) throw error
    const code = error instanceof Error && 'code' in error ? error.code : ''
    const tooLong = code === 'HPE_HEADER_OVERFLOW'
    throw new TorrentError(tooLong ? codes.limit : codes.unreachable, `${url.host}: ${messageOf(error)}`, {
      cause: error,
    })
  } finally {
    cancel()
    stop.signal.removeEventListener('abort', onStop)
    carrier.destroy()
    stream.destroy()
  }
}

function encrypt(stream: Duplex, host: string): Duplex {
  const isAddress = host.includes(':') || /^[\d.]+$/.test(host)
  const secure = connect({
    socket: stream,
    host,
    ALPNProtocols: ['http/1.1'],
    ...(isAddress ? {} : { servername: host }),
  })
  // Errors reach the request too; a socket without listener would end the process.
  secure.on('error', () => {})
  return secure
}

function send(url: URL, carrier: Duplex, maxHeaderSize: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const auth =
      url.username === '' ? undefined : `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
    const sent = request({
      createConnection: () => carrier,
      host: url.hostname,
      path: `${url.pathname}${url.search}`,
      maxHeaderSize,
      headers: {
        Host: url.host,
        'User-Agent': 'Bitlode',
        'Accept-Encoding': 'gzip',
        Connection: 'close',
        ...(auth === undefined ? {} : { Authorization: `Basic ${Buffer.from(auth).toString('base64')}` }),
      },
    })
    sent.on('response', resolve)
    sent.on('error', reject)
    sent.end()
  })
}

async function collect(response: IncomingMessage, max: number, code: ErrorCode): Promise<Uint8Array> {
  const tooMuch = () => new TorrentError(code, `The answer is longer than ${max} bytes`)
  if (Number(response.headers['content-length'] ?? 0) > max) throw tooMuch()
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length > max) throw tooMuch()
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks, length))
}

async function unzip<Purpose>(raw: Uint8Array, { limits, codes }: GetOptions<Purpose>): Promise<Uint8Array> {
  try {
    return new Uint8Array(await inflate(raw, { maxOutputLength: limits.inflated }))
  } catch (error) {
    const tooLong = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
    if (!tooLong) throw error
    throw new TorrentError(codes.limit, `The answer inflates to more than ${limits.inflated} bytes`, { cause: error })
  }
}

function target(location: string, base: URL, code: ErrorCode): URL {
  const url = URL.canParse(location, base.href) ? new URL(location, base) : undefined
  if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return url
  throw new TorrentError(code, `${base.host} redirects to what is no http URL`)
}
