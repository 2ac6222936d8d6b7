import { once } from 'node:events'
import { copyFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { TorrentError } from '../../ts/index.ts'
import { type Addon, addon, loadAddon, thisMachine } from '../../ts/native/load.ts'
import { folder } from '../api/swarm.ts'

const require = createRequire(import.meta.url)
const file = fileURLToPath(new URL('../../bindings/out/debug/bitlode.linux-x64-gnu.node', import.meta.url))
const index = new URL('../../dist/index.js', import.meta.url).href

function failure(machine: Parameters<typeof loadAddon>[0], load: (id: string) => unknown): TorrentError {
  try {
    loadAddon(machine, load)
  } catch (error) {
    return error as TorrentError
  }
  throw new Error('it loaded')
}

test('row 107: a missing addon is told with platform, file and the command that mends it', () => {
  const error = failure({ platform: 'linux', arch: 'riscv64', libc: 'musl' }, require)
  expect(error).toBeInstanceOf(TorrentError)
  expect(error.code).toBe('ERR_ADDON_LOAD')
  expect(error.message).toContain('linux-riscv64-musl')
  expect(error.message).toContain('bitlode.linux-riscv64-musl.node')
  expect(error.message).toContain('npm run build')
  expect(error.message).toContain(process.versions.node)
})

test('row 107: an addon that is there and cannot be loaded says why', () => {
  const broken = () => {
    throw Object.assign(new Error('/x.node: invalid ELF header\nmore'), { code: 'ERR_DLOPEN_FAILED' })
  }
  const error = failure({ platform: 'linux', arch: 'x64', libc: 'gnu' }, broken)
  expect([error.code, error.message.includes('invalid ELF header')]).toEqual(['ERR_ADDON_LOAD', true])
  expect(error.message).not.toContain('\n')
})

test('the machine is named as platform packages are', () => {
  const { platform, arch, libc } = thisMachine()
  expect([platform, arch]).toEqual([process.platform, process.arch])
  expect(['gnu', 'musl', 'msvc', '']).toContain(libc)
})

test('row 107: two copies of the addon in one process are independent', () => {
  const copy = join(folder(), 'copy.node')
  copyFileSync(file, copy)
  const second = require(copy) as Addon
  expect(second).not.toBe(addon())
  const options = { settingNames: [], settingValues: [], shards: 1, network: false, client: 'x', portable: false }
  const [one, two] = [new (addon().Engine)(options, () => {}), new second.Engine(options, () => {})]
  expect(one.peerId()).not.toEqual(two.peerId())
  expect([one.shutdown(), two.listening(), two.shutdown()]).toEqual([true, [], true])
})

test('row 107: two workers have clients of their own', async () => {
  const code = `
    const { parentPort } = require('node:worker_threads')
    import(${JSON.stringify(index)}).then(async ({ Client }) => {
      const client = await Client.open({ listen: '127.0.0.1', settings: { listenPort: 0 } })
      parentPort.postMessage(client.address().port)
      parentPort.once('message', () => client.close())
    })`
  const workers = [new Worker(code, { eval: true }), new Worker(code, { eval: true })]
  const ports = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0] as number))
  expect(new Set(ports).size).toBe(2)
  const exits = workers.map((worker) => once(worker, 'exit'))
  for (const worker of workers) worker.postMessage('close')
  expect(await Promise.all(exits)).toEqual([[0], [0]])
})

test('importing the package loads no addon and keeps nothing alive; opening a client does both', async () => {
  const code = `
    const { parentPort } = require('node:worker_threads')
    const addons = () => Object.keys(require.cache).filter((name) => name.endsWith('.node')).length
    import(${JSON.stringify(index)}).then(async ({ Client }) => {
      const before = [addons(), process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length]
      const client = await Client.open({ listen: false })
      const after = [addons(), process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length]
      await client.close()
      parentPort.postMessage([before, after])
    })`
  const worker = new Worker(code, { eval: true })
  const exit = once(worker, 'exit')
  const [seen] = await once(worker, 'message')
  expect(seen).toEqual([
    [0, 0],
    [1, 1],
  ])
  expect(await exit).toEqual([0])
})
