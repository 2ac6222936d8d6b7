import { expected, integer } from '../../check.ts'
import { bparse } from '../../util/bdecode.ts'
import { anyBytes, fromLatin1, sized } from '../../util/bytes.ts'
import { Writer } from '../../util/writer.ts'
import { type KrpcMessage, type KrpcQuery, type KrpcReply, type KrpcWant, MAX_SALT, MAX_VALUE } from './message.ts'

/**
 * Writes a message of the DHT as a datagram. How long it becomes is the caller's care: 1,024 bytes arrive everywhere
 * (BEP 32).
 *
 * Errors: `ERR_INVALID_OPTION` for a field of the wrong type, length or range.
 */
export function buildKrpc(message: KrpcMessage): Uint8Array<ArrayBuffer> {
  const to = new Writer()
  const { transaction, version } = message
  to.ascii('d')
  switch (message.kind) {
    case 'query':
      to.ascii('1:a')
      writeArguments(to, message)
      to.ascii('1:q').bytes(nameOf(message))
      if (message.readOnly) to.ascii('2:roi1e')
      break
    case 'reply':
      if (message.ip !== undefined) to.ascii('2:ip').bytes(sized('ip', message.ip, 6, 18))
      to.ascii('1:r')
      writeReply(to, message)
      break
    case 'error':
      to.ascii('1:el').integer(integer('code', message.code, 0, Number.MAX_SAFE_INTEGER))
      if (typeof message.message !== 'string') throw expected('message', 'text', message.message)
      to.text(message.message).ascii('e')
      if (message.ip !== undefined) to.ascii('2:ip').bytes(sized('ip', message.ip, 6, 18))
      break
    default:
      throw expected('kind', 'query, reply or error', (message as { kind: unknown }).kind)
  }
  to.ascii('1:t').bytes(anyBytes('transaction', transaction))
  if (version !== undefined) to.ascii('1:v').bytes(anyBytes('version', version))
  return to.ascii('1:y').ascii(LETTERS[message.kind]).ascii('e').take()
}

const LETTERS = { query: '1:q', reply: '1:r', error: '1:e' } as const

function nameOf(query: KrpcQuery): Uint8Array {
  const name: unknown = query.method === 'other' ? query.name : query.method
  const bytes = typeof name === 'string' ? fromLatin1(name) : undefined
  if (bytes === undefined) throw expected('name', 'characters up to U+00FF', name)
  return bytes
}

/** Keys in the order of their bytes. */
function writeArguments(to: Writer, query: KrpcQuery): void {
  to.ascii('d')
  if (query.method === 'put' && query.cas !== undefined) to.ascii('3:cas').integer(seq('cas', query.cas))
  id(to, query.id)
  switch (query.method) {
    case 'ping':
      break
    case 'find_node':
    case 'sample_infohashes':
      to.ascii('6:target').bytes(sized('target', query.target, 20))
      want(to, query.want)
      break
    case 'get_peers':
      to.ascii('9:info_hash').bytes(sized('infoHash', query.infoHash, 20))
      if (query.noSeed) to.ascii('6:noseedi1e')
      if (query.scrape) to.ascii('6:scrapei1e')
      want(to, query.want)
      break
    case 'announce_peer':
      if (query.impliedPort) to.ascii('12:implied_porti1e')
      to.ascii('9:info_hash').bytes(sized('infoHash', query.infoHash, 20))
      if (query.name !== undefined) to.ascii('4:name').bytes(anyBytes('name', query.name))
      to.ascii('4:port').integer(integer('port', query.port, query.impliedPort ? 0 : 1, 65_535))
      if (query.seed) to.ascii('4:seedi1e')
      to.ascii('5:token').bytes(anyBytes('token', query.token))
      break
    case 'get':
      if (query.seq !== undefined) to.ascii('3:seq').integer(seq('seq', query.seq))
      to.ascii('6:target').bytes(sized('target', query.target, 20))
      want(to, query.want)
      break
    case 'put': {
      const { signed, salt } = query
      if (signed === undefined && (salt ?? query.cas) !== undefined) {
        throw expected('signed', 'there with `salt` or `cas`', signed)
      }
      if (signed !== undefined) to.ascii('1:k').bytes(sized('key', signed.key, 32))
      if (salt !== undefined) to.ascii('4:salt').bytes(atMost('salt', salt, MAX_SALT))
      if (signed !== undefined) {
        to.ascii('3:seq').integer(seq('seq', signed.seq))
        to.ascii('3:sig').bytes(sized('signature', signed.signature, 64))
      }
      to.ascii('5:token').bytes(anyBytes('token', query.token))
      value(to, query.value)
      break
    }
    case 'other':
      if (query.target !== undefined) to.ascii('6:target').bytes(sized('target', query.target, 20))
      want(to, query.want)
      break
    default:
      throw expected('method', 'one that there is', (query as { method: unknown }).method)
  }
  to.ascii('e')
}

