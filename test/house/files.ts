// The project's own sources, read once for the tests of its shape.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../', import.meta.url))

export interface SourceFile {
  readonly path: string
  readonly text: string
}

const skipped = new Set(['node_modules', 'target', 'dist', '.git', 'out', 'corpus', 'results', 'artifacts'])

/** Every file below `folder` that ends in one of `endings`, sorted by path. */
export function sources(folder: string, ...endings: string[]): SourceFile[] {
  const found: SourceFile[] = []
  const walk = (dir: string) => {
    for (const name of readdirSync(dir).sort()) {
      const path = join(dir, name)
      if (skipped.has(name) || relative(root, path) === join('docs', 'api')) continue
      if (statSync(path).isDirectory()) walk(path)
      else if (endings.some((ending) => name.endsWith(ending))) {
        found.push({ path: relative(root, path), text: readFileSync(path, 'utf8') })
      }
    }
  }
  walk(join(root, folder))
  return found
}

/** One circle of a graph as a list of its nodes, or null. */
export function circle(edges: ReadonlyMap<string, ReadonlySet<string>>): string[] | null {
  const done = new Set<string>()
  const trail: string[] = []
  const visit = (node: string): string[] | null => {
    const at = trail.indexOf(node)
    if (at >= 0) return [...trail.slice(at), node]
    if (done.has(node)) return null
    trail.push(node)
    for (const next of edges.get(node) ?? []) {
      const found = visit(next)
      if (found) return found
    }
    trail.pop()
    done.add(node)
    return null
  }
  for (const node of edges.keys()) {
    const found = visit(node)
    if (found) return found
  }
  return null
}

/** Rust text without comments, strings kept. */
export function bare(text: string): string {
  return text.replace(/\/\/.*$/gm, '').replace(/\/\*[\s\S]*?\*\//g, '')
}
