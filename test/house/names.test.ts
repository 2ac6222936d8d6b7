import { join, relative } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { root } from './files.ts'

const entries = ['ts/index.ts', 'ts/protocol/index.ts', 'ts/util/index.ts'].map((path) => join(root, path))

test('every public name and each of its members has a doc that is a sentence', () => {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile) as { config: unknown }
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const program = ts.createProgram(entries, options)
  const checker = program.getTypeChecker()
  const bare = new Set<string>()
  let seen = 0

  const look = (name: string, symbol: ts.Symbol) => {
    const own = symbol.declarations?.find((node) => !node.getSourceFile().fileName.includes('node_modules'))
    if (!own) return
    if (ts.getJSDocTags(own).some((tag) => tag.tagName.text === 'internal')) return
    if (ts.canHaveModifiers(own) && ts.getModifiers(own)?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword))
      return
    // What tells the members of a union apart has one value, which says everything: `kind: 'port'`.
    if (ts.isPropertySignature(own) && own.type && ts.isLiteralTypeNode(own.type)) return
    seen += 1
    const text = ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim()
    if (!/[.:;!?)]$/m.test(text)) bare.add(`${relative(root, own.getSourceFile().fileName)}: ${name}`)
  }

  for (const entry of entries) {
    const file = program.getSourceFile(entry)
    const module = file && checker.getSymbolAtLocation(file)
    if (!module) throw new Error(`${entry} is no module`)
    for (const exported of checker.getExportsOfModule(module)) {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
      const { name } = exported
      look(name, symbol)
      const members = [...(symbol.members?.values() ?? [])]
      const alias = symbol.declarations?.find(ts.isTypeAliasDeclaration)
      const parts = alias && (ts.isUnionTypeNode(alias.type) ? alias.type.types : [alias.type])
      for (const part of parts ?? []) {
        if (ts.isTypeLiteralNode(part)) members.push(...checker.getTypeAtLocation(part).getProperties())
      }
      if (symbol.flags & ts.SymbolFlags.Class) members.push(...(symbol.exports?.values() ?? []))
      for (const member of members) {
        const hidden = member.name.includes('#') || member.name === 'prototype'
        if (!hidden && member.flags & (ts.SymbolFlags.ClassMember | ts.SymbolFlags.Constructor)) {
          look(`${name}.${member.name}`, member)
        }
      }
    }
  }
  expect(seen).toBeGreaterThan(500)
  expect([...bare].sort()).toEqual([])
})
