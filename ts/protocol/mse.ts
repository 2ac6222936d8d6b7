import { randomBytes, randomInt } from 'node:crypto'
import { callback, expected, integer, oneOf, readOptions } from '../check.ts'
import { TorrentError } from '../errors.ts'
import type * as Native from '../native/addon.d.ts'
import { call } from '../native/call.ts'
import { addon } from '../native/load.ts'
import { anyBytes, hex, sized } from '../util/bytes.ts'
import { U16, U32 } from './flat.ts'

/** Numbers of Message Stream Encryption. There is no BEP: its origin is the page of that name in Vuze's wiki. */
export const MSE = {
  /** The prime P, 96 bytes as hexadecimal digits. */
  prime:
    'ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a63a36210000000000090563',
  /** The generator G. */
  generator: 2,
  /** Bytes of a private key as everyone uses it. */
  privateKeyBytes: 20,
  /** Bytes of a public key and of the shared secret, zeros in front. */
  keyBytes: 96,
  /** The most bytes of any pad. */
  maxPad: 512,
  /** Bytes of each RC4 stream that are left out. */
  discard: 1024,
  /** The bits of `crypto_provide` and `crypto_select`. */
  methods: { plain: 1, rc4: 2 },
} as const

/** How the stream goes on after the handshake. */
export type MseMethod = keyof typeof MSE.methods

/** One direction of an encrypted stream (RC4). A broken cipher: here it makes noise. */
export class Rc4 {
  readonly #native: Native.Rc4

  /** The stream of a key, from its first byte. Errors: `ERR_INVALID_OPTION`, `ERR_ADDON_LOAD`. */
  constructor(key: Uint8Array)
  /** @internal */
  constructor(key: Uint8Array | { readonly native: Native.Rc4 }) {
    if (key instanceof Uint8Array) this.#native = call(() => new (addon().Rc4)(key))
    else if (typeof key === 'object' && key !== null && 'native' in key) this.#native = key.native
    else throw expected('key', 'a Uint8Array', key)
  }

