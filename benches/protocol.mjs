// node benches/protocol.mjs
// What packets cost in JavaScript: microseconds of CPU for one, the median of rounds. One get_peers query is decoded, checked
// and answered with a token, eight nodes and eight peers; the target is 40 µs. The npm package `bencode` does less work: it
// checks nothing, and decodes and encodes the same bytes.
import { createHmac, randomBytes } from 'node:crypto'
import npm from 'bencode'
import { buildKrpc, buildUdpRequest, parseAnnounceReply, parseKrpc, parseUdpRequest } from '../dist/protocol/index.js'
import { bdecode, bencode, compactEndpoint, compactNodes } from '../dist/util/index.js'

const COUNT = 2000
const ROUNDS = 101
const TARGET = 40

/** Median and 95th part of a hundred of the CPU time of one call, in microseconds. */
function cost(body) {
  const rounds = []
  for (let round = 0; round < ROUNDS; round++) {
    const begun = process.cpuUsage()
    for (let at = 0; at < COUNT; at++) body(at)
    const { user, system } = process.cpuUsage(begun)
    rounds.push((user + system) / COUNT)
  }
  rounds.sort((a, b) => a - b)
  return { median: rounds[ROUNDS >> 1], p95: rounds[Math.floor(ROUNDS * 0.95)] }
}

const id = randomBytes(20)
const secret = randomBytes(16)
const nodes = compactNodes(
  Array.from({ length: 8 }, (_, at) => ({ id: randomBytes(20), ip: `192.0.2.${at}`, port: 6881 })),
)
const values = Array.from({ length: 8 }, (_, at) => compactEndpoint({ ip: `198.51.100.${at}`, port: 6881 }))
// Different queries, so that nothing is learnt by heart.
const queries = Array.from({ length: COUNT }, () =>
  buildKrpc({
    kind: 'query',
    method: 'get_peers',
    transaction: randomBytes(2),
    version: randomBytes(4),
    id: randomBytes(20),
    infoHash: randomBytes(20),
    want: ['n4', 'n6'],
  }),
)

function answer(datagram) {
  const query = parseKrpc(datagram)
  if (query.kind !== 'query' || query.method !== 'get_peers') throw new Error('not the query')
  const token = createHmac('sha1', secret).update('192.0.2.9').update(query.infoHash).digest().subarray(0, 8)
  return buildKrpc({ kind: 'reply', transaction: query.transaction, id, token, nodes, values })
}

const reply = answer(queries[0])
const compact = bencode({ complete: 5, incomplete: 9, interval: 1800, peers: new Uint8Array(1200).fill(7) })
const announce = {
  action: 'announce',
  transaction: 1,
  connectionId: randomBytes(8),
  infoHash: randomBytes(20),
  peerId: randomBytes(20),
  downloaded: 1,
  left: 2,
  uploaded: 3,
  event: 'started',
  key: 1,
  numWant: -1,
  port: 6881,
}

const rows = [
  ['get_peers decoded, checked, answered', (at) => answer(queries[at])],
  ['get_peers decoded and checked', (at) => parseKrpc(queries[at])],
  ['reply of 8 nodes and 8 peers decoded', () => parseKrpc(reply)],
  ['get_peers: bdecode', (at) => bdecode(queries[at])],
  ['get_peers: npm bencode decodes', (at) => npm.decode(queries[at])],
  ['reply: bdecode and bencode', () => bencode(bdecode(reply))],
  ['reply: npm bencode decodes and encodes', () => npm.encode(npm.decode(reply))],
  ['HTTP reply of 200 peers', () => parseAnnounceReply(compact)],
  ['UDP announce built and parsed', () => parseUdpRequest(buildUdpRequest(announce))],
]
for (const [, body] of rows) cost(body)
console.log('microseconds of CPU for one   median     p95')
for (const [at, [name, body]] of rows.entries()) {
  const { median, p95 } = cost(body)
  const verdict = at > 0 ? '' : median <= TARGET ? `   target ${TARGET}: met` : `   target ${TARGET}: missed`
  console.log(`${name.padEnd(40)} ${median.toFixed(2).padStart(8)} ${p95.toFixed(2).padStart(8)}${verdict}`)
  if (at === 0 && median > TARGET) process.exitCode = 1
}
