// `create`, `edit` and `info`: nothing leaves the machine.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { folder, run } from './run.ts'

function box(): string {
  const root = folder()
  mkdirSync(join(root, 'box'))
  writeFileSync(join(root, 'box/a'), 'a'.repeat(40_000))
  writeFileSync(join(root, 'box/b'), 'b')
  return root
}

test.each(['v1', 'v2', 'hybrid'])('create --%s writes a torrent that verify accepts', async (format) => {
  const root = box()
  const file = join(root, 'out.torrent')
  const words = [
    '--web-seed',
    'http://w/',
    '--node',
    'n:1',
    '--comment',
    'c',
    '--source',
    's',
    '--tracker',
    'udp://t:1',
  ]
  const made = await run('create', join(root, 'box'), `--${format}`, ...words, '-o', file, '--json')
  expect([made.code, made.err]).toEqual([0, ''])
  const [v1, v2] = [format === 'v2' ? null : expect.any(String), format === 'v1' ? null : expect.any(String)]
  expect(made.events.at(-1)).toMatchObject({ event: 'done', path: file, name: 'box', infoHash: { v1, v2 } })
  const info = await run('info', file, '--json')
  expect(info.events.at(-1)).toMatchObject({
    comment: 'c',
    source: 's',
    webSeeds: ['http://w/'],
    nodes: ['n:1'],
    trackers: [['udp://t:1']],
  })
  const verified = await run('verify', file, root, '--json')
  expect([verified.code, verified.events.at(-1)]).toMatchObject([0, { event: 'done' }])
  writeFileSync(join(root, 'box/b'), 'x')
  expect(await run('verify', file, root)).toMatchObject({ code: 1 })
})

test('edit changes trackers, web seeds and comment in place and leaves the info-hash alone', async () => {
  const root = box()
  const file = join(root, 'out.torrent')
  await run('create', join(root, 'box'), '--name', 'shown', '--comment', 'old', '-o', file)
  const before = (await run('info', file, '--json')).events.at(-1)
  const edited = await run(
    'edit',
    file,
    '--tracker',
    'http://a/',
    '--tracker',
    'udp://b:1',
    '--remove',
    'comment',
    '--json',
  )
  expect([edited.code, edited.err]).toEqual([0, ''])
  expect(edited.events.at(-1)).toMatchObject({
    event: 'done',
    path: file,
    name: 'shown',
    infoHash: before?.infoHash,
    trackers: [['http://a/'], ['udp://b:1']],
    comment: null,
  })
  const other = join(root, 'other.torrent')
  const bytes = readFileSync(file)
  expect(await run('edit', file, '--web-seed', 'http://w/', '-o', other)).toMatchObject({ code: 0, err: '' })
  expect(readFileSync(file)).toEqual(bytes)
  expect((await run('info', other, '--json')).events.at(-1)).toMatchObject({ webSeeds: ['http://w/'] })
  for (const words of [[], ['--comment', 'x', '--remove', 'comment']]) {
    expect(await run('edit', file, ...words)).toMatchObject({ code: 2 })
  }
  expect(await run('edit', join(root, 'nothing.torrent'), '--comment', 'x')).toMatchObject({ code: 1 })
})