  /** Encrypts or decrypts in place, which is the same; the stream goes on where the last call ended. */
  apply(data: Uint8Array): void {
    anyBytes('data', data)
    call(() => this.#native.apply(data))
  }

  /** Leaves out the next bytes of the stream. */
  skip(bytes: number): void {
    const count = integer('bytes', bytes, 0, U32)
    call(() => this.#native.skip(count))
  }
}

/** A handshake that is done. What came behind it was not taken: give it to `read` first, if that is there. */
export interface MseEstablished {
  /** The torrent, 20 bytes. */
  readonly infoHash: Uint8Array
  /** How the stream goes on. */
  readonly method: MseMethod
  /** Decrypts what comes; null for plain payload. */
  readonly read: Rc4 | null
  /** Encrypts what goes; null for plain payload. */
  readonly write: Rc4 | null
  /** The initiator's initial payload, decrypted; empty for the initiator. */
  readonly payload: Uint8Array
}

/** Everything random of a handshake; drawn from the system where it is not given. */
export interface MseChance {
  /** 20 bytes. */
  readonly privateKey?: Uint8Array
  /** PadA or PadB, at most 512 bytes. */
  readonly pad?: Uint8Array
  /** PadC or PadD, at most 512 bytes; zeros by convention. */
  readonly reserved?: Uint8Array
}

/** The side that connects. */
export interface MseInitiateOptions extends MseChance {
  /** 20 bytes; of a v2 torrent the first 20 of its SHA-256. */
  readonly infoHash: Uint8Array
  /** The methods offered. @default ['plain', 'rc4'] */
  readonly provide?: readonly MseMethod[]
  /** Sent along, always encrypted; libtorrent drops connections with more than 68 bytes. @default empty */
  readonly payload?: Uint8Array
}

/** The side that is connected to. */
export interface MseRespondOptions extends MseChance {
  /** The info-hashes that are here, 20 bytes each; or a function from {@link mseSkeyMark} to an info-hash or null. */
  readonly infoHashes: readonly Uint8Array[] | ((mark: Uint8Array) => Uint8Array | null)
  /** The methods that may be selected. @default ['plain', 'rc4'] */
  readonly accept?: readonly MseMethod[]
  /** The one selected when both are possible. @default the first of `accept` */
  readonly prefer?: MseMethod
  /** Bytes of the longest initial payload that is taken. @default 65535 */
  readonly maxPayload?: number
}

/**
 * One side of the handshake of Message Stream Encryption, for any carrier of bytes: {@link take} what is to be sent,
 * {@link push} what came. It is obfuscation, not security: an anonymous key exchange of 768 bits, RC4, no integrity, and the
 * info-hash as the only secret.
 */
export class MseHandshake {
  readonly #side: Native.MseSide
  readonly #find: (mark: Uint8Array) => Uint8Array | null
  #out: Uint8Array[] = []
  #result: MseEstablished | null = null
  #error: TorrentError | null = null

  private constructor(side: Native.MseSide, find: (mark: Uint8Array) => Uint8Array | null) {
    this.#side = side
    this.#find = find
    this.#drain()
  }

  /** Starts as the side that connects. Errors: `ERR_INVALID_OPTION`, `ERR_UNKNOWN_OPTION`, `ERR_MSE_REQUIRED`. */
  static initiate(options: MseInitiateOptions): MseHandshake {
    const read = readOptions(
      options,
      ['infoHash', 'provide', 'payload', 'privateKey', 'pad', 'reserved'],
      'MseHandshake.initiate',
    )
    const infoHash = sized('infoHash', read.infoHash, 20)
    const provide = methodBits('provide', read.provide ?? ['plain', 'rc4'])
    const payload = most('payload', read.payload ?? new Uint8Array(), U16)
    const [key, pad, reserved] = chance(read)
    const side = call(() => addon().MseSide.initiate(infoHash, provide, payload, key, pad, reserved))
    return new MseHandshake(side, () => null)
  }

  /** Starts as the side that is connected to. Errors: `ERR_INVALID_OPTION`, `ERR_UNKNOWN_OPTION`, `ERR_MSE_REQUIRED`. */
  static respond(options: MseRespondOptions): MseHandshake {
    const read = readOptions(
      options,
      ['infoHashes', 'accept', 'prefer', 'maxPayload', 'privateKey', 'pad', 'reserved'],
      'MseHandshake.respond',
    )
    const accepted = (read.accept ?? ['plain', 'rc4']) as readonly MseMethod[]
    const accept = methodBits('accept', accepted)
    const prefer = methodBits('prefer', [read.prefer ?? accepted[0]])
    const maxPayload = read.maxPayload === undefined ? U16 : integer('maxPayload', read.maxPayload, 0, U16)
    const [key, pad, reserved] = chance(read)
    const find = finder(read.infoHashes)
    const side = call(() => addon().MseSide.respond(accept, prefer, maxPayload, key, pad, reserved))
    return new MseHandshake(side, find)
  }

  /** The result; null as long as the handshake is not done. */
  get established(): MseEstablished | null {
    return this.#result
  }

  /** What is to be sent now; empty when there is nothing. */
  take(): Uint8Array {
    const out = Buffer.concat(this.#out)
    this.#out = []
    return new Uint8Array(out)
  }

  /**
   * Takes bytes that came: how many. They are fewer than given only when the handshake is done; the rest belongs to the
   * stream.
   *
   * Errors: `ERR_MSE_INVALID`, `ERR_MSE_SYNC`, `ERR_MSE_REQUIRED`, `ERR_PEER_HANDSHAKE` for a torrent that is not here; the
   * same one ever after.
   */
  push(chunk: Uint8Array): number {
    anyBytes('chunk', chunk)
    if (this.#error !== null) throw this.#error
    let used = 0
    for (;;) {
      const part = chunk.subarray(used)
      used += call(() => this.#side.received(part))
      const found = this.#drain()
      if (!found || used === chunk.length) return used
    }
  }

  /** Does what the handshake wants; whether a torrent was looked for, so that it goes on. */
  #drain(): boolean {
    let found = false
    for (;;) {
      let output: Native.MseOutput | null
      try {
        output = call(() => this.#side.poll())
      } catch (error) {
        if (error instanceof TorrentError) this.#error = error
        throw error
      }
      if (output === null) return found
      const { kind, bytes, method } = output
      if (kind === 'send') this.#out.push(bytes)
      else if (kind === 'find') {
        found = true
        const infoHash = this.#find(bytes)
        call(() => this.#side.found(infoHash))
      } else {
        const [read, write] = [call(() => this.#side.takeRead()), call(() => this.#side.takeWrite())]
        this.#result = {
          infoHash: bytes.subarray(0, 20),
          method: method === MSE.methods.rc4 ? 'rc4' : 'plain',
          read: read === null ? null : wrap(read),
          write: write === null ? null : wrap(write),
          payload: bytes.subarray(20),
        }
      }
    }
  }
}

/** What the first bytes of an incoming connection say; 20 always decide, `undecided` asks for more. */
export function detectMse(first: Uint8Array): 'undecided' | 'plain' | 'encrypted' {
  const bytes = anyBytes('first', first)
  const start = Buffer.from('\x13BitTorrent protocol', 'latin1')
  const length = Math.min(bytes.length, start.length)
  if (start.compare(bytes, 0, length, 0, length) !== 0) return 'encrypted'
  return length === start.length ? 'plain' : 'undecided'
}

/** The public key of a private one of 20 bytes: 96 bytes. Errors: `ERR_INVALID_OPTION`. */
export function msePublicKey(privateKey: Uint8Array): Uint8Array<ArrayBuffer> {
  sized('privateKey', privateKey, 20)
  return call(() => addon().msePublicKey(privateKey))
}

/** The secret S that two sides share: 96 bytes. Errors: `ERR_MSE_INVALID` for a degenerate key, `ERR_INVALID_OPTION`. */
export function mseSecret(privateKey: Uint8Array, theirPublicKey: Uint8Array): Uint8Array<ArrayBuffer> {
  sized('privateKey', privateKey, 20)
  sized('theirPublicKey', theirPublicKey, 96)
  return call(() => addon().mseSecret(privateKey, theirPublicKey))
}

/** `H("req2", SKEY)`: by what a responder finds the torrent, 20 bytes. Errors: `ERR_INVALID_OPTION`. */
export function mseSkeyMark(infoHash: Uint8Array): Uint8Array<ArrayBuffer> {
  sized('infoHash', infoHash, 20)
  return call(() => addon().mseSkeyMark(infoHash))
}

/** What follows from a secret and an info-hash. */
export interface MseKeys {
  /** `H("req1", S)`, which ends PadA. */
  readonly sync: Uint8Array
  /** `H("req2", SKEY) xor H("req3", S)`, which names the torrent. */
  readonly torrent: Uint8Array
  /** The stream from the initiator, 1,024 bytes in. */
  readonly initiator: Rc4
  /** The stream from the responder, 1,024 bytes in. */
  readonly responder: Rc4
}

/** Everything that follows from a secret of 96 bytes and an info-hash. Errors: `ERR_INVALID_OPTION`. */
export function mseKeys(secret: Uint8Array, infoHash: Uint8Array): MseKeys {
  sized('secret', secret, 96)
  sized('infoHash', infoHash, 20)
  return call(() => {
    const marks = addon().mseMarks(secret, infoHash)
    return {
      sync: marks.subarray(0, 20),
      torrent: marks.subarray(20),
      initiator: wrap(addon().mseStream(secret, infoHash, true)),
      responder: wrap(addon().mseStream(secret, infoHash, false)),
    }
  })
}

/** What the initiator encrypts in its second message, behind the 40 bytes that name the torrent. */
export interface MseOffer {
  /** `crypto_provide`, all 32 bits. */
  readonly provide: number
  /** PadC, at most 512 bytes. */
  readonly pad: Uint8Array
  /** The initial payload, at most 65,535 bytes. */
  readonly payload: Uint8Array
}

/** What the responder encrypts in its second message. */
export interface MseAnswer {
  /** `crypto_select`, all 32 bits. */
  readonly select: number
  /** PadD, at most 512 bytes. */
  readonly pad: Uint8Array
}

/** The bytes of an offer before encryption. Errors: `ERR_INVALID_OPTION`, `ERR_UNKNOWN_OPTION`. */
export function buildMseOffer(offer: MseOffer): Uint8Array<ArrayBuffer> {
  const read = readOptions(offer, ['provide', 'pad', 'payload'], 'buildMseOffer')
  const provide = integer('provide', read.provide, 0, U32)
  const [pad, payload] = [most('pad', read.pad, MSE.maxPad), most('payload', read.payload, U16)]
  return call(() => addon().buildMseMessage(provide, pad, payload))
}

/** Reads a decrypted offer: it and its bytes; null when there are too few. Errors: `ERR_MSE_INVALID`. */
export function parseMseOffer(
  bytes: Uint8Array,
  maxPayload: number = U16,
): { readonly offer: MseOffer; readonly used: number } | null {
  anyBytes('bytes', bytes)
  const max = integer('maxPayload', maxPayload, 0, U16)
  const read = call(() => addon().parseMseMessage(bytes, max))
  return read && { offer: { provide: read.methods, pad: read.pad, payload: read.payload }, used: read.used }
}

/** The bytes of an answer before encryption. Errors: `ERR_INVALID_OPTION`, `ERR_UNKNOWN_OPTION`. */
export function buildMseAnswer(answer: MseAnswer): Uint8Array<ArrayBuffer> {
  const read = readOptions(answer, ['select', 'pad'], 'buildMseAnswer')
  const select = integer('select', read.select, 0, U32)
  const pad = most('pad', read.pad, MSE.maxPad)
  return call(() => addon().buildMseMessage(select, pad))
}

/** Reads a decrypted answer: it and its bytes; null when there are too few. Errors: `ERR_MSE_INVALID`. */
export function parseMseAnswer(bytes: Uint8Array): { readonly answer: MseAnswer; readonly used: number } | null {
  anyBytes('bytes', bytes)
  const read = call(() => addon().parseMseMessage(bytes))
  return read && { answer: { select: read.methods, pad: read.pad }, used: read.used }
}

function wrap(native: Native.Rc4): Rc4 {
  return new Rc4({ native } as unknown as Uint8Array)
}

function chance(read: Readonly<Record<string, unknown>>): [Uint8Array, Uint8Array, Uint8Array] {
  const length = () => randomInt(MSE.maxPad + 1)
  return [
    sized('privateKey', read.privateKey ?? randomBytes(MSE.privateKeyBytes), MSE.privateKeyBytes),
    most('pad', read.pad ?? randomBytes(length()), MSE.maxPad),
    most('reserved', read.reserved ?? new Uint8Array(length()), MSE.maxPad),
  ]
}

function most(name: string, value: unknown, max: number): Uint8Array {
  const bytes = anyBytes(name, value)
  if (bytes.length > max) throw expected(name, `at most ${max} bytes`, `${bytes.length} bytes`)
  return bytes
}

function methodBits(name: string, methods: unknown): number {
  if (!Array.isArray(methods)) throw expected(name, 'a list of methods', methods)
  return methods.reduce<number>((bits, method) => bits | MSE.methods[oneOf(name, method, ['plain', 'rc4'])], 0)
}

/** One look-up, however many torrents there are. */
function finder(infoHashes: unknown): (mark: Uint8Array) => Uint8Array | null {
  if (Array.isArray(infoHashes)) {
    const marks = new Map(infoHashes.map((hash: Uint8Array) => [hex(mseSkeyMark(hash)), Uint8Array.from(hash)]))
    return (mark) => marks.get(hex(mark)) ?? null
  }
  const find = callback('infoHashes', infoHashes)
  return (mark) => {
    const found = find(mark) ?? null
    return found === null ? null : sized('infoHash', found, 20)
  }
}
