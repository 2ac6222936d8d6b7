// A network of our own: one namespace, one loopback device, an address for each peer. Nothing leaves it.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'

/** Why the interop tests cannot run here, or null. */
export function unavailable(): string | null {
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  try {
    execFileSync('ip', ['netns', 'list'], { stdio: 'ignore' })
  } catch {
    return 'iproute2 is not installed'
  }
  return null
}

export interface Running {
  readonly name: string
  readonly child: ChildProcess
  /** Everything it printed, for the message of a failed test. */
  output(): string
  /** Resolves with the first line that `match` accepts; rejects when the process ends first. */
  line<T>(match: (line: string) => T | null, seconds: number): Promise<T>
  /** Ends it and waits. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
  readonly ended: Promise<number | null>
}

export class Network {
  readonly name: string
  readonly #running = new Set<Running>()
  #hosts = 0

  constructor(label: string) {
    this.name = `bl-${label}-${process.pid}`
    execFileSync('ip', ['netns', 'add', this.name])
    this.exec('ip', 'link', 'set', 'lo', 'up')
  }

  /** A new address of this network: of a public range, since private ones may not be trackers of a torrent. */
  host(): string {
    this.#hosts += 1
    const address = `11.99.${this.#hosts >> 8}.${this.#hosts & 255}`
    this.exec('ip', 'addr', 'add', `${address}/32`, 'dev', 'lo')
    return address
  }

  exec(command: string, ...args: string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.name, command, ...args], { encoding: 'utf8' })
  }

  start(name: string, command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
    const child = spawn('ip', ['netns', 'exec', this.name, command, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const lines: string[] = []
    const waiting = new Set<() => void>()
    let open = true
    const ended = new Promise<number | null>((resolve) => {
      child.on('close', (code) => {
        open = false
        for (const wake of waiting) wake()
        resolve(code)
      })
      child.on('error', () => resolve(127))
    })
    for (const stream of [child.stdout, child.stderr]) {
      let rest = ''
      stream.setEncoding('utf8')
      stream.on('data', (text: string) => {
        const parts = (rest + text).split('\n')
        rest = parts.pop() ?? ''
        lines.push(...parts)
        for (const wake of waiting) wake()
      })
    }
    const running: Running = {
      name,
      child,
      ended,
      output: () => `--- ${name} ---\n${lines.slice(-20).join('\n')}`,
      line(match, seconds) {
        let seen = 0
        return new Promise((resolve, reject) => {
          const settle = (act: () => void) => {
            clearTimeout(timer)
            waiting.delete(look)
            act()
          }
          const look = () => {
            for (; seen < lines.length; seen += 1) {
              const found = match(lines[seen] ?? '')
              if (found !== null) return settle(() => resolve(found))
            }
            if (!open) settle(() => reject(new Error(`${name} ended\n${running.output()}`)))
          }
          const timer = setTimeout(
            () => settle(() => reject(new Error(`${name}: nothing for ${seconds} s\n${running.output()}`))),
            seconds * 1000,
          )
          waiting.add(look)
          look()
        })
      },
      async stop(signal = 'SIGTERM') {
        if (open) child.kill(signal)
        const hard = setTimeout(() => child.kill('SIGKILL'), 10_000)
        const code = await ended
        clearTimeout(hard)
        return code
      },
    }
    this.#running.add(running)
    return running
  }

  /** Ends every process that was started here and removes the namespace. */
  async close(): Promise<void> {
    await Promise.all([...this.#running].map((running) => running.stop('SIGKILL')))
    execFileSync('ip', ['netns', 'del', this.name])
  }
}

/** The first of these that exists. */
export function firstExisting(...paths: string[]): string | null {
  return paths.find((path) => existsSync(path)) ?? null
}
