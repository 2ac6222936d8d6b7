declare module 'bencode' {
  const bencode: {
    /** Decodes; it is lenient and recursive. */
    decode(data: Uint8Array): unknown
    encode(value: unknown): Uint8Array
  }
  export default bencode
}

declare module 'bittorrent-tracker/server' {
  import type { EventEmitter } from 'node:events'
  import type { Server as HttpServer } from 'node:http'

  /** A tracker. */
  export default class Server extends EventEmitter {
    constructor(options: { udp: boolean; ws: boolean; http: boolean; stats: boolean })
    readonly http: HttpServer
    listen(port: number, host: string): void
    close(done?: () => void): void
  }
}

declare module 'webtorrent-fixtures' {
  /** What another implementation reads of a .torrent. */
  interface Parsed {
    readonly infoHash: string
    readonly name: string
    readonly length: number
    readonly pieceLength: number
    readonly pieces: readonly string[]
    readonly private?: boolean
    readonly announce: readonly string[]
    readonly urlList: readonly string[]
    readonly files: readonly { readonly path: string; readonly length: number; readonly offset: number }[]
  }
  interface Fixture {
    readonly torrent?: Uint8Array
    readonly contentPath?: string
    readonly parsedTorrent?: Parsed
    readonly magnetURI?: string
  }
  const fixtures: Readonly<Record<string, Fixture>>
  export default fixtures
}
