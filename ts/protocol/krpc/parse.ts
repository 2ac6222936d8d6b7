import { expected } from '../../check.ts'
import { SETTINGS } from '../../settings.ts'
import { type BencodeDocument, type BencodeNode, bparse, parsePrefix } from '../../util/bdecode.ts'
import { latin1, utf8Text } from '../../util/bytes.ts'
import {
  KRPC_ERRORS,
  KrpcError,
  type KrpcFault,
  type KrpcMessage,
  type KrpcQuery,
  type KrpcQueryBase,
  type KrpcReply,
  type KrpcSigned,
  type KrpcWant,
  MAX_SALT,
  MAX_VALUE,
} from './message.ts'

const LIMITS = {
  // Keys out of order come from old programs; a stored value is looked at more closely below.
  mode: 'unordered',
  depth: SETTINGS.maxNetworkDepth.default,
  tokens: SETTINGS.maxNetworkTokens.default,
} as const

const ID = 20
const FILTER = 256
const MAX_INTERVAL = 21_600

/**
 * Reads a datagram of the DHT: BEP 5 with the fields of BEP 32, 33, 42, 43, 44 and 51. Bytes of the message are views of the
 * datagram. Signatures are not verified: see `verifyItem`.
 *
 * A query with a wrong argument is refused with the error that is to be answered; an answer with a wrong field loses that
 * field, and names it in `flaws`.
 *
 * Errors: `ERR_KRPC_INVALID`, always a {@link KrpcError}; a datagram longer than `maxBytes` is not looked at.
 */
export function parseKrpc(datagram: Uint8Array, maxBytes: number = SETTINGS.krpcBytes.default): KrpcMessage {
  if (!(datagram instanceof Uint8Array)) throw expected('datagram', 'a Uint8Array', datagram)
  const { length } = datagram
  if (length > maxBytes) throw new KrpcError(`The datagram is longer than ${maxBytes} bytes`)
  // Cheaper than any decoder for what was never meant for us.
  if (datagram[0] !== 0x64 || datagram[length - 1] !== 0x65) throw new KrpcError('The datagram is not a dictionary')
  let document: BencodeDocument
  try {
    document = parsePrefix(datagram, LIMITS.mode, LIMITS)
  } catch (error) {
    throw new KrpcError('The datagram is not bencoding', null, { cause: error })
  }
  if (document.length < length) throw new KrpcError('There are bytes behind the message')
  const { root } = document
  const transaction = root.get('t')?.bytes()
  if (transaction === undefined) throw new KrpcError('The message has no transaction id')
  const version = root.get('v')?.bytes()
  const envelope = version === undefined ? { transaction } : { transaction, version }
  const type = root.get('y')?.bytes()
  switch (type?.length === 1 ? type[0] : undefined) {
    case 0x71:
      return parseQuery(document, envelope)
    case 0x72:
      return parseReply(root, envelope)
    case 0x65:
      return parseFault(root, envelope)
    default:
      throw new KrpcError('The message is neither query nor reply nor error')
  }
}

type Envelope = Pick<KrpcQueryBase, 'transaction' | 'version'>

/** Reads the arguments of one query. */
class Arguments {
  readonly #dict: BencodeNode | undefined
  readonly #transaction: Uint8Array

  constructor(dict: BencodeNode | undefined, transaction: Uint8Array) {
    this.#dict = dict
    this.#transaction = transaction
  }

