// node test/fuzz/run.mjs [--planted] [--seconds N] [--seed N] [target…]
// Changes inputs of the corpus and feeds them to the targets until the time is up, byte by byte, word by word and, where the input is
// bencoding, value by value. Exit 1 if a target finds something; with --planted, if it does not. What is found is printed as
// hexadecimal digits: put it into test/fuzz/corpus with the fix.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bdecode, bencode } from '../../dist/util/index.js'
import { targets } from './targets.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    planted: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
  },
})

let state = Number(values.seed) >>> 0
/** mulberry32: a number from 0 to below `below`. */
function dice(below) {
  state = (state + 0x6d2b79f5) >>> 0
  let x = Math.imul(state ^ (state >>> 15), state | 1)
  x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
  return ((x ^ (x >>> 14)) >>> 0) % below
}
const one = (list) => list[dice(list.length)]

/** Bytes that mean something to some parser. */
const words = [
  ...[
    '0',
    '1',
    '-1',
    '128',
    '65535',
    '65536',
    '9007199254740993',
    'i0e',
    'd',
    'l',
    'e',
    '0:',
    '20:',
    'never',
    'paused',
  ],
  ...[
    'started',
    'completed',
    'stopped',
    '\r\n',
    '\n',
    ':',
    '::',
    '-',
    ',',
    '/',
    '&',
    '=',
    '%00',
    '{}',
    '[]',
    'null',
    '"',
  ],
  ...['2001:db8::1', '192.0.2.1', 'Infohash: ', 'cookie', 'left=', 'event='],
].map((word) => Buffer.from(word))

function mutate(bytes, pool, bencoded) {
  if (bencoded && dice(2) === 0) {
    try {
      return Buffer.from(bencode(mutateTree(bdecode(bytes, { mode: 'lenient' }), pool)))
    } catch {}
  }
  let out = Buffer.from(bytes)
  for (let times = 1 + dice(4); times > 0; times--) {
    const at = dice(out.length + 1)
    const to = Math.min(out.length, at + dice(1 + dice(32)))
    const join = (...parts) => Buffer.concat([out.subarray(0, at), ...parts])
    const other = one(pool)
    const from = dice(other.length + 1)
    switch (dice(9)) {
      case 0:
        if (at < out.length) out[at] ^= 1 << dice(8)
        break
      case 1:
        if (at < out.length) out[at] = dice(256)
        break
      case 2:
        out = join(out.subarray(to))
        break
      case 3:
        out = join(one(words), out.subarray(at + dice(3)))
        break
      case 4:
        out = join(out.subarray(at, to), out.subarray(at))
        break
      case 5:
        out = join(other.subarray(from, from + dice(40)), out.subarray(at))
        break
      case 6: {
        // A word becomes another one.
        const word = one(words.filter((word) => out.includes(word)))
        const found = word === undefined ? -1 : out.indexOf(word, at)
        if (found >= 0) out = Buffer.concat([out.subarray(0, found), one(words), out.subarray(found + word.length)])
        break
      }
      case 7: {
        // A number in digits becomes another one.
        const rest = out.subarray(at).toString('latin1')
        const digits = /\d+/.exec(rest)
        const number = Buffer.from(one(['0', '1', '127', '128', '255', '256', '65535', '65536', '4294967296']))
        if (digits)
          out = join(out.subarray(at, at + digits.index), number, out.subarray(at + digits.index + digits[0].length))
        break
      }
      case 8:
        if (at + 4 <= out.length) out.writeUInt32BE(one([0, 1, 2, 3, 4, 0xffff, 0xffff_ffff, dice(2 ** 32)]), at)
        break
    }
  }
  return out.subarray(0, 4096)
}

/** One value in the tree becomes another one. */
function mutateTree(value, pool) {
  if (value instanceof Uint8Array) {
    const lengths = [0, 1, 3, 4, 6, 16, 18, 20, 26, 32, 38, 64, 256, value.length + 1]
    return dice(3) === 0 ? one(words) : Buffer.concat([value, Buffer.alloc(64, dice(256))]).subarray(0, one(lengths))
  }
  if (typeof value !== 'object') return one([0, 1, -1, 77, 201, 65_535, 65_536, 2n ** 62n, value])
  if (Array.isArray(value)) {
    const copy = [...value]
    const at = dice(copy.length + 1)
    if (at === copy.length || dice(3) === 0) copy.splice(at, dice(2), one([5, Buffer.alloc(6), [], copy[0] ?? 1]))
    else copy[at] = mutateTree(copy[at], pool)
    return copy
  }
  const copy = { ...value }
  const key = one(Object.keys(copy))
  if (key === undefined) return value
  const turn = dice(8)
  if (turn === 0) delete copy[key]
  else if (turn === 1) Object.assign(copy, tree(one(pool)))
  else copy[key] = mutateTree(copy[key], pool)
  return copy
}

function tree(bytes) {
  try {
    const value = bdecode(bytes, { mode: 'lenient' })
    return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array) ? value : {}
  } catch {
    return {}
  }
}

/** What was read without its values: inputs that differ in it go different ways. */
function shape(value, depth = 0) {
  if (value instanceof Uint8Array) return `b${Math.min(value.length, 40)}`
  if (typeof value === 'string') return /^[a-z_]{1,12}$/.test(value) ? value : `s${Math.min(value.length, 3)}`
  if (typeof value !== 'object' || value === null) return value === 0 ? '0' : value < 0 ? '-' : typeof value
  if (depth > 3) return '…'
  const parts = Array.isArray(value) ? value.slice(0, 3) : Object.entries(value).slice(0, 20).flat()
  return `(${parts.map((part) => shape(part, depth + 1)).join()})`
}

const folder = fileURLToPath(new URL('corpus', import.meta.url))
let failed = false
for (const name of positionals.length > 0 ? positionals : Object.keys(targets)) {
  const target = targets[name]
  const seeds = readdirSync(join(folder, name)).map((file) => readFileSync(join(folder, name, file)))
  const pool = [...seeds]
  const seen = new Set()
  const end = performance.now() + 1000 * Number(values.seconds)
  let runs = 0
  let found
  while (found === undefined && (runs % 256 !== 0 || performance.now() < end)) {
    runs++
    const bytes = mutate(one(dice(2) === 0 ? seeds : pool), pool, target.bencoded)
    try {
      const read = target.run(bytes, values.planted)
      const form = read === undefined ? undefined : shape(read)
      if (form !== undefined && seen.size < 1024 && !seen.has(form)) {
        seen.add(form)
        pool.push(bytes)
      }
    } catch (error) {
      found = { bytes, error }
    }
  }
  failed ||= (found !== undefined) !== values.planted
  console.log(
    `${name}: found ${found ? String(found.error.message).split('\n', 1)[0] : 'nothing'} in ${runs} runs, seed ${values.seed}`,
  )
  if (found && !values.planted) console.log(`${found.bytes.toString('hex')}\n${found.error.stack}`)
}
process.exitCode = failed ? 1 : 0
