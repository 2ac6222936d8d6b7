// Formatting, clippy, types and the TypeScript linter.
import { must, sharedTarget, tool } from './lib.mjs'

await must('cargo', ['fmt', '--all', '--check'])
await must('cargo', ['clippy', '--workspace', '--all-targets', ...sharedTarget(), '--', '-D', 'warnings'])
await must(tool('biome'), ['check', '--error-on-warnings', '.'])
await must(tool('tsc'), ['-p', '.ci/tsconfig.check.json'])
