// A power cut: the file system is shut down under a download without writing back, as losing power would. What was said
// to be done is on the disk afterwards, byte for byte; what was not is fetched again and then is.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { bitlode, digest, disk, options, Score, writeContent } from './lib.mjs'

const { rounds, random } = options({ rounds: 100 })
const score = new Score()
const systems = { ext4: ['mkfs.ext4', '-q', '-F'], xfs: ['mkfs.xfs', '-q', '-f'] }
const base = mkdtempSync(join(disk, 'bitlode-power-'))
const quiet = { stdio: 'ignore' }
let seeder
let mounted = null
try {
  const content = join(base, 'content')
  mkdirSync(content)
  await writeContent(join(content, 'whole.bin'), 100_000_000, 1)
  const torrent = join(base, 'whole.torrent')
  await bitlode(['create', join(content, 'whole.bin'), '-o', torrent, '--piece-length', '262144']).event('done')
  const want = await digest(content)
  seeder = bitlode(['seed', torrent, content, '--listen', '127.0.0.1:0'])
  const peer = (await seeder.event('ready')).listening[0]

  for (const [system, [make, ...flags]] of Object.entries(systems)) {
    const image = join(base, `${system}.img`)
    const mount = join(base, system)
    mkdirSync(mount)
    writeFileSync(image, '')
    truncateSync(image, 512 << 20)
    const able = process.getuid() === 0 && [make, 'xfs_io'].every((tool) => spawnSync('which', [tool]).status === 0)
    if (
      !able ||
      spawnSync(make, [...flags, image]).status !== 0 ||
      spawnSync('mount', ['-o', 'loop', image, mount]).status !== 0
    ) {
      score.skip(`power cut on ${system}: needs root, loop devices and ${make}`)
      continue
    }
    mounted = mount
    const cut = async (download) => {
      execFileSync('xfs_io', ['-x', '-c', 'shutdown', mount], quiet)
      download.child.kill('SIGKILL')
      await download.ended
      await unmount(mount)
      mounted = null
      execFileSync('mount', ['-o', 'loop', image, mount], quiet)
      mounted = mount
    }
    const begin = () => bitlode(['download', torrent, '--path', mount, '--listen', '127.0.0.1:0', '--peer', peer])
    for (let round = 0; round < rounds; round += 1) {
      const early = begin()
      await Promise.race([pause(100 + random() * 400), early.event('done').catch(() => {})])
      const said = early.events.some(({ event }) => event === 'done')
      await cut(early)
      if (said)
        score.check(same(await digest(mount), want), `${system} round ${round}: cut after done, content is whole`)
      const late = begin()
      await late.event('done')
      await cut(late)
      score.check(same(await digest(mount), want), `${system} round ${round}: cut right after done, content is whole`)
      rmSync(join(mount, 'whole.bin'), { force: true })
      execFileSync('sync', ['-f', mount])
    }
    await unmount(mount)
    mounted = null
  }
} finally {
  seeder?.child.kill('SIGKILL')
  if (mounted) await unmount(mounted)
  if (existsSync(base)) rmSync(base, { recursive: true })
}
score.end()

/** A killed process may hold the mount for an instant. */
async function unmount(mount) {
  for (let tries = 0; tries < 50; tries += 1) {
    if (spawnSync('umount', [mount]).status === 0) return
    await pause(100)
  }
  execFileSync('umount', ['-l', mount], quiet)
}

function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b)
}
