// What the long tests share: seeded content, our command line as a child, chance from a seed that is printed.
import { spawn } from 'node:child_process'
import { createCipheriv, createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, createWriteStream, readdirSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

export const project = fileURLToPath(new URL('../../', import.meta.url))
export const cli = join(project, 'dist/cli/main.js')
/** Not /tmp: that may be memory, and these tests are about disks. */
export const disk = process.env.BITLODE_TMP ?? '/var/tmp'

/** The options of a long test: --rounds N and --seed N. */
export function options(defaults) {
  const { values } = parseArgs({ options: { rounds: { type: 'string' }, seed: { type: 'string' } } })
  const rounds = Number(values.rounds ?? defaults.rounds)
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
  process.stdout.write(`seed ${seed}, ${rounds} rounds\n`)
  return { rounds, seed, random: generator(seed) }
}

/** Mulberry32: a number in [0, 1) for each call. */
export function generator(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let z = Math.imul(state ^ (state >>> 15), state | 1)
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61)
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32
  }
}

export async function writeContent(path, length, seed) {
  const cipher = createCipheriv('chacha20', createHash('sha256').update(`content ${seed}`).digest(), Buffer.alloc(16))
  const zeros = Buffer.alloc(1 << 20)
  const out = createWriteStream(path)
  for (let left = length; left > 0; left -= zeros.length) {
    if (!out.write(cipher.update(zeros.subarray(0, Math.min(left, zeros.length))))) await once(out, 'drain')
  }
  out.end()
  await once(out, 'close')
}

/** SHA-256 of every file that is not hidden, by relative path. */
export async function digest(folder) {
  const found = {}
  const walk = async (dir) => {
    for (const name of readdirSync(dir).sort()) {
      const path = join(dir, name)
      if (name.startsWith('.') || name === 'lost+found') continue
      if (statSync(path).isDirectory()) await walk(path)
      else {
        const hash = createHash('sha256')
        for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk)
        found[relative(folder, path)] = hash.digest('hex')
      }
    }
  }
  await walk(folder)
  return found
}

/** Starts `bitlode …  --json`; `event(name)` resolves with that event or rejects when the process ends first. */
export function bitlode(words, { command = process.execPath, prefix = [], env = {} } = {}) {
  const child = spawn(command, [...prefix, cli, ...words, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  const events = []
  const waiting = new Set()
  let said = ''
  let rest = ''
  let open = true
  child.stderr.setEncoding('utf8').on('data', (text) => (said += text))
  child.stdout.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()
    for (const line of lines) events.push(JSON.parse(line))
    for (const look of [...waiting]) look()
  })
  const ended = new Promise((resolve) =>
    child.on('close', (code, signal) => {
      open = false
      for (const look of [...waiting]) look()
      resolve({ code, signal })
    }),
  )
  const event = (name) =>
    new Promise((resolve, reject) => {
      const look = () => {
        const found = events.find((one) => one.event === name)
        if (!found && open) return
        waiting.delete(look)
        if (found) resolve(found)
        else reject(new Error(`ended before ${name}: ${JSON.stringify(events.slice(-3))} ${said}`))
      }
      waiting.add(look)
      look()
    })
  return { child, events, event, ended, stderr: () => said }
}

/** Counts checks and prints the closing line. */
export class Score {
  passed = 0
  failed = 0
  skipped = 0
  check(holds, sentence) {
    if (holds) this.passed += 1
    else {
      this.failed += 1
      process.stdout.write(`FAILED: ${sentence}\n`)
    }
    return holds
  }
  skip(sentence) {
    this.skipped += 1
    process.stdout.write(`skipped: ${sentence}\n`)
  }
  end() {
    process.stdout.write(`${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped\n`)
    process.exitCode = this.failed > 0 || this.passed === 0 ? 1 : 0
  }
}
