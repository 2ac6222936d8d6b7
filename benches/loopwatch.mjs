// Loaded before the command line that is measured (node --import): watches its JavaScript thread from the line that says
// `ready` to the one that says `done`, and writes what it saw to the file LOOPWATCH when the process ends. The product
// knows nothing of it: its output is read, and the addon's `drain` is wrapped where Node loads addons.
import { writeFileSync } from 'node:fs'
import Module from 'node:module'
import { LoopMeter } from './loopmeter.mjs'

const meter = new LoopMeter()

const write = process.stdout.write.bind(process.stdout)
process.stdout.write = (text, ...rest) => {
  if (String(text).startsWith('{"event":"ready"')) meter.begin()
  if (String(text).startsWith('{"event":"done"')) meter.end()
  return write(text, ...rest)
}

const load = Module._extensions['.node']
Module._extensions['.node'] = (module, file) => {
  load(module, file)
  const { Engine } = module.exports
  if (typeof Engine?.prototype?.drain !== 'function') return
  class Watched extends Engine {
    drain() {
      meter.drain()
      return super.drain()
    }
  }
  module.exports = Object.create(module.exports, { Engine: { value: Watched, enumerable: true } })
}

process.on('exit', () => {
  if (process.env.LOOPWATCH && meter.result) writeFileSync(process.env.LOOPWATCH, JSON.stringify(meter.result))
})
