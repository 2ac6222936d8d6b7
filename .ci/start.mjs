// npm start: sets everything up, then shows the main job; npm start -- download … is the command line.
import { spawn } from 'node:child_process'
import { at } from './lib.mjs'
import { setup } from './setup.mjs'

await setup()
const words = process.argv.slice(2)
if (words.length === 0) {
  const { demo } = await import('./demo.mjs')
  process.exitCode = await demo()
} else {
  const child = spawn(process.execPath, [at('dist/cli/main.js'), ...words], { stdio: 'inherit' })
  // The terminal sends Ctrl-C to both; the command line decides what it means.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => signal !== 'SIGINT' && child.kill(signal))
  child.on('close', (code, signal) => process.exit(code ?? (signal ? 1 : 0)))
}
