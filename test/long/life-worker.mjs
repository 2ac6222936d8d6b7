// A client in the middle of a download, as a process or as a worker thread, and the ways in which it ends.
import { createRequire } from 'node:module'
import { parentPort, Worker, workerData } from 'node:worker_threads'

const { way, index, torrent, peer, path, addon } = workerData ?? JSON.parse(process.argv[2])

if (way === 'stuck') {
  // The failpoint holds for the whole process, so for the worker's threads too.
  createRequire(import.meta.url)(addon).setFailpoints('disk.write=sleep:60000')
  const thread = new Worker(new URL(import.meta.url), { workerData: { way: 'wait', index, torrent, peer, path } })
  await new Promise((resolve, reject) => thread.once('message', resolve).once('error', reject))
  await new Promise((resolve) => setTimeout(resolve, 500))
  const begun = performance.now()
  await thread.terminate()
  const took = performance.now() - begun
  process.stderr.write(`terminate() took ${took.toFixed(0)} ms\n`)
  process.exit(took <= 5000 ? 0 : 1)
}

const { Client } = await import(index)
const client = await Client.open({ listen: ['127.0.0.1:0'] })
const added = await client.add(torrent, { path, peers: [peer] })
for await (const { downloaded } of added.progress()) if (downloaded > 0) break
parentPort?.postMessage('going')
if (!parentPort) process.stdout.write('going\n')
switch (way) {
  case 'close':
    await client.close()
    break
  case 'close-twice':
    await Promise.all([client.close(), client.close()])
    await client.close()
    break
  case 'destroy':
    client.destroy()
    client.destroy()
    break
  case 'natural':
    client.unref()
    break
  case 'exit':
    process.exit(3)
    break
  case 'throw':
    throw new Error('nobody catches this')
  default:
    await new Promise(() => {})
}
