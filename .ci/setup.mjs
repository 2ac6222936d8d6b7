// Installs and builds what is missing, so that every task works from a fresh clone.
import { existsSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { at, must, run, stale } from './lib.mjs'

export async function setup({ profile = 'release' } = {}) {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19))
    fail(`Node 20.19 or newer is needed; this is ${process.versions.node}.`)
  const cargo = await run('cargo', ['--version'], { quiet: true })
  if (cargo.code !== 0) fail('A Rust toolchain is needed: install it with rustup (https://rustup.rs), then try again.')
  if (!existsSync(at('node_modules')) || stale('node_modules/.package-lock.json', 'package-lock.json')) {
    process.stderr.write('Installing npm packages …\n')
    await must('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { quiet: true })
  }
  const { build } = await import('./build.mjs')
  await build(profile)
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await setup()