  refuse(code: number, message: string): KrpcError {
    const reply: KrpcFault = { kind: 'error', transaction: this.#transaction, code, message }
    return new KrpcError(message, reply)
  }

  node(key: string): BencodeNode | undefined {
    return this.#dict?.get(key)
  }

  bytes(key: string, length?: number): Uint8Array {
    const bytes = this.node(key)?.bytes()
    if (bytes === undefined || (length !== undefined && bytes.length !== length)) {
      throw this.refuse(
        KRPC_ERRORS.protocol,
        `\`${key}\` is not ${length === undefined ? 'a string' : `${length} bytes`}`,
      )
    }
    return bytes
  }

  flag(key: string): boolean {
    const value = this.node(key)?.integer()
    return value !== undefined && value !== 0
  }

  /** A sequence number. */
  seq(key: string): number | bigint | undefined {
    const node = this.node(key)
    if (node === undefined) return undefined
    const value = node.integer()
    if (value === undefined || value < 0) {
      throw this.refuse(KRPC_ERRORS.protocol, `\`${key}\` is not an integer from 0 to 2^63 - 1`)
    }
    return value
  }

  want(): { want?: readonly KrpcWant[] } {
    const node = this.node('want')
    if (node === undefined) return {}
    const want: KrpcWant[] = []
    for (const item of node.items()) {
      const bytes = item.bytes()
      const word = bytes?.length === 2 ? latin1(bytes) : ''
      if ((word === 'n4' || word === 'n6') && !want.includes(word)) want.push(word)
    }
    return { want }
  }
}

function parseQuery(document: BencodeDocument, envelope: Envelope): KrpcQuery {
  const { root } = document
  const args = new Arguments(root.get('a'), envelope.transaction)
  const method = root.get('q')?.bytes()
  if (method === undefined) throw args.refuse(KRPC_ERRORS.protocol, 'The query has no method')
  const base = {
    kind: 'query',
    ...envelope,
    id: args.bytes('id', ID),
    ...(isSet(root.get('ro')) ? { readOnly: true } : {}),
  } as const
  const name = latin1(method)
  switch (name) {
    case 'ping':
      return { ...base, method: name }
    case 'find_node':
    case 'sample_infohashes':
      return { ...base, method: name, target: args.bytes('target', ID), ...args.want() }
    case 'get_peers':
      return {
        ...base,
        method: name,
        infoHash: args.bytes('info_hash', ID),
        ...args.want(),
        ...(args.flag('noseed') ? { noSeed: true } : {}),
        ...(args.flag('scrape') ? { scrape: true } : {}),
      }
    case 'announce_peer':
      return { ...base, method: name, ...announce(args) }
    case 'get': {
      const seq = args.seq('seq')
      const target = args.bytes('target', ID)
      return { ...base, method: name, target, ...(seq === undefined ? {} : { seq }), ...args.want() }
    }
    case 'put':
      return { ...base, method: name, ...put(document, args) }
    default: {
      const target = args.node('target')?.bytes() ?? args.node('info_hash')?.bytes()
      return { ...base, method: 'other', name, ...(target?.length === ID ? { target } : {}), ...args.want() }
    }
  }
}

function announce(args: Arguments) {
  const impliedPort = args.flag('implied_port')
  const given = args.node('port')?.integer()
  const port = typeof given === 'number' && given >= 0 && given <= 65_535 ? given : undefined
  if (!impliedPort && !port) throw args.refuse(KRPC_ERRORS.protocol, '`port` is not an integer from 1 to 65535')
  const name = args.node('name')?.bytes()
  return {
    infoHash: args.bytes('info_hash', ID),
    port: port ?? 0,
    token: args.bytes('token'),
    ...(impliedPort ? { impliedPort } : {}),
    ...(args.flag('seed') ? { seed: true } : {}),
    ...(name === undefined ? {} : { name }),
  }
}

function put({ warnings }: BencodeDocument, args: Arguments) {
  const node = args.node('v')
  if (node === undefined) throw args.refuse(KRPC_ERRORS.protocol, 'There is no `v`')
  const value = node.raw
  if (value.length > MAX_VALUE) throw args.refuse(KRPC_ERRORS.valueTooBig, `\`v\` is longer than ${MAX_VALUE} bytes`)
  if (warnings.firstAt !== null && !isCanonical(value)) {
    throw args.refuse(KRPC_ERRORS.protocol, '`v` is not valid bencoding')
  }
  const token = args.bytes('token')
  if (args.node('k') === undefined && args.node('sig') === undefined && args.node('seq') === undefined) {
    return { token, value }
  }
  const seq = args.seq('seq')
  if (seq === undefined) throw args.refuse(KRPC_ERRORS.protocol, 'There is no `seq`')
  const signed: KrpcSigned = { key: args.bytes('k', 32), seq, signature: args.bytes('sig', 64) }
  const salt = args.node('salt') === undefined ? undefined : args.bytes('salt')
  if (salt !== undefined && salt.length > MAX_SALT) {
    throw args.refuse(KRPC_ERRORS.saltTooBig, `\`salt\` is longer than ${MAX_SALT} bytes`)
  }
  const cas = args.seq('cas')
  return { token, value, signed, ...(salt === undefined ? {} : { salt }), ...(cas === undefined ? {} : { cas }) }
}

function isCanonical(value: Uint8Array): boolean {
  try {
    bparse(value, { ...LIMITS, mode: 'strict' })
    return true
  } catch {
    return false
  }
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

function parseReply(root: BencodeNode, envelope: Envelope): KrpcReply {
  const dict = root.get('r')
  const id = dict?.get('id')?.bytes()
  if (dict === undefined || id?.length !== ID) throw new KrpcError('The reply has no id')
  const reply: Mutable<KrpcReply> = { kind: 'reply', ...envelope, id }
  const flaws: string[] = []
  const ip = root.get('ip')?.bytes()
  if (ip?.length === 6 || ip?.length === 18) reply.ip = ip
  else if (ip !== undefined) flaws.push('ip')
  // One walk: an answer has few keys, and each is wanted.
  for (const [key, node] of dict.entries()) if (!readField(reply, key, node)) flaws.push(key)
  if (flaws.length > 0) reply.flaws = flaws
  return reply
}

/** Reads one field of an answer; false when it is not as it must be. */
function readField(reply: Mutable<KrpcReply>, key: string, node: BencodeNode): boolean {
  switch (key) {
    case 'nodes':
      return keepWhole(reply, 'nodes', node, 26)
    case 'nodes6':
      return keepWhole(reply, 'nodes6', node, 38)
    case 'samples':
      return keepWhole(reply, 'samples', node, ID)
    case 'token':
      return keep(reply, 'token', node.bytes())
    case 'values':
      return readValues(reply, node)
    case 'BFsd':
      return keep(reply, 'seedFilter', exact(node, FILTER))
    case 'BFpe':
      return keep(reply, 'peerFilter', exact(node, FILTER))
    case 'v':
      return keep(reply, 'value', node.raw.length > MAX_VALUE ? undefined : node.raw)
    case 'k':
      return keep(reply, 'key', exact(node, 32))
    case 'sig':
      return keep(reply, 'signature', exact(node, 64))
    case 'seq':
      return keep(reply, 'seq', natural(node))
    case 'p':
      return keep(reply, 'port', small(node, 65_535))
    case 'interval':
      return keep(reply, 'interval', small(node, MAX_INTERVAL))
    case 'num':
      return keep(reply, 'num', small(node, Number.MAX_SAFE_INTEGER))
    default:
      return true
  }
}

/** Sets a field that has a value, unless it was set before. */
function keep<Field extends keyof KrpcReply>(
  reply: Mutable<KrpcReply>,
  field: Field,
  value: KrpcReply[Field] | undefined,
): boolean {
  if (value === undefined) return false
  if (reply[field] === undefined) (reply as Record<Field, KrpcReply[Field]>)[field] = value
  return true
}

/** Keeps as many whole entries as there are. */
function keepWhole(
  reply: Mutable<KrpcReply>,
  field: 'nodes' | 'nodes6' | 'samples',
  node: BencodeNode,
  length: number,
) {
  const bytes = node.bytes()
  const rest = (bytes?.length ?? 0) % length
  return keep(reply, field, rest === 0 ? bytes : bytes?.subarray(0, bytes.length - rest)) && rest === 0
}

function readValues(reply: Mutable<KrpcReply>, node: BencodeNode): boolean {
  if (node.kind !== 'list') return false
  const values: Uint8Array[] = []
  let clean = true
  for (const item of node.items()) {
    const bytes = item.bytes()
    if (bytes?.length === 6 || bytes?.length === 18) values.push(bytes)
    else clean = false
  }
  return keep(reply, 'values', values) && clean
}

function exact(node: BencodeNode, length: number): Uint8Array | undefined {
  const bytes = node.bytes()
  return bytes?.length === length ? bytes : undefined
}

function natural(node: BencodeNode): number | bigint | undefined {
  const value = node.integer()
  return value !== undefined && value >= 0 ? value : undefined
}

function small(node: BencodeNode, max: number): number | undefined {
  const value = node.integer()
  return typeof value === 'number' && value >= 0 && value <= max ? value : undefined
}

function isSet(node: BencodeNode | undefined): boolean {
  const value = node?.integer()
  return value !== undefined && value !== 0
}

function parseFault(root: BencodeNode, envelope: Envelope): KrpcFault {
  const [first, second] = [...(root.get('e')?.items() ?? [])]
  const code = first?.integer()
  const message = second?.bytes()
  if (typeof code !== 'number') throw new KrpcError('The error has no code')
  const ip = root.get('ip')?.bytes()
  return {
    kind: 'error',
    ...envelope,
    code,
    message: message === undefined ? '' : utf8Text(message),
    ...(ip?.length === 6 || ip?.length === 18 ? { ip } : {}),
  }
}
