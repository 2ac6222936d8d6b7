// A network of our own: a namespace with a bridge, and a namespace with an address for each peer. Nothing leaves it.
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
  readonly #spaces = new Map<string, string>()
  #hosts = 0

  constructor(label: string) {
    this.name = `bl-${label}-${process.pid}`
    execFileSync('ip', ['netns', 'add', this.name])
    this.exec('ip', 'link', 'add', 'bridge', 'type', 'bridge')
    this.exec('ip', 'addr', 'add', '11.99.255.254/16', 'dev', 'bridge')
    this.exec('ip', 'link', 'set', 'bridge', 'up')
  }

  /** A new host and its address: of a public range, since private ones may not be trackers of a torrent. */
  host(): string {
    this.#hosts += 1
    const address = `11.99.${this.#hosts >> 8}.${this.#hosts & 255}`
    const space = `${this.name}-${address}`
    const port = `port${this.#hosts}`
    execFileSync('ip', ['netns', 'add', space])
    this.#spaces.set(address, space)
    this.exec('ip', 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth', 'netns', space)
    this.exec('ip', 'link', 'set', port, 'master', 'bridge', 'up')
    execFileSync('ip', ['-n', space, 'link', 'set', 'lo', 'up'])
    execFileSync('ip', ['-n', space, 'addr', 'add', `${address}/16`, 'dev', 'eth'])
    execFileSync('ip', ['-n', space, 'link', 'set', 'eth', 'up'])
    return address
  }

  /** Runs a tool beside the hosts, which it can reach. */
  exec(command: string, ...args: string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.name, command, ...args], { encoding: 'utf8' })
  }

  /** Starts a process on a host; its standard input has ended, or is a pipe. */
  start(
    name: string,
    host: string,
    command: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    stdin: 'ignore' | 'pipe' = 'ignore',
  ): Running {
    const space = this.#spaces.get(host)
    if (!space) throw new Error(`no host ${host}`)
    const child = spawn('ip', ['netns', 'exec', space, command, ...args], {
      env: { ...process.env, ...env },
      stdio: [stdin, 'pipe', 'pipe'],
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
      if (stream === null) continue
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

  /** Ends every process that was started here and removes the namespaces. */
  async close(): Promise<void> {
    await Promise.all([...this.#running].map((running) => running.stop('SIGKILL')))
    for (const space of [...this.#spaces.values(), this.name]) execFileSync('ip', ['netns', 'del', space])
  }
}

/** The first of these that exists. */
export function firstExisting(...paths: string[]): string | null {
  return paths.find((path) => existsSync(path)) ?? null
}
