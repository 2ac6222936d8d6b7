import { copyFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { at, must, tool } from './lib.mjs'

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
  // The compiler writes no declarations for declarations; those of the API refer to these.
  copyFileSync(at('ts/native/addon.d.ts'), at('dist/native/addon.d.ts'))
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await build(process.argv[2] ?? 'release')
