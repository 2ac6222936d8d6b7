import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { expected, integer } from '../../check.ts'
import { bparse } from '../../util/bdecode.ts'
import { anyBytes, equalBytes, sized } from '../../util/bytes.ts'
import { Writer } from '../../util/writer.ts'
import { type KrpcSigned, MAX_SALT, MAX_VALUE } from './message.ts'

/** What is signed of a mutable item (BEP 44). */
export interface ItemContent {
  /** The value in its bencoded form, at most 1,000 bytes. */
  readonly value: Uint8Array
  /** 0 to 2^63 − 1. */
  readonly seq: number | bigint
  /** At most 64 bytes; an empty one is none. */
  readonly salt?: Uint8Array
}

/** DER in front of an Ed25519 seed (PKCS #8) and of a public key (SubjectPublicKeyInfo), RFC 8410. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI = Buffer.from('302a300506032b6570032100', 'hex')

/** Where an immutable item is stored: the SHA-1 of its bencoded value, 20 bytes (BEP 44). Errors: `ERR_INVALID_OPTION`. */
export function immutableTarget(value: Uint8Array): Uint8Array<ArrayBuffer> {
  return sha1(anyBytes('value', value))
}

/** Where a mutable item is stored: the SHA-1 of its public key and salt, 20 bytes (BEP 44). Errors: `ERR_INVALID_OPTION`. */
export function mutableTarget(key: Uint8Array, salt?: Uint8Array): Uint8Array<ArrayBuffer> {
  sized('key', key, 32)
  return sha1(salt === undefined ? key : Buffer.concat([key, saltOf(salt)]))
}

/** The bytes that are signed (BEP 44). Errors: `ERR_INVALID_OPTION`. */
export function signedBytes({ value, seq, salt }: ItemContent): Uint8Array<ArrayBuffer> {
  const to = new Writer()
  if (salt !== undefined && saltOf(salt).length > 0) to.ascii('4:salt').bytes(salt)
  if (typeof seq !== 'bigint') integer('seq', seq, 0, Number.MAX_SAFE_INTEGER)
  else if (seq < 0n || seq >= 2n ** 63n) throw expected('seq', 'an integer from 0 to 2^63 − 1', seq)
  if (anyBytes('value', value).length > MAX_VALUE) throw expected('value', `at most ${MAX_VALUE} bytes`, value.length)
  return to.ascii('3:seq').integer(seq).ascii('1:v').raw(value).take()
}

/** The public key, 32 bytes, of an Ed25519 seed of 32 bytes. Errors: `ERR_INVALID_OPTION`. */
export function publicKeyOf(seed: Uint8Array): Uint8Array<ArrayBuffer> {
  const der = createPublicKey(privateKey(seed)).export({ format: 'der', type: 'spki' })
  return Uint8Array.from(der.subarray(SPKI.length))
}

/**
 * Signs a mutable item (BEP 44) with the seed of an Ed25519 key, 32 bytes: what other libraries call an expanded key of 64
 * bytes cannot be used.
 *
 * Errors: `ERR_INVALID_OPTION`; `ERR_BENCODE_INVALID` for a value that is not one bencoded value in its canonical form.
 */
export function signItem(content: ItemContent, seed: Uint8Array): KrpcSigned {
  bparse(anyBytes('value', content.value))
  const signature = Uint8Array.from(sign(null, signedBytes(content), privateKey(seed)))
  return { key: publicKeyOf(seed), seq: content.seq, signature }
}

/**
 * Whether the signature of a mutable item is right, and, when `target` is given, whether it belongs there (BEP 44). Costs
 * about 100 µs.
 *
 * Errors: `ERR_INVALID_OPTION`.
 */
export function verifyItem(item: KrpcSigned & ItemContent, target?: Uint8Array): boolean {
  const { key, signature, salt } = item
  if (target !== undefined && !equalBytes(sized('target', target, 20), mutableTarget(key, salt))) return false
  sized('signature', signature, 64)
  try {
    const spki = Buffer.concat([SPKI, sized('key', key, 32)])
    return verify(null, signedBytes(item), createPublicKey({ key: spki, format: 'der', type: 'spki' }), signature)
  } catch (error) {
    // Not every 32 bytes are a key.
    if (error instanceof Error && 'library' in error) return false
    throw error
  }
}

function privateKey(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8, sized('seed', seed, 32)]), format: 'der', type: 'pkcs8' })
}

function saltOf(salt: Uint8Array): Uint8Array {
  if (anyBytes('salt', salt).length > MAX_SALT) throw expected('salt', `at most ${MAX_SALT} bytes`, salt.length)
  return salt
}

function sha1(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createHash('sha1').update(bytes).digest())
}
