// The command line as a child process, and a folder of its own for each test.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
export const fixtures = fileURLToPath(new URL('../../node_modules/webtorrent-fixtures/fixtures', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
  /** The objects that `--json` printed. */
  readonly events: readonly Said[]
}

export interface Said {
  readonly event: string
  readonly [key: string]: unknown
}

export interface Started {
  readonly ended: Promise<Ended>
  /** Resolves with the first event of that name; rejects when the process ends without it. */
  event(name: string): Promise<Said>
  signal(name: NodeJS.Signals): void
}

/** Starts `bitlode` with these words; it is ended with the test. */
export const start = (...words: string[]): Started => startIn(process.cwd(), ...words)

/** Starts `bitlode` in a folder. */
export function startIn(cwd: string, ...words: string[]): Started {
  const child = spawn(process.execPath, [cli, ...words], { stdio: ['ignore', 'pipe', 'pipe'], cwd })
  onTestFinished(() => void child.kill('SIGKILL'))
  let [out, err] = ['', '']
  const waiting = new Set<() => void>()
  const events = () =>
    out
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.startsWith('{'))
      .map((line): Said => JSON.parse(line))
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
    for (const look of [...waiting]) look()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  let open = true
  const ended = new Promise<Ended>((resolve) =>
    child.on('close', (code) => {
      open = false
      for (const look of [...waiting]) look()
      resolve({ code, out, err, events: events() })
    }),
  )
  return {
    ended,
    event: (name) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = events().find(({ event }) => event === name)
          if (!found && open) return
          waiting.delete(look)
          if (found) resolve(found)
          else reject(new Error(`ended before ${name}\n${out}${err}`))
        }
        waiting.add(look)
        look()
      }),
    signal: (name) => void child.kill(name),
  }
}

/** Runs `bitlode` to its end. */
export const run = (...words: string[]): Promise<Ended> => start(...words).ended

/** An empty folder that goes with the test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'bitlode-cli-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}
