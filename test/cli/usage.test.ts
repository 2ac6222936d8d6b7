import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cli, fixtures, folder, run } from './run.ts'

describe('the words', () => {
  test('--version prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    expect(await run('--version')).toMatchObject({ code: 0, out: `${version}\n` })
  })

  test.each(['download', 'seed', 'create', 'edit', 'info', 'verify'])(
    '%s --help says how it is used',
    async (command) => {
      const { code, out, err } = await run(command, '--help')
      expect([code, err]).toEqual([0, ''])
      expect(out).toContain(`bitlode ${command} `)
      expect(out).toContain('--json')
    },
  )

  test.each([
    [[]],
    [['fetch']],
    [['download']],
    [['download', 'a', 'b']],
    [['seed', 'a.torrent']],
    [['download', 'a', '--speed', '3']],
    [['download', 'a', '--peer', 'localhost:80']],
    [['download', 'a', '--peer', '1.2.3.4:0']],
    [['download', 'a', '--listen', '1.2.3.4']],
    [['download', 'a', '--tracker', 'tracker.example']],
    [['info', 'a', '--tracker', 'http://tracker.example/announce']],
    [['create', 'a', '--piece-length', '16385']],
    [['create', 'a', '--piece-length', '8192']],
    [['create', 'a', '--v1', '--hybrid']],
    [['create', 'a', '--web-seed', 'w']],
    [['create', 'a', '--node', 'host']],
    [['edit', 'a.torrent', '--remove', 'name']],
    [['info', 'a', '--log', 'loud']],
  ])('%j is wrong usage: one line with its code, exit 2', async (words) => {
    const { code, out, err } = await run(...words)
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(/^error: [^\n]+ \(ERR_USAGE\)\n$/)
  })

  test('with --json wrong usage is an object too', async () => {
    const { code, events, err } = await run('download', '--json')
    expect([code, err]).toEqual([2, ''])
    expect(events).toMatchObject([{ event: 'error', code: 'ERR_USAGE' }])
  })
})

describe('bad input ends in one clear line with a code', () => {
  const broken = (bytes: string): string => {
    const path = join(folder(), 'broken.torrent')
    writeFileSync(path, bytes)
    return path
  }

  test.each([
    ['a file that is not there', (): string => '/nowhere/at-all.torrent', 'ERR_FILE_READ'],
    ['a folder', (): string => folder(), 'ERR_FILE_READ'],
    ['bytes that are no bencoding', (): string => broken('hello'), 'ERR_BENCODE_INVALID'],
    ['a dictionary without info', (): string => broken('d1:ai1ee'), 'ERR_METAINFO_INVALID'],
    ['a bad magnet', (): string => 'magnet:?xt=urn:btih:123', 'ERR_MAGNET_INVALID'],
  ] as const)('%s', async (_name, make, code) => {
    for (const command of ['info', 'download']) {
      const ended = await run(command, make())
      expect(ended.code, ended.out + ended.err).toBe(1)
      expect(ended.err).toMatch(new RegExp(`^error: [^\\n]+ \\(${code}\\)\\n$`))
    }
  })

  test('content that is not there fails verify and seed', async () => {
    const torrent = join(fixtures, 'leaves.torrent')
    expect(await run('verify', torrent, folder(), '--json')).toMatchObject({ code: 1 })
    const { code, err } = await run('seed', torrent, folder(), '--listen', '127.0.0.1:0')
    expect(code).toBe(1)
    expect(err).toMatch(/\(ERR_(STORAGE_MISSING|VERIFY_FAILED)\)\n$/)
  })
})

test('row 97: a reader that goes away does not make it crash', async () => {
  const child = spawn(process.execPath, [cli, 'info', join(fixtures, 'lots-of-numbers.torrent'), '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout.destroy()
  let err = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  expect([code, err]).toEqual([0, ''])
})
