import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** What a fresh process says of itself after it has loaded `name` in one way. */
function load(name: string, how: 'import' | 'require') {
  const code = `
    const { readdirSync } = require('node:fs')
    const threads = () => readdirSync('/proc/self/task').length
    const settled = () => new Promise((resolve) => setTimeout(resolve, 10))
    process.report.excludeNetwork = true
    ;(async () => {
      // Node reads the first module with threads of its own.
      await import('./dist/version.js')
      await settled()
      const before = threads()
      const exports = ${how === 'require' ? `require('${name}')` : `await import('${name}')`}
      await settled()
      console.log(JSON.stringify({
        names: Object.keys(exports),
        threads: threads() - before,
        handles: process.getActiveResourcesInfo().filter((kind) => !['PipeWrap', 'TTYWrap'].includes(kind)),
        addons: process.report.getReport().sharedObjects.filter((file) => file.endsWith('.node')),
      }))
    })()
  `
  const flags = ['--no-warnings', '--experimental-require-module']
  const text = execFileSync(process.execPath, [...flags, '-e', code], { cwd: root, encoding: 'utf8' })
  return JSON.parse(text) as { names: string[]; threads: number; handles: string[]; addons: string[] }
}

describe('a part of the package, alone', () => {
  const parts = {
    'bitlode/util': ['bencode', 'bdecode', 'identifyPeerId', 'TorrentError'],
    'bitlode/protocol': ['buildKrpc', 'parseKrpc', 'parseUdpReply', 'TorrentError'],
  }
  for (const [name, expected] of Object.entries(parts)) {
    for (const how of ['import', 'require'] as const) {
      test(`${how} of ${name} opens nothing, starts no thread and loads no addon`, () => {
        const { names, threads, handles, addons } = load(name, how)
        expect(names).toEqual(expect.arrayContaining(expected))
        expect([threads, handles, addons]).toEqual([0, [], []])
      })
    }
  }
})
