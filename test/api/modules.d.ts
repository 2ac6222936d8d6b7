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
