import { describe, expect, test } from 'vitest'
import { openOutput, type Report } from '../../ts/cli/output.ts'

/** A stream that keeps what is written. */
function paper(isTTY = false, columns = 80) {
  const written: string[] = []
  const stream = { isTTY, columns, write: (text: string) => written.push(text) } as unknown as NodeJS.WriteStream
  return { stream, written, text: () => written.join('') }
}

function open(options: { json?: boolean; isTTY?: boolean; columns?: number } = {}) {
  const [out, err] = [paper(options.isTTY, options.columns), paper()]
  const clock = { now: 0 }
  const output = openOutput(options.json ?? false, out.stream, err.stream, () => clock.now)
  return { out, err, clock, output }
}

const progress = (more: object = {}): Report => ({
  event: 'progress',
  phase: 'downloading',
  verified: 50,
  total: 100,
  rate: 10,
  peers: 1,
  ...more,
})

describe('plain lines', () => {
  test('tell progress at most once a second, and never twice the same', () => {
    const { out, clock, output } = open()
    output.say(progress())
    clock.now = 999
    output.say(progress({ verified: 60 }))
    clock.now = 1000
    output.say(progress())
    output.say(progress({ verified: 70 }))
    clock.now = 2500
    output.say(progress({ verified: 70 }))
    expect(out.written).toEqual([
      '50.0% of 100 B  down 10 B/s  1 peer  5s left\n',
      '70.0% of 100 B  down 10 B/s  1 peer  3s left\n',
    ])
  })

  test('put warnings and errors on the other stream, without control characters', () => {
    const { out, err, output } = open()
    output.say({ event: 'warning', code: 'ERR_TRACKER_FAILURE', message: 'go\u001b[2Jaway\n' })
    output.say({ event: 'error', code: 'ERR_CLOSED', message: 'over' })
    output.say({ event: 'closed' })
    expect(out.written).toEqual([])
    expect(err.text()).toBe('warning: go\uFFFD[2Jaway\uFFFD (ERR_TRACKER_FAILURE)\nerror: over (ERR_CLOSED)\n')
  })

  test('say what is going on: a check, the search for metadata, seeding', () => {
    for (const [more, text] of [
      [{ phase: 'checking', checked: 1, pieces: 4, verified: 0 }, 'checking  25.0% of 100 B'],
      [{ phase: 'metadata', total: 0, peers: 2 }, 'looking for the metadata  2 peers'],
      [{ phase: 'seeding', verified: 100, rate: 0, uploadRate: 2048 }, 'seeding  100 B  up 2.00 KiB/s  1 peer'],
    ] as const) {
      const { out, output } = open()
      output.say(progress(more))
      expect(out.text()).toBe(`${text}\n`)
    }
  })
})

describe('a terminal', () => {
  test('has one line redrawn in place, which never wraps and makes room for others', () => {
    const { out, output } = open({ isTTY: true, columns: 20 })
    output.say(progress())
    output.say(progress({ verified: 60 }))
    output.say({ event: 'done' }, 'done  all of it')
    output.say({ event: 'closed' })
    expect(out.written).toEqual([
      '50.0% of 100 B  do…',
      '\r\u001b[2K',
      '60.0% of 100 B  do…',
      '\r\u001b[2K',
      'done  all of it\n',
    ])
  })

  test('is left on a line of its own', () => {
    const { out, output } = open({ isTTY: true })
    output.say(progress())
    output.end()
    output.end()
    expect(out.written.slice(1)).toEqual(['\n'])
  })
})

test('with --json every report is one line, whatever is in it', () => {
  const { out, output } = open({ json: true })
  output.say(progress({ name: 'a\nb' }), 'text')
  output.say(progress())
  expect(out.written.map((line) => JSON.parse(line).event)).toEqual(['progress', 'progress'])
  expect(out.written.every((line) => line.indexOf('\n') === line.length - 1)).toBe(true)
})
