// Three ways to tell a person or a program what happens: a line redrawn in place, plain lines, JSON lines.

import { bytes, count, line, percent, rate, span } from './format.ts'

/** What happens, in the words of `--json`. */
export type Report =
  | { event: 'ready'; [key: string]: unknown }
  | { event: 'progress'; verified: number; total: number; rate: number; peers: number; [key: string]: unknown }
  | { event: 'warning'; code: string; message: string; tracker?: string | null }
  | { event: 'done'; [key: string]: unknown }
  | { event: 'error'; code: string; message: string }
  | { event: 'closed' }

/** Says what happens. */
export interface Output {
  /** A fact, and how plain text says it; null says nothing in plain text. */
  say(report: Report, text?: string | null): void
  /** Ends a line that is being redrawn. */
  end(): void
}

/** The output for these streams: JSON if asked for, redrawn on a terminal, else plain lines. */
export function openOutput(json: boolean, out: NodeJS.WriteStream, err: NodeJS.WriteStream, now: () => number): Output {
  if (json) return jsonOutput(out)
  return out.isTTY ? terminalOutput(out, err) : plainOutput(out, err, now)
}

function jsonOutput(out: NodeJS.WriteStream): Output {
  return {
    say: (report) => void out.write(`${JSON.stringify(report)}\n`),
    end: () => {},
  }
}

function plainOutput(out: NodeJS.WriteStream, err: NodeJS.WriteStream, now: () => number): Output {
  let last = Number.NEGATIVE_INFINITY
  let said: string | null = null
  return {
    say(report, text) {
      if (report.event === 'progress' && now() - last < 1000) return
      const words = text === undefined ? plain(report) : text
      if (report.event === 'progress') {
        // A seeder whom nobody asks for anything has nothing to say all night.
        if (words === said) return
        ;[last, said] = [now(), words]
      }
      if (words !== null) (isTrouble(report) ? err : out).write(`${words}\n`)
    },
    end: () => {},
  }
}

function terminalOutput(out: NodeJS.WriteStream, err: NodeJS.WriteStream): Output {
  let drawn = false
  const clear = () => {
    if (drawn) out.write('\r\x1b[2K')
    drawn = false
  }
  return {
    say(report, text) {
      const words = text === undefined ? plain(report) : text
      if (words === null) return
      clear()
      if (report.event === 'progress') {
        out.write(shorten(words, out.columns || 80))
        drawn = true
      } else (isTrouble(report) ? err : out).write(`${words}\n`)
    },
    end: () => {
      if (drawn) out.write('\n')
      drawn = false
    },
  }
}

function isTrouble(report: Report): boolean {
  return report.event === 'error' || report.event === 'warning'
}

/** Cuts a line so that it never wraps: a wrapped line cannot be redrawn. */
function shorten(text: string, columns: number): string {
  const points = [...text]
  return points.length < columns ? text : `${points.slice(0, Math.max(0, columns - 2)).join('')}…`
}

function plain(report: Report): string | null {
  switch (report.event) {
    case 'progress':
      return progress(report)
    case 'error':
      return `error: ${line(report.message)} (${report.code})`
    case 'warning':
      return `warning: ${line(report.message)} (${report.code})`
    default:
      return null
  }
}

function progress(report: Report & { event: 'progress' }): string {
  const { verified, total, rate: down, peers, phase, checked, pieces } = report
  const crowd = count(peers, 'peer')
  if (phase === 'metadata') return `looking for the metadata  ${crowd}`
  if (phase === 'checking' && typeof checked === 'number' && typeof pieces === 'number') {
    return `checking  ${percent(checked, pieces)} of ${bytes(total)}`
  }
  if (phase === 'seeding') return `seeding  ${bytes(total)}  up ${rate(Number(report.uploadRate ?? 0))}  ${crowd}`
  const left = down > 0 ? (total - verified) / down : Number.POSITIVE_INFINITY
  const up = typeof report.uploadRate === 'number' && report.uploadRate > 0 ? `  up ${rate(report.uploadRate)}` : ''
  const doing = typeof phase === 'string' && phase !== 'downloading' ? `${phase}  ` : ''
  const end = verified < total ? `${span(left)} left` : 'complete'
  return `${doing}${percent(verified, total)} of ${bytes(total)}  down ${rate(down)}${up}  ${crowd}  ${end}`
}
