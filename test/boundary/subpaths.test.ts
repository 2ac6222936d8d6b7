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
    'bitlode/util': ['bencode', 'bdecode', 'identifyPeerId', 'parseTorrent', 'createTorrent', 'TorrentError'],
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

  test('what reads and makes torrents in bitlode/util loads the addon at the first call, and starts no thread', () => {
    const code = `
      const { readdirSync } = require('node:fs')
      const threads = () => readdirSync('/proc/self/task').length
      const addons = () => process.report.getReport().sharedObjects.filter((file) => file.endsWith('.node')).length
      process.report.excludeNetwork = true
      ;(async () => {
        const util = await import('bitlode/util')
        await new Promise((resolve) => setTimeout(resolve, 10))
        const before = [addons(), threads()]
        const magnet = util.parseMagnet('magnet:?xt=urn:btih:' + '0'.repeat(40))
        const after = [addons(), threads()]
        console.log(JSON.stringify({ before, after, v1: magnet.infoHash.v1 }))
      })()
    `
    const env = { ...process.env, BITLODE_NATIVE: 'debug' }
    const text = execFileSync(process.execPath, ['--no-warnings', '-e', code], { cwd: root, encoding: 'utf8', env })
    const { before, after, v1 } = JSON.parse(text) as { before: number[]; after: number[]; v1: string }
    expect(before[0]).toBe(0)
    expect(after).toEqual([1, before[1]])
    expect(v1).toBe('0'.repeat(40))
  })
})
