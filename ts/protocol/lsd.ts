import { expected, integer, readOptions } from '../check.ts'
import { TorrentError } from '../errors.ts'
import { SETTINGS } from '../settings.ts'
import { hex, latin1, sized } from '../util/bytes.ts'
import { Writer } from '../util/writer.ts'

/** Where announces of local service discovery are sent (BEP 14): a host for the header, and the port. */
export const LSD_GROUPS = {
  4: { ip: '239.192.152.143', port: 6771, host: '239.192.152.143:6771' },
  6: { ip: 'ff15::efc0:988f', port: 6771, host: '[ff15::efc0:988f]:6771' },
} as const

/** An announce of local service discovery (BEP 14). */
export interface LsdAnnounce {
  /** The `Host` header: the group it was sent to. */
  readonly host: string
  /** Where the peer listens, 1 to 65,535; its address is that of the datagram. */
  readonly port: number
  /** 20 bytes each, at least one. */
  readonly infoHashes: readonly Uint8Array[]
  /** By which a client knows its own announces. */
  readonly cookie?: string
}

/**
 * Writes an announce of local service discovery.
 *
 * Errors: `ERR_INVALID_OPTION`, also when it would be longer than `maxBytes`.
 */
export function buildLsd(announce: LsdAnnounce, maxBytes: number = SETTINGS.lsdBytes.default): Uint8Array<ArrayBuffer> {
  const { host, port, infoHashes, cookie } = readOptions(
    announce,
    ['host', 'port', 'infoHashes', 'cookie'],
    'buildLsd',
  ) as unknown as LsdAnnounce
  if (!Array.isArray(infoHashes) || infoHashes.length === 0) throw expected('infoHashes', 'a list', infoHashes)
  const to = new Writer()
  to.ascii(`BT-SEARCH * HTTP/1.1\r\nHost: ${field('host', host)}\r\nPort: ${integer('port', port, 1, 65_535)}\r\n`)
  for (const infoHash of infoHashes) to.ascii(`Infohash: ${hex(sized('infoHash', infoHash, 20))}\r\n`)
  if (cookie !== undefined) to.ascii(`cookie: ${field('cookie', cookie)}\r\n`)
  const bytes = to.ascii('\r\n\r\n').take()
  if (bytes.length > maxBytes) throw expected('infoHashes', `at most ${maxBytes} bytes in all`, `${bytes.length} bytes`)
  return bytes
}

/**
 * Reads an announce of local service discovery. Names of headers are in any case, unknown ones are ignored, so are info-hashes
 * that are not 40 hexadecimal digits; each is there once.
 *
 * Errors: `ERR_LSD_INVALID`.
 */
export function parseLsd(datagram: Uint8Array, maxBytes: number = SETTINGS.lsdBytes.default): LsdAnnounce {
  if (!(datagram instanceof Uint8Array)) throw expected('datagram', 'a Uint8Array', datagram)
  if (datagram.length > maxBytes) throw wrong(`is longer than ${maxBytes} bytes`)
  const [request = '', ...lines] = latin1(datagram).split('\n')
  if (!/^BT-SEARCH \* HTTP\/1\.\d\r?$/i.test(request)) throw wrong('is no BT-SEARCH')
  let host: string | undefined
  let port = 0
  let cookie: string | undefined
  const hashes = new Map<string, Uint8Array>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon < 0) {
      // An empty line ends the headers.
      if (line.trim() === '') break
      throw wrong('has a line that is no header')
    }
    const value = line.slice(colon + 1).trim()
    switch (line.slice(0, colon).trim().toLowerCase()) {
      case 'host':
        host ??= value
        break
      case 'port':
        port ||= /^\d{1,5}$/.test(value) && Number(value) <= 65_535 ? Number(value) : 0
        break
      case 'infohash':
        if (/^[0-9a-f]{40}$/i.test(value)) {
          hashes.set(value.toLowerCase(), Uint8Array.from(Buffer.from(value, 'hex')))
        }
        break
      case 'cookie':
        cookie ??= value
        break
    }
  }
  if (port === 0) throw wrong('has no port')
  if (hashes.size === 0) throw wrong('has no info-hash')
  return { host: host ?? '', port, infoHashes: [...hashes.values()], ...(cookie === undefined ? {} : { cookie }) }
}

function wrong(what: string): TorrentError {
  return new TorrentError('ERR_LSD_INVALID', `The datagram ${what}`)
}

/** The value of a header: visible ASCII. */
function field(name: string, value: unknown): string {
  if (typeof value !== 'string' || !/^[\x21-\x7e]*$/.test(value)) throw expected(name, 'visible ASCII', value)
  return value
}
