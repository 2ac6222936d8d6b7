// How a transfer is measured: a namespace for each, the CPU seconds of each process, the payload time from the
// namespace's own loopback counter, memory filled before each.
import { execFileSync, spawn } from 'node:child_process'
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const tick = 1 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
export const GB = 1e9
const MiB = 2 ** 20

/**
 * Fills the memory that is free with the page cache of a file of holes in `folder` (on a disk; whoever owns the folder removes
 * it), of which the kernel takes back page by page, as on a machine that has run for a while. Memory that was never touched,
 * or went back to the host, costs a hypervisor up to the half of a transfer, and it halts a processor for tens of
 * milliseconds meanwhile; so no run pays for the last.
 */
export function fill(folder) {
  const path = join(folder, 'holes')
  writeFileSync(path, '', { flag: 'a' })
  const before = statSync(path).size
  const free = Number(/^MemFree: +(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))[1]) >> 10
  truncateSync(path, before + free * MiB)
  execFileSync('dd', [`if=${path}`, 'of=/dev/null', 'bs=1M', `skip=${before / MiB}`, 'status=none'])
}

/** User and system seconds of a process and its threads, its memory peak in MiB, and its first thread's own seconds. */
export function usage(pid) {
  const fields = (path) =>
    readFileSync(path, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
  const whole = fields(`/proc/${pid}/stat`)
  const first = fields(`/proc/${pid}/task/${pid}/stat`)
  const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0
  const seconds = (stat) => (Number(stat[11]) + Number(stat[12])) * tick
  return { cpu: seconds(whole), mainThread: seconds(first), rss: Number(peak) / 1024 }
}

let count = 0

/** A network of its own for one transfer. */
export class Stage {
  constructor() {
    count += 1
    this.name = `bl-bench-${process.pid}-${count}`
    execFileSync('ip', ['netns', 'add', this.name])
    this.exec('ip', 'link', 'set', 'lo', 'up')
    this.hosts = 0
    this.children = []
  }

  host() {
    this.hosts += 1
    this.exec('ip', 'addr', 'add', `10.99.0.${this.hosts}/32`, 'dev', 'lo')
    return `10.99.0.${this.hosts}`
  }

  /** Waits until somebody listens at `ip:port`. */
  async listening(address, seconds) {
    const [host, port] = address.split(':')
    const end = Date.now() + seconds * 1000
    while (!this.exec('ss', '-Hltn', `src ${host} and sport = ${port}`).includes('LISTEN')) {
      if (Date.now() > end) throw new Error(`nobody listens at ${host}:${port} after ${seconds} s`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  exec(...words) {
    return execFileSync('ip', ['netns', 'exec', this.name, ...words], { encoding: 'utf8' })
  }

  /** Starts a program; `line(accept, seconds)` resolves with what `accept` makes of the first line it likes. */
  start(name, words, { env = {} } = {}) {
    const child = spawn('ip', ['netns', 'exec', this.name, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    })
    const lines = []
    const looks = new Set()
    let open = true
    for (const stream of [child.stdout, child.stderr]) {
      let rest = ''
      stream.setEncoding('utf8').on('data', (text) => {
        const parts = (rest + text).split('\n')
        rest = parts.pop()
        lines.push(...parts)
        for (const look of [...looks]) look()
      })
    }
    const ended = new Promise((resolve) =>
      child.on('close', (code) => {
        open = false
        for (const look of [...looks]) look()
        resolve(code)
      }),
    )
    const line = (accept, seconds) =>
      new Promise((resolve, reject) => {
        let seen = 0
        const end = (act) => {
          clearTimeout(timer)
          looks.delete(look)
          act()
        }
        const fail = (why) => end(() => reject(new Error(`${name}: ${why}\n${lines.slice(-20).join('\n')}`)))
        const look = () => {
          for (; seen < lines.length; seen += 1) {
            const found = accept(lines[seen])
            if (found) return end(() => resolve(found))
          }
          if (!open) fail('ended')
        }
        const timer = setTimeout(() => fail(`nothing for ${seconds} s`), seconds * 1000)
        looks.add(look)
        look()
      })
    const actor = {
      name,
      pid: child.pid,
      line,
      ended,
      lines,
      usage: () => usage(child.pid),
      /** Sends a signal and waits for nothing. */
      signal: (name) => void child.kill(name),
      async stop(signal = 'SIGTERM') {
        if (open) child.kill(signal)
        const hard = setTimeout(() => child.kill('SIGKILL'), 8000)
        await ended
        clearTimeout(hard)
      },
    }
    this.children.push(actor)
    return actor
  }

  /** Samples the loopback counter every 10 ms; `stop()` gives the seconds between the first and the last payload. */
  async sample() {
    const sampler = this.start('sampler', [process.execPath, here('sampler.mjs')])
    await sampler.line((text) => text === 'sampling' || null, 20)
    return {
      async stop() {
        await sampler.stop('SIGTERM')
        return JSON.parse(sampler.lines.findLast((line) => line.startsWith('{')) ?? '{"seconds":0}').seconds
      },
    }
  }

  /** A Node process that does nothing: `begin()` begins to measure its event loop, `end()` gives what it saw. */
  async control() {
    const idle = this.start('idle control', [process.execPath, here('idle.mjs')])
    await idle.line(event('ready'), 20)
    return {
      begin: () => idle.signal('SIGUSR2'),
      async end() {
        idle.signal('SIGTERM')
        return idle.line(event('idle'), 20)
      },
    }
  }

  async close() {
    await Promise.all(this.children.map((child) => child.stop('SIGKILL')))
    execFileSync('ip', ['netns', 'del', this.name])
  }
}

/** A JSON line that carries this event. */
export const event = (name) => (line) => {
  if (!line.startsWith('{')) return null
  const words = JSON.parse(line)
  return words.event === name || (name === 'source' && words.ready) ? words : null
}
