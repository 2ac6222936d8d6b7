// Installs the foreign clients and tools that interop tests and benchmarks run. What cannot be had is said and its tests
// are skipped.
import { existsSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { at, run } from './lib.mjs'

const packages = [
  'aria2',
  'curl',
  'iproute2',
  'libssl-dev',
  'mktorrent',
  'nftables',
  'opentracker',
  'python3-libtorrent',
  'transmission-cli',
  'transmission-daemon',
  'valgrind',
  'xfsprogs',
]
const libtorrent = '2.1.1'

export async function installPeers() {
  const apt = await run('apt-get', ['--version'], { quiet: true })
  if (apt.code === 0 && process.getuid() === 0) {
    const absent = []
    for (const name of packages) if ((await run('dpkg', ['-s', name], { quiet: true })).code !== 0) absent.push(name)
    if (absent.length > 0) {
      process.stdout.write(`installing ${absent.join(', ')}\n`)
      const env = { DEBIAN_FRONTEND: 'noninteractive' }
      await run('apt-get', ['update', '-qq'], { env, quiet: true })
      const { code, output: said } = await run(
        'apt-get',
        ['install', '-y', '-qq', '--no-install-recommends', ...absent],
        { env, quiet: true },
      )
      if (code !== 0) process.stdout.write(`not installed: ${absent.join(', ')}\n${said}\n`)
    }
  } else process.stdout.write('foreign clients are not installed: that needs apt-get and root\n')
  const venv = at('target/peers/libtorrent')
  if (
    !existsSync(`${venv}/bin/python`) ||
    (await run(`${venv}/bin/python`, ['-c', 'import libtorrent'], { quiet: true })).code !== 0
  ) {
    await run('python3', ['-m', 'venv', venv], { quiet: true })
    const { code, output } = await run(`${venv}/bin/pip`, ['install', '-q', `libtorrent==${libtorrent}`], {
      quiet: true,
    })
    if (code !== 0) process.stdout.write(`not installed: libtorrent ${libtorrent}\n${output}\n`)
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await installPeers()
