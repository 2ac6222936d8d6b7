// The long tier: npm run long NAME [-- options]. Each ends in `N passed, N failed`.
import { run, sharedTarget } from './lib.mjs'
import { installPeers } from './peers.mjs'
import { setup } from './setup.mjs'

const tasks = {
  /** Simulated swarms; --seeds N, --from N. */
  netsim: (args) =>
    cargo([
      'run',
      '--release',
      '-q',
      '-p',
      'bitlode-netsim',
      ...sharedTarget(),
      '--',
      'run',
      ...orElse(args, '--seeds', '2000'),
    ]),
  /** Each planted bug is caught within 100 seeds. */
  planted: () =>
    cargo([
      'run',
      '--release',
      '-q',
      '-p',
      'bitlode-netsim',
      '--features',
      'planted-bugs',
      '--target-dir',
      'target/planted',
      '--',
      'planted',
    ]),
  /** Each fuzz target for --seconds N (60), with and without its planted bug. */
  fuzz: (args) => node('test/long/fuzz.mjs', args),
  /** SIGKILL at random moments of a download; --rounds N (500). */
  kills: async (args) => {
    await setup()
    return node('test/long/kills.mjs', orElse(args, '--rounds', '500'))
  },
  /** A file system shut down under a download, ext4 and XFS; --rounds N (100). */
  power: async (args) => {
    await installPeers()
    await setup()
    return node('test/long/power.mjs', orElse(args, '--rounds', '100'))
  },
  /** Opening and closing a thousand times, terminating a hundred workers, a blocked JavaScript thread. */
  life: async (args) => {
    await setup({ profile: 'debug' })
    await setup()
    return run('node', ['--expose-gc', 'test/long/life.mjs', ...args])
  },
  /** Seeding 8 GiB from a disk that is not cached. */
  cold: async (args) => {
    await setup()
    const words = ['build', '--release', '-q', '-p', 'bitlode-engine', '--example', 'stops', ...sharedTarget()]
    const built = await cargo(words)
    return built.code === 0 ? node('test/long/cold.mjs', args) : built
  },
  /** Eight torrents on two network threads. */
  shards: async (args) => {
    await setup()
    return node('test/long/shards.mjs', args)
  },
  /** What costs grow with: pieces, peers, torrents; --only idle,swarm,peers,crowd,client. */
  growth: async (args) => {
    await setup()
    const examples = [
      ['bitlode-node', 'idle'],
      ['bitlode-swarm', 'growth'],
      ['bitlode-engine', 'peers'],
    ].flatMap(([crate, example]) => ['-p', crate, '--example', example])
    const simulator = await cargo(['build', '--release', '-q', '-p', 'bitlode-netsim', ...sharedTarget()])
    if (simulator.code !== 0) return simulator
    const built = await cargo(['build', '--release', '-q', ...examples, ...sharedTarget()])
    return built.code === 0 ? run('node', ['--expose-gc', 'test/long/growth.mjs', ...args]) : built
  },
  /** Instructions per block against benches/instructions.json; --bless keeps what is counted. */
  instructions: async (args) => {
    await installPeers()
    return node('.ci/instructions.mjs', args)
  },
  /** The table of benches/, against real peers. */
  bench: async (args) => {
    await installPeers()
    await setup()
    return node('benches/bench.mjs', args)
  },
}

const cargo = (args) => run('cargo', args)
const node = (file, args) => run('node', [file, ...args])
const orElse = (args, flag, value) => (args.includes(flag) ? args : [...args, flag, value])

const [name, ...args] = process.argv.slice(2)
if (!Object.hasOwn(tasks, name ?? '')) {
  process.stderr.write(`Expected one of ${Object.keys(tasks).join(', ')}, got ${name ?? 'nothing'}\n`)
  process.exit(2)
}
const { code } = await tasks[name](args)
process.exit(code)
