// Builds the reference of the TypeScript API and of the crates; a warning is a failure.
import { must, tool } from './lib.mjs'
import { setup } from './setup.mjs'

await setup()
await must(tool('typedoc'), ['--options', 'docs/typedoc.json'])
await must('cargo', ['doc', '--workspace', '--no-deps', '--exclude', 'bitlode-bindings'], {
  env: { RUSTDOCFLAGS: '-D warnings' },
})
