import { once } from 'node:events'
import { copyFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { parseTriple } from '@napi-rs/cli'
import { expect, test, vi } from 'vitest'
import { TorrentError, VERSION } from '../../ts/index.ts'
import { type Addon, addon, loadAddon, type Machine, thisMachine } from '../../ts/native/load.ts'
import { folder } from '../api/swarm.ts'

const require = createRequire(import.meta.url)
const file = fileURLToPath(new URL('../../bindings/out/debug/bitlode.linux-x64-gnu.node', import.meta.url))
const index = new URL('../../dist/index.js', import.meta.url).href

const linux = { platform: 'linux', arch: 'x64', libc: 'gnu' }

function failure(machine: Machine, load: (id: string) => unknown, root?: string): TorrentError {
  try {
    loadAddon(machine, load, root)
  } catch (error) {
    return error as TorrentError
  }
  throw new Error('it loaded')
}

/** The folder of an installed package that has these platform packages. */
function installed(...packages: string[]): string {
  const root = folder()
  const optionalDependencies = Object.fromEntries(packages.map((name) => [name, VERSION]))
  writeFileSync(join(root, 'package.json'), JSON.stringify({ name: 'bitlode', optionalDependencies }))
  return root
}

/** Without `BITLODE_NATIVE`, as applications run. */
function likeAnApplication<T>(body: () => T): T {
  vi.stubEnv('BITLODE_NATIVE', undefined)
  try {
    return body()
  } finally {
    vi.unstubAllEnvs()
  }
}

test('row 107: in a checkout a missing addon is told with platform, libc, file and the command that builds it', () => {
  const machine = { platform: 'linux', arch: 'riscv64', libc: 'musl' }
  const debug = failure(machine, require)
  expect(debug).toBeInstanceOf(TorrentError)
  expect(debug.code).toBe('ERR_ADDON_LOAD')
  expect(debug.message).toContain(`for linux riscv64, libc musl (Node ${process.versions.node}) is missing`)
  expect(debug.message).toMatch(/bindings.out.debug.bitlode\.linux-riscv64-musl\.node\. Run `npm run build:debug`\.$/)
  const release = likeAnApplication(() => failure(machine, require))
  expect(release.message).toMatch(/bindings.out.release.bitlode\.linux-riscv64-musl\.node\. Run `npm run build`\.$/)
})

test('row 107: where the package is installed, a missing addon is told with its package and the command that installs it', () => {
  const root = installed('@bitlode/linux-x64-gnu', '@bitlode/darwin-arm64')
  const { code, message } = likeAnApplication(() => failure(linux, require, root))
  expect(code).toBe('ERR_ADDON_LOAD')
  expect(message).toContain('for linux x64, libc gnu')
  expect(message).toContain(`Expected @bitlode/linux-x64-gnu@${VERSION}`)
  expect(message).toContain(`\`npm install --include=optional bitlode@${VERSION}\``)
  expect(message).not.toContain('npm run')
  const other = likeAnApplication(() => failure({ platform: 'darwin', arch: 'arm64', libc: '' }, require, root))
  expect(other.message).toContain('for darwin arm64 (Node')
})

test('row 107: a platform that has no package is told so, and which ones have', () => {
  const root = installed('@bitlode/linux-x64-gnu')
  const { message } = likeAnApplication(() => failure({ ...linux, libc: 'musl' }, require, root))
  expect(message).toContain('no package is published for this platform (only @bitlode/linux-x64-gnu)')
  const bare = likeAnApplication(() => failure(linux, require, folder()))
  expect(bare.message).toContain('no package is published for this platform (none)')
})

test('row 107: an addon that is there and cannot be loaded says why', () => {
  const broken = () => {
    throw Object.assign(new Error('/x.node: invalid ELF header\nmore'), { code: 'ERR_DLOPEN_FAILED' })
  }
  const root = installed('@bitlode/linux-x64-gnu')
  const error = likeAnApplication(() => failure(linux, broken, root))
  expect([error.code, error.message.includes('invalid ELF header')]).toEqual(['ERR_ADDON_LOAD', true])
  expect(error.message).toContain('Delete node_modules')
  expect(error.message).not.toContain('\n')
})

test('an addon of another version is not used', () => {
  const root = installed('@bitlode/linux-x64-gnu')
  const other = (id: string) => (id.startsWith('@') ? { version: () => '0.0.9' } : require(id))
  const { code, message } = likeAnApplication(() => failure(linux, other, root))
  expect(code).toBe('ERR_ADDON_LOAD')
  expect(message).toContain(`The native addon of bitlode ${VERSION}`)
  expect(message).toContain('@bitlode/linux-x64-gnu: its version is 0.0.9')
  expect(message).toContain(`npm install --include=optional bitlode@${VERSION}`)
})

test('the platforms that packages are made for are those that the loader asks for', () => {
  const { napi } = require('../../package.json') as { napi: { targets: string[] } }
  const names = napi.targets.map((target) => parseTriple(target).platformArchABI)
  const { platform, arch, libc } = thisMachine()
  expect(names).toContain([platform, arch, libc].filter((part) => part !== '').join('-'))
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