function writeReply(to: Writer, reply: KrpcReply): void {
  to.ascii('d')
  if (reply.peerFilter !== undefined) to.ascii('4:BFpe').bytes(sized('peerFilter', reply.peerFilter, 256))
  if (reply.seedFilter !== undefined) to.ascii('4:BFsd').bytes(sized('seedFilter', reply.seedFilter, 256))
  id(to, reply.id)
  if (reply.interval !== undefined) to.ascii('8:interval').integer(integer('interval', reply.interval, 0, 21_600))
  if (reply.key !== undefined) to.ascii('1:k').bytes(sized('key', reply.key, 32))
  list(to, '5:nodes', 'nodes', reply.nodes, 26)
  list(to, '6:nodes6', 'nodes6', reply.nodes6, 38)
  if (reply.num !== undefined) to.ascii('3:num').integer(integer('num', reply.num, 0, Number.MAX_SAFE_INTEGER))
  if (reply.port !== undefined) to.ascii('1:p').integer(integer('port', reply.port, 0, 65_535))
  list(to, '7:samples', 'samples', reply.samples, 20)
  if (reply.seq !== undefined) to.ascii('3:seq').integer(seq('seq', reply.seq))
  if (reply.signature !== undefined) to.ascii('3:sig').bytes(sized('signature', reply.signature, 64))
  if (reply.token !== undefined) to.ascii('5:token').bytes(anyBytes('token', reply.token))
  if (reply.value !== undefined) value(to, reply.value)
  if (reply.values !== undefined) {
    if (!Array.isArray(reply.values)) throw expected('values', 'a list', reply.values)
    to.ascii('6:valuesl')
    for (const peer of reply.values) to.bytes(sized('values', peer, 6, 18))
    to.ascii('e')
  }
  to.ascii('e')
}

function id(to: Writer, bytes: Uint8Array): void {
  to.ascii('2:id').bytes(sized('id', bytes, 20))
}

function want(to: Writer, want: readonly KrpcWant[] | undefined): void {
  if (want === undefined) return
  if (!Array.isArray(want)) throw expected('want', 'a list', want)
  to.ascii('4:wantl')
  for (const family of want) {
    if (family !== 'n4' && family !== 'n6') throw expected('want', 'n4 or n6', family)
    to.ascii('2:').ascii(family)
  }
  to.ascii('e')
}

function list(to: Writer, key: string, name: string, bytes: Uint8Array | undefined, length: number): void {
  if (bytes === undefined) return
  if (anyBytes(name, bytes).length % length !== 0) throw expected(name, `entries of ${length} bytes`, bytes.length)
  to.ascii(key).bytes(bytes)
}

function value(to: Writer, bytes: Uint8Array): void {
  // It stands in the message as it is: anything else than one value would change what follows it.
  bparse(atMost('value', bytes, MAX_VALUE))
  to.ascii('1:v').raw(bytes)
}

function atMost(name: string, bytes: Uint8Array, max: number): Uint8Array {
  if (anyBytes(name, bytes).length > max) throw expected(name, `at most ${max} bytes`, bytes.length)
  return bytes
}

function seq(name: string, value: number | bigint): number | bigint {
  if (typeof value === 'bigint' && value >= 0n && value < 2n ** 63n) return value
  return integer(name, value, 0, Number.MAX_SAFE_INTEGER)
}
