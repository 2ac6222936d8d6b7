// node .ci/pack.mjs: makes the packages that are published, as tarballs in target/packages: `bitlode`, and the platform
// package with the release addon of this machine. Nothing is written beside target/; nothing is published.
//
// The platform packages stand in the packed package.json only. In the repository's they would keep `npm ci` of a fresh clone
// from working until the version is published. `napi create-npm-dirs` and `napi pre-publish` are not used: they name platform
// packages after the root package (`bitlode-linux-x64-gnu`), write into the repository's package.json, and publish what was
// packed but not installed and tested.
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseTriple } from '@napi-rs/cli'
import { at, must, tool } from './lib.mjs'
import { setup } from './setup.mjs'

const texts = ['LICENSE', 'LICENSE-APACHE']

/** Builds what is to be packed and packs it; resolves to the paths of the two tarballs. */
export async function pack() {
  await setup({ profile: 'release' })
  const out = at('target/packages')
  const description = JSON.parse(readFileSync(at('package.json'), 'utf8'))
  const { platforms, here } = await names(description.napi)
  rmSync(out, { recursive: true, force: true })
  return {
    root: await tarball(out, await rootPackage(out, description, platforms)),
    platform: await tarball(out, await platformPackage(out, description, here)),
  }
}

/** The platforms that have a package, and the one of this machine; spelled as `napi build --platform` spells them. */
async function names({ targets }) {
  const host = /^host: (.*)$/m.exec(await must('rustc', ['-vV'], { quiet: true }))?.[1]
  if (!targets.includes(host)) throw new Error(`package.json lists no package for ${host}`)
  return { platforms: targets.map(parseTriple), here: parseTriple(host) }
}

/** The TypeScript, compiled anew: without maps, whose sources are not there, and without what an older build left. */
async function rootPackage(out, description, platforms) {
  const folder = join(out, 'bitlode')
  const { private: _, scripts: __, devDependencies: ___, napi: ____, ...kept } = description
  const optionalDependencies = Object.fromEntries(
    platforms.map(({ platformArchABI }) => [`@bitlode/${platformArchABI}`, description.version]),
  )
  write(folder, { ...kept, optionalDependencies }, [...texts, 'README.md', 'CHANGELOG.md'])
  await must(tool('tsc'), ['-p', 'tsconfig.json', '--outDir', join(folder, 'dist'), '--sourceMap', 'false'])
  copyFileSync(at('ts/native/addon.d.ts'), join(folder, 'dist/native/addon.d.ts'))
  return folder
}

/** The addon, and for whom it is: npm leaves the package out elsewhere. */
async function platformPackage(out, description, { platformArchABI, platform, arch, abi }) {
  const folder = join(out, platformArchABI)
  const file = `bitlode.${platformArchABI}.node`
  const { version, license, engines, repository, bugs, homepage } = description
  const libc = { gnu: 'glibc', musl: 'musl' }[abi]
  const about = {
    name: `@bitlode/${platformArchABI}`,
    version,
    description: `The native addon of bitlode for ${platformArchABI}`,
    license,
    repository,
    bugs,
    homepage,
    engines,
    os: [platform],
    cpu: [arch],
    ...(platform === 'linux' && libc ? { libc: [libc] } : {}),
    main: file,
    files: [file, ...texts],
    publishConfig: { access: 'public' },
  }
  write(folder, about, texts)
  writeFileSync(
    join(folder, 'README.md'),
    `# @bitlode/${platformArchABI}\n\nThe native addon of [bitlode](https://www.npmjs.com/package/bitlode) for ${platformArchABI}. Install \`bitlode\`; npm adds this package\nwhere it fits.\n`,
  )
  const addon = at('bindings/out/release', file)
  // Four fifths of the file say which line each instruction comes from; names of functions stay, for reports of crashes.
  if (platform === 'linux') await must('strip', ['--strip-debug', '-o', join(folder, file), addon])
  else copyFileSync(addon, join(folder, file))
  return folder
}

function write(folder, description, files) {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(description, null, 2)}\n`)
  for (const file of files) copyFileSync(at(file), join(folder, file))
}

async function tarball(out, folder) {
  const args = ['pack', folder, '--pack-destination', out, '--json', '--ignore-scripts', '--silent']
  const [{ filename, size, unpackedSize, entryCount }] = JSON.parse(await must('npm', args, { quiet: true }))
  const path = join(out, basename(filename))
  process.stdout.write(`${path}: ${entryCount} files, ${size} bytes, ${unpackedSize} unpacked\n`)
  return path
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await pack()
