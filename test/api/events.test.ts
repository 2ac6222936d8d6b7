import { afterEach, describe, expect, test } from 'vitest'
import { Emitter } from '../../ts/events.ts'
import { ERROR_CODES } from '../../ts/index.ts'
import { addressOf, client, content, folder, hashes, onDisk, seeder } from './swarm.ts'

interface Facts {
  happened: { readonly what: string }
  failed: { readonly error: Error }
}

class Source extends Emitter<Facts> {
  tell(what: string): void {
    this.emit('happened', { what })
  }
  fail(): void {
    this.emit('failed', { error: new Error('nobody listens') })
  }
}

const warnings: string[] = []
const listen = (warning: Error) => warnings.push(warning.message)
afterEach(() => {
  process.off('warning', listen)
  warnings.length = 0
})

describe('an emitter', () => {
  test('calls listeners in order, once means once, off means off', () => {
    const source = new Source()
    const heard: string[] = []
    const a = ({ what }: { what: string }) => heard.push(`a ${what}`)
    source.on('happened', a).once('happened', ({ what }) => heard.push(`once ${what}`))
    source.tell('1')
    source.off('happened', a)
    source.tell('2')
    expect(heard).toEqual(['a 1', 'once 1'])
  })

  test('does not throw when nobody hears of a failure', () => {
    expect(() => new Source().fail()).not.toThrow()
  })

  test('survives listeners that throw, that reject, that leave while it tells, and tells the others', async () => {
    process.on('warning', listen)
    const source = new Source()
    const heard: string[] = []
    source.on('happened', () => {
      throw new Error('boom')
    })
    source.on('happened', () => Promise.reject(new Error('later')))
    source.on('happened', () => {
      throw Object.create(null)
    })
    const leaves = () => source.off('happened', leaves)
    source.on('happened', leaves)
    source.on('happened', ({ what }) => heard.push(what))
    source.tell('x')
    expect(heard).toEqual(['x'])
    await expect.poll(() => warnings.length).toBe(3)
    expect(warnings[0]).toContain('boom')
  })
})

describe('callbacks of the user', () => {
  test('row 104: that throw, call back or block disturb neither the engine nor each other', async () => {
    process.on('warning', listen)
    const made = await content({ 'big.bin': 2_000_000 })
    const seed = await seeder(made)
    const leech = await client()
    const path = folder()
    const torrent = await leech.add(made.torrent, { path, peers: [addressOf(seed.client)] })
    let [verified, asked] = [0, 0]
    torrent.on('verified', () => {
      throw new Error('from a listener')
    })
    torrent.on('verified', ({ pieces }) => {
      verified += pieces.length
      // Re-entering: the engine is asked from inside its own news.
      torrent.peers().then(
        () => asked++,
        () => asked++,
      )
      const until = performance.now() + 20
      while (performance.now() < until);
    })
    torrent.on('completed', () => {
      throw new Error('from another')
    })
    await torrent.done()
    expect(onDisk(path)).toEqual(hashes(made))
    expect(verified).toBe(torrent.pieces)
    await expect.poll(() => asked).toBeGreaterThan(0)
    await torrent.hashcheck({
      path,
      onProgress: () => {
        throw new Error('from progress')
      },
    })
    await expect.poll(() => warnings.join()).toContain('from progress')
    expect(warnings.join()).toContain('from a listener')
  })

  test('row 104: may close the client from inside an event', async () => {
    const made = await content({ 'big.bin': 2_000_000 })
    const seed = await seeder(made)
    const leech = await client()
    const torrent = await leech.add(made.torrent, { path: folder(), peers: [addressOf(seed.client)] })
    const over = new Promise((resolve) => leech.on('closed', resolve))
    torrent.once('verified', () => leech.destroy())
    await over
    expect(torrent.phase).toBe('removed')
  })

  test('row 104: find an error with a code of the table wherever one is told', async () => {
    const made = await content()
    const seed = await seeder(made)
    const here = await client()
    // Nothing can be made there, and nothing is tried before there is something to write.
    const torrent = await here.add(made.torrent, { path: '/proc/nowhere', peers: [addressOf(seed.client)] })
    const failed = new Promise<{ error: { code: string } }>((resolve) => torrent.once('failed', resolve))
    const { error } = await failed
    expect(error.code in ERROR_CODES).toBe(true)
    expect(torrent.error).toBe(error)
  })
})
