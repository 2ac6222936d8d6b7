import { expect, test } from 'vitest'
import { sources } from './files.ts'

test('no source file is longer than 1,000 lines', () => {
  const all = ['crates', 'bindings', 'ts', 'test', 'benches', '.ci', 'fuzz'].flatMap((folder) =>
    sources(folder, '.rs', '.ts', '.mjs'),
  )
  expect(all.length).toBeGreaterThan(50)
  const long = all.filter((file) => !file.path.endsWith('.d.ts')).filter((file) => file.text.split('\n').length > 1000)
  expect(long.map((file) => file.path)).toEqual([])
})
