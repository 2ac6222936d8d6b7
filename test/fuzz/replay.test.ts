import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { targets } from './targets.mjs'

const folder = fileURLToPath(new URL('corpus', import.meta.url))

describe('the corpus of the fuzz targets', () => {
  test('has a folder for each target', () => {
    expect(readdirSync(folder).sort()).toEqual(Object.keys(targets).sort())
  })

  for (const [name, target] of Object.entries(targets)) {
    test(`${name}: every input is read, or refused with its code`, () => {
      const files = readdirSync(join(folder, name))
      expect(files.length).toBeGreaterThan(1)
      for (const file of files)
        expect(() => target.run(readFileSync(join(folder, name, file)), false), file).not.toThrow()
    })
  }
})
