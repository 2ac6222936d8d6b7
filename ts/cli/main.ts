#!/usr/bin/env node
// The command line: reads the words, runs one command, turns its outcome into an exit code.

import { readFileSync } from 'node:fs'
import { TorrentError } from '../errors.ts'
import { type Arguments, levels, parse, usage } from './args.ts'
import type { Context } from './context.ts'
import { line } from './format.ts'
import { help, overview } from './help.ts'
import { openOutput } from './output.ts'
import { watchSignals } from './signals.ts'

const exit = { done: 0, failed: 1, usage: 2 } as const

process.exitCode = await run(process.argv.slice(2))

async function run(words: readonly string[]): Promise<number> {
  quietPipes()
  const [first] = words
  if (first === '--version') return print(`${version()}\n`)
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    return first === undefined ? fail(usage('Expected a command; see bitlode --help'), words) : print(overview)
  }
  let args: Arguments
  try {
    args = parse(words)
  } catch (error) {
    return fail(error, words)
  }
  if (args.help) return print(help[args.command] ?? overview)
  const level = args.log ?? process.env.BITLODE_LOG
  if (level !== undefined && level !== '') process.env.BITLODE_LOG = levels.includes(level) ? `bitlode=${level}` : level
  const output = openOutput(args.json, process.stdout, process.stderr, () => performance.now())
  const interrupt = watchSignals()
  try {
    await command(args.command, { args, output, interrupt })
    return interrupt.code ?? exit.done
  } catch (error) {
    if (interrupt.code !== null) return interrupt.code
    const { code, message } = toError(error)
    output.say({ event: 'error', code, message })
    return code === 'ERR_USAGE' ? exit.usage : exit.failed
  } finally {
    output.end()
    interrupt.stop()
  }
}

/** The commands are loaded when they are called: `--help` needs no addon. */
async function command(name: string, context: Context): Promise<void> {
  switch (name) {
    case 'download':
      return (await import('./transfer.ts')).download(context)
    case 'seed':
      return (await import('./transfer.ts')).seed(context)
    case 'create':
      return (await import('./create.ts')).create(context)
    case 'edit':
      return (await import('./edit.ts')).edit(context)
    case 'info':
      return (await import('./info.ts')).info(context)
    default:
      return (await import('./verify.ts')).verify(context)
  }
}

function toError(error: unknown): { code: string; message: string } {
  if (error instanceof TorrentError) return { code: error.code, message: error.message }
  if (error instanceof Error && 'code' in error && typeof error.code === 'string' && 'path' in error) {
    return { code: 'ERR_FILE_READ', message: error.message }
  }
  return { code: 'ERR_INTERNAL', message: error instanceof Error ? error.message : String(error) }
}

function fail(error: unknown, words: readonly string[]): number {
  const { code, message } = toError(error)
  if (words.includes('--json')) process.stdout.write(`${JSON.stringify({ event: 'error', code, message })}\n`)
  else process.stderr.write(`error: ${line(message)} (${code})\n`)
  return exit.usage
}

function print(text: string): number {
  process.stdout.write(text)
  return exit.done
}

function version(): string {
  const facts: { version: string } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return facts.version
}

/** A reader that went away (`| head`) is no failure of ours. */
function quietPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(exit.done)
      throw error
    })
  }
}
