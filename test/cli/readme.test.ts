import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fixtures, folder, start } from './run.ts'

/** Each block of TypeScript in the README. */
const blocks = [
  ...readFileSync(new URL('../../README.md', import.meta.url), 'utf8').matchAll(/```ts\n([\s\S]*?)```/g),
].map((match) => match[1] ?? '')

test('the README has code', () => expect(blocks.length).toBe(2))

test.each(blocks.map((code, at) => [at + 1, code] as const))('block %i of the README runs', async (_at, code) => {
  const place = folder()
  const book = 'Leaves of Grass by Walt Whitman.epub'
  copyFileSync(join(fixtures, 'leaves.torrent'), join(place, 'some.torrent'))
  mkdirSync(join(place, 'downloads'))
  const { listening } = await start(
    'seed',
    join(fixtures, 'leaves.torrent'),
    fixtures,
    '--listen',
    '127.0.0.1:0',
    '--json',
  ).event('ready')
  copyFileSync(join(fixtures, book), join(place, 'downloads', book))
  const index = new URL('../../dist/index.js', import.meta.url).href
  // The example's client listens on loopback here, and is told of a seeder that an ordinary reader would find by a tracker.
  const local = code
    .replace("'bitlode'", `'${index}'`)
    .replace('Client.open()', "Client.open({ listen: ['127.0.0.1:0'] })")
    .replace(
      "add('some.torrent', { path: 'downloads' }",
      `add('some.torrent', { path: 'downloads', peers: ['${(listening as string[])[0]}'] }`,
    )
  writeFileSync(join(place, 'example.mjs'), local)
  const said = execFileSync(process.execPath, ['example.mjs'], { cwd: place, encoding: 'utf8', timeout: 20_000 })
  expect(said.length).toBeGreaterThan(0)
})
