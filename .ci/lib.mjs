// What the task scripts share: where the project is, how a command is run, how tests are counted.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
export const at = (...parts) => join(root, ...parts)

/** Runs a command in the project's root, showing its output; resolves to {code, output}. */
export function run(command, args, { env = {}, quiet = false, cwd = root } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const [stream, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      stream.setEncoding('utf8')
      stream.on('data', (text) => {
        output += text
        if (!quiet) to.write(text)
      })
    }
    child.on('error', (error) =>
      error.code === 'ENOENT' ? resolve({ code: 127, output: `${command}: not found` }) : reject(error),
    )
    child.on('close', (code, signal) => resolve({ code: code ?? 128, signal, output }))
  })
}

/** Runs a command and ends this process when it fails. */
export async function must(command, args, options) {
  const result = await run(command, args, options)
  if (result.code !== 0) {
    if (options?.quiet) process.stderr.write(result.output)
    process.stderr.write(`failed (${result.code}): ${command} ${args.join(' ')}\n`)
    process.exit(1)
  }
  return result.output
}

/** A tool of node_modules. */
export const tool = (name) => at('node_modules', '.bin', name)

/** True when `target` is missing or older than one of `sources`. */
export function stale(target, ...sources) {
  if (!existsSync(at(target))) return true
  const made = statSync(at(target)).mtimeMs
  return sources.some((source) => existsSync(at(source)) && statSync(at(source)).mtimeMs > made)
}

/** Adds up the closing lines of cargo's test runner. */
export function countCargo(output) {
  const count = { passed: 0, failed: 0, skipped: 0 }
  for (const [, passed, failed, ignored] of output.matchAll(
    /^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored/gm,
  )) {
    count.passed += Number(passed)
    count.failed += Number(failed)
    count.skipped += Number(ignored)
  }
  return count
}

/** Reads the report that vitest wrote; each skip is named. */
export function countVitest(file) {
  const report = JSON.parse(readFileSync(file, 'utf8'))
  const tests = report.testResults.flatMap((result) => result.assertionResults)
  const is = (...states) => tests.filter((test) => states.includes(test.status))
  const broken = report.testResults.filter(
    (result) => result.status === 'failed' && result.assertionResults.every((test) => test.status !== 'failed'),
  )
  return {
    passed: is('passed').length,
    failed: is('failed').length + broken.length,
    skipped: is('skipped', 'pending', 'todo', 'disabled').length,
    skips: is('skipped', 'pending', 'todo', 'disabled').map((test) => test.fullName),
  }
}

/** Arguments that let cargo share what the addon's build, which names its target, has compiled. */
export function sharedTarget() {
  const host = /^host: (.*)$/m.exec(execFileSync('rustc', ['-vV'], { encoding: 'utf8' }))?.[1]
  return host ? ['--target', host] : []
}
