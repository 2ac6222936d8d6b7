// How long a .torrent of 20,000 files takes to become an object of JavaScript's: `node benches/decode.mjs [files]`. Prints the
// median, the shortest and the longest of 50 runs of `Torrent.open` on bytes, and of walking all its files once.
import { Torrent } from '../dist/index.js'

const count = Number(process.argv[2] ?? 20_000)
const runs = 50

function torrent(files) {
  const list = Array.from({ length: files }, (_, at) => {
    // In order, as makers write them.
    const number = String(at).padStart(6, '0')
    const [folder, name] = [`folder ${number.slice(0, 4)}`, `file number ${number}.bin`]
    return `d6:lengthi${1000 + at}e4:pathl${folder.length}:${folder}${name.length}:${name}ee`
  })
  const total = files * 1000 + (files * (files - 1)) / 2
  const piece = 1 << 20
  const hashes = 20 * Math.ceil(total / piece)
  const head = `d4:infod5:filesl${list.join('')}e4:name4:many12:piece lengthi${piece}e6:pieces${hashes}:`
  return Buffer.concat([Buffer.from(head), Buffer.alloc(hashes, 1), Buffer.from('ee')])
}

const bytes = torrent(count)
const [opened, walked] = [[], []]
for (let run = 0; run < runs; run++) {
  const begun = performance.now()
  const made = await Torrent.open(bytes)
  opened.push(performance.now() - begun)
  const walk = performance.now()
  let length = 0
  for (const file of made.files) length += file.length + file.path.length
  walked.push(performance.now() - walk)
  if (made.files.length !== count || length < made.length) throw new Error('not what was written')
}

const figure = (times) => {
  const sorted = times.toSorted((a, b) => a - b)
  return `${sorted[runs >> 1].toFixed(2)} ms median, ${sorted[0].toFixed(2)} to ${sorted.at(-1).toFixed(2)} ms`
}
process.stdout.write(`${bytes.length} bytes, ${count} files\nopen  ${figure(opened)}\nwalk  ${figure(walked)}\n`)
