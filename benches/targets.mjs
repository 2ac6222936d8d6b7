// The targets: what is wanted of the figures, at last and of the first version. Every row is a quotient, or a number of
// our leecher's.
import { lt, ltTuned, ours, webtorrent } from './actors.mjs'
import { pairName, sink, source } from './cast.mjs'
import { least, mapped, spread } from './figures.mjs'

const MiB = 2 ** 20
const atMost = (limit) => ({ sign: '≤', limit, holds: (value) => value <= limit })
const atLeast = (limit) => ({ sign: '≥', limit, holds: (value) => value >= limit })

/**
 * The rows for one piece size: `figure` with median and range, `target` and `first`, either null where it is not wanted.
 *
 * @param runs figures by the name of the pair
 */
export function targets({ piece, runs, checks, floors, isa }) {
  const list = (seeder, leecher) => runs.get(pairName({ seeder, leecher })) ?? []
  const of = (seeder, leecher, pick) => spread(list(seeder, leecher).map(pick))
  const [rate, seed, leech] = [(run) => run.seconds, (run) => run.seed, (run) => run.leech]
  const both = (run) => run.seed + run.leech
  const mine = list(ours, ours)
  const over = (figure, floor) => mapped(figure, (value) => value / floor.median)
  const under = (figure, amount) => mapped(figure, (value) => amount / value)
  const theirs = least(of(lt, lt, both).median, of(ltTuned, ltTuned, both).median)
  const theirTime = least(of(lt, lt, rate).median, of(ltTuned, ltTuned, rate).median)
  const webTime = of(webtorrent, webtorrent, rate).median
  const loops = mine.filter(({ loop, idle }) => loop && idle)
  const looped = (pick) => spread(loops.map(pick))
  const row = (what, figure, target, first, digits = 2) => ({ what, figure, target, first, digits })
  const perCore = (name) => [
    ...(isa.leech === 'C4'
      ? [
          row(
            `${name}: floor ${isa.check} / ours`,
            under(checks[name], floors.row('check').median),
            atLeast(0.8),
            atLeast(0.75),
          ),
        ]
      : [
          row(
            `${name}: floor ${isa.check} / ours`,
            under(checks[name], floors.row('check').median),
            atLeast(0.8),
            null,
          ),
          row(
            `${name}: floor pread 64K + SHA-NI / ours`,
            under(checks[name], floors.row('simple').median),
            null,
            atLeast(0.75),
          ),
        ]),
  ]
  const wide = piece > MiB ? 1.6 : 1.35
  const fromSource = of(source, ours, leech)
  return [
    ...(isa.leech === 'C4'
      ? [row('leech (neutral source) / floor C4', over(fromSource, floors.row('c4')), atMost(wide), atMost(1.4))]
      : [
          row(`leech (neutral source) / floor ${isa.leech}`, over(fromSource, floors.row('leech')), atMost(wide), null),
          row('leech (neutral source) / floor C4', over(fromSource, floors.row('c4')), null, atMost(1.4)),
        ]),
    row('seed (neutral sink) / floor 2b', over(of(ours, sink, seed), floors.row('seed')), atMost(1.35), atMost(1.6)),
    row(
      'both ends / libtorrent, the better',
      mapped(of(ours, ours, both), (value) => value / theirs),
      atMost(0.3),
      atMost(0.5),
    ),
    row('payload time of libtorrent → itself / ours', under(of(ours, ours, rate), theirTime), atLeast(3), atLeast(1.5)),
    row('payload time of webtorrent → itself / ours', under(of(ours, ours, rate), webTime), atLeast(6), atLeast(3)),
    ...perCore('verify'),
    ...perCore('create'),
    row(
      'RSS of our leecher, MiB',
      of(ours, ours, ({ rss }) => rss),
      atMost(154),
      atMost(160),
      0,
    ),
    row(
      'event loop of our leecher busy, %',
      looped(({ loop }) => loop.utilisation * 100),
      atMost(2),
      atMost(2),
    ),
    row(
      'p99 of a drain, ms',
      looped(({ loop }) => loop.drainP99),
      atMost(2),
      atMost(2),
    ),
    row(
      'p99 loop delay beyond the idle control, ms',
      looped(({ loop, idle }) => loop.delayP99 - idle.delayP99),
      atMost(1),
      atMost(1),
    ),
  ]
}

/** What the loops showed besides. */
export function loopText(runs) {
  const loops = (runs.get(pairName({ seeder: ours, leecher: ours })) ?? []).filter(({ loop, idle }) => loop && idle)
  if (loops.length === 0) return 'event loops: not measured'
  const median = (pick, digits) => spread(loops.map(pick)).median.toFixed(digits)
  const ours_ = `${median(({ loop }) => loop.delayP99, 2)} ms, ${median(({ loop }) => loop.drains, 0)} drains`
  const control = `${median(({ idle }) => idle.delayP99, 2)} ms, busy ${median(({ idle }) => idle.utilisation * 100, 2)} %`
  return `event loops: p99 delay of ours ${ours_}; of the idle control ${control} (1 ms timers included)`
}
