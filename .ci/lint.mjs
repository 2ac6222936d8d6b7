// Formatting, clippy, types and the TypeScript linter.
import { must, tool } from './lib.mjs'

await must('cargo', ['fmt', '--all', '--check'])
await must('cargo', ['clippy', '--workspace', '--all-targets', '--', '-D', 'warnings'])
await must(tool('biome'), ['check', '--error-on-warnings', '.'])
await must(tool('tsc'), ['-p', '.ci/tsconfig.check.json'])
