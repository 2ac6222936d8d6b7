import { pathToFileURL } from 'node:url'
import { must, tool } from './lib.mjs'

const flags = {
  release: ['--release'],
  debug: ['--features', 'test-hooks'],
}

export async function build(profile) {
  if (!flags[profile]) throw new Error(`Expected release or debug, got ${profile}`)
  process.stderr.write(`Building the addon (${profile}) …\n`)
  const args = [
    'build',
    '--platform',
    '--manifest-path',
    'bindings/Cargo.toml',
    '--package-json-path',
    'package.json',
    '--output-dir',
    `bindings/out/${profile}`,
    '--no-js',
    '--dts',
    'bitlode.d.ts',
    ...flags[profile],
  ]
  await must(tool('napi'), args, { quiet: !process.env.VERBOSE })
  process.stderr.write('Compiling TypeScript …\n')
  await must(tool('tsc'), ['-p', 'tsconfig.json'])
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await build(process.argv[2] ?? 'release')
