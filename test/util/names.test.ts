import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AZUREUS, MAINLINE, NAMED, SHADOW } from '../../ts/util/clients.ts'
import { formatInfoHash, generatePeerId, identifyPeerId, parseInfoHash, shortInfoHash } from '../../ts/util/index.ts'
import { VERSION } from '../../ts/version.ts'
import { codeOf } from '../api/codes.ts'
import { digits, hex, latin1 } from './tools.ts'

const identify = (start: string) => {
  const found = identifyPeerId(latin1(start.padEnd(20, 'x')))
  return found === null ? null : `${found.client} ${found.version ?? '-'}`
}

describe('peer ids', () => {
  test('are made of a prefix and characters that a URL need not escape', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9._~-]{1,16}$/), (prefix) => {
        const id = Buffer.from(generatePeerId({ prefix })).toString('latin1')
        expect(id).toHaveLength(20)
        expect(id.startsWith(prefix)).toBe(true)
        expect(encodeURIComponent(id)).toBe(id)
      }),
    )
    const random = Uint8Array.from({ length: 12 }, (_, at) => 255 - at)
    expect(Buffer.from(generatePeerId({ prefix: '-XX1234-', random })).toString()).toBe('-XX1234-_-9876543210')
    expect(Buffer.from(generatePeerId()).equals(generatePeerId())).toBe(false)
    expect(identifyPeerId(generatePeerId())).toEqual({
      client: 'Bitlode',
      version: VERSION.replace(/\.0$/, ''),
      style: 'azureus',
      code: 'LD',
    })
    for (const prefix of ['', 'a'.repeat(17), '-ä', 'a b', 'a\n']) {
      expect(
        codeOf(() => generatePeerId({ prefix })),
        prefix,
      ).toBe('ERR_INVALID_OPTION')
    }
    expect(codeOf(() => generatePeerId({ random: new Uint8Array(3) }))).toBe('ERR_INVALID_OPTION')
    expect(codeOf(() => generatePeerId({ code: 'XX' } as never))).toBe('ERR_UNKNOWN_OPTION')
  })

  test('at least 120 clients are known, each by one code', () => {
    const codes = [...AZUREUS, ...SHADOW, ...MAINLINE].map(([code]) => code)
    const clients = new Set([...AZUREUS, ...SHADOW, ...MAINLINE].map(([, name]) => name))
    for (const { name } of NAMED) clients.add(name)
    expect(clients.size).toBeGreaterThanOrEqual(120)
    expect(new Set(AZUREUS.map(([code]) => code)).size).toBe(AZUREUS.length)
    expect(codes.length).toBeGreaterThan(120)
    for (const [code, name] of AZUREUS) expect(identifyPeerId(latin1(`-${code}1234-xxxxxxxxxxxx`))?.client).toBe(name)
    for (const { at, text, name } of NAMED) {
      expect(identifyPeerId(latin1('#'.repeat(at) + text.padEnd(20 - at, '#')))?.client, text).toBe(name)
    }
  })

  test('say the name and the version as the program does', () => {
    const rows: [string, string][] = [
      ['-AZ5750-', 'Vuze 5.7.5'],
      ['-AZ2060-', 'Vuze 2.0.6'],
      ['-qB4620-', 'qBittorrent 4.6.2'],
      ['-qB41A0-', 'qBittorrent 4.1.10'],
      ['-DE13F0-', 'Deluge 1.3.15'],
      ['-LT2110-', 'libtorrent (Rasterbar) 2.1.1'],
      ['-lt0D80-', 'rTorrent (libTorrent) 0.13.8'],
      ['-TR0006-', 'Transmission 0.6'],
      ['-TR0072-', 'Transmission 0.72'],
      ['-TR2940-', 'Transmission 2.94'],
      ['-TR111Z-', 'Transmission 1.11 Dev'],
      ['-TR4050-', 'Transmission 4.0.5'],
      ['-TR410B-', 'Transmission 4.1.0 Beta'],
      ['-UT355S-', 'µTorrent 3.5.5'],
      ['-UT1750-', 'µTorrent 1.7.5'],
      ['-UT360BX', 'µTorrent 3.6.0 Beta'],
      ['-BC0171-', 'BitComet 1.71'],
      ['-FG0182x', 'FlashGet 1.82'],
      ['-KT33D1-', 'KTorrent 3.3 Dev 1'],
      ['-KT2210-', 'KTorrent 2.2.1'],
      ['-CT3456-', 'CTorrent 3.4.56'],
      ['-BB1234-', 'BitBuddy 1.234'],
      ['-LP0303-', 'Lphant 3.03'],
      ['-WW0098-', 'WebTorrent 0.98'],
      ['-WW0202-', 'WebTorrent 2.2'],
      ['-WD0021-', 'WebTorrent Desktop 0.21'],
      ['-BI3100-', 'BiglyBT 3.1'],
      ['-GT0004-', 'anacrolix/torrent 0.0.0.4'],
      ['-LW0001-', 'LimeWire -'],
      ['-NB200S-', 'Net::BitTorrent 2.00'],
      ['-NB201U-', 'Net::BitTorrent 2.01 unstable'],
      ['NB052S-', 'Net::BitTorrent 0.052'],
      ['NB049U-', 'Net::BitTorrent 0.049 unstable'],
      ['M4-3-6--', 'Mainline 4.3.6'],
      ['M4-20-8-', 'Mainline 4.20.8'],
      ['Q1-0-0--', 'Queen Bee 1.0.0'],
      ['Q1-10-0-', 'Queen Bee 1.10.0'],
      ['S3-1-0-0--', 'Amazon S3 1.0.0'],
      ['S58B-----', "Shadow's client 5.8.11"],
      ['T03I-----', 'BitTornado 0.3.18'],
      ['A310------', 'ABC 3.1.0'],
      ['A2-1-36-0-', 'aria2 1.36.0'],
      ['-aria2-', 'aria2 -'],
      ['XBT054d-', 'XBT Client 0.5.4 Debug'],
      ['XBT054--', 'XBT Client 0.5.4'],
      ['OP7685', 'Opera 7685'],
      ['-ML2.7.2-', 'MLDonkey 2.7.2'],
      ['-BOWA0C-', 'Bits on Wheels 1.0.6'],
      ['AZ2500BT', 'BitTyrant -'],
      ['346------', 'TorrenTopia -'],
      ['exbc\x008', 'BitComet 0.56'],
      ['exbc\x01\x01LORD', 'BitLord 1.01'],
      ['FUTB\x00,', 'BitComet 0.44'],
      ['\0\x03BS', 'BitSpirit 3'],
      ['\0\x02BS', 'BitSpirit 2'],
      ['\0\x08RSnick', 'Rufus 0.8'],
      ['-G3nickname', 'G3 Torrent -'],
      ['AP0.90-', 'AllPeers 0.90'],
      ['DNA030100', 'BitTorrent DNA 3.1.0'],
      ['Mbrst1-1-3', 'burst! 1.1.3'],
      ['TIX0193-', 'Tixati 1.93'],
      ['btpd/0.9/', 'BitTorrent Protocol Daemon 0.9'],
      ['LIME', 'LimeWire -'],
    ]
    for (const [start, expected] of rows) expect(identify(start), start).toBe(expected)
    expect(identifyPeerId(latin1('2A8BCDEFGHIJKLMNUDP0'))?.client).toBe('BitSpirit')
  })

  test('that nobody knows are unknown', () => {
    for (const start of ['', '-ZZ1234-', '-qB46', 'NB052X-', 'M4-3', '\0\0\0\0', '-', 'S58']) {
      expect(identify(start), start).toBeNull()
    }
    expect(identifyPeerId(new Uint8Array(20))).toBeNull()
    expect(codeOf(() => identifyPeerId(new Uint8Array(19)))).toBe('ERR_INVALID_OPTION')
  })

  test('no bytes make the reader throw', () => {
    const starts = [
      ...AZUREUS.map(([code]) => `-${code}`),
      ...NAMED.map(({ text }) => text),
      'M',
      'Q',
      'S',
      'NB',
      'exbc',
    ]
    fc.assert(
      fc.property(fc.constantFrom('', ...starts), fc.uint8Array({ minLength: 20, maxLength: 20 }), (start, rest) => {
        const found = identifyPeerId(Buffer.concat([latin1(start), rest]).subarray(0, 20))
        if (found) expect(found.client).not.toBe('')
      }),
      { numRuns: 3000 },
    )
  })
})

describe('info-hashes', () => {
  const v1 = '1234567812345678123456781234567812345678'
  const v2 = 'caf1e1c30e81cb361b9ee167c4aa64228a7fa4fa9f6105232b28ad099f3a302e'

  test('are read in all their forms and written again', () => {
    const base32 = 'CI2FM6ASGRLHQERUKZ4BENCWPAJDIVTY'
    for (const text of [v1, v1.toUpperCase(), base32, base32.toLowerCase(), `urn:btih:${v1}`, `URN:BTIH:${base32}`]) {
      const { version, bytes } = parseInfoHash(text)
      expect([version, digits(bytes)], text).toEqual([1, v1])
      expect(formatInfoHash(bytes)).toBe(v1)
      expect(formatInfoHash(bytes, 'base32')).toBe(base32)
      expect(formatInfoHash(bytes, 'urn')).toBe(`urn:btih:${v1}`)
    }
    for (const text of [v2, `1220${v2}`, `urn:btmh:1220${v2}`]) {
      const { version, bytes } = parseInfoHash(text)
      expect([version, digits(bytes)], text).toEqual([2, v2])
      expect(formatInfoHash(bytes, 'multihash')).toBe(`1220${v2}`)
      expect(formatInfoHash(bytes, 'urn')).toBe(`urn:btmh:1220${v2}`)
    }
    expect(digits(shortInfoHash(hex(v2)))).toBe(v2.slice(0, 40))
    expect(formatInfoHash(hex('de3edc1dfa1958affac1dbdc8f34d4d6dac43f00'), 'base32')).toBe(
      '3Y7NYHP2DFMK76WB3POI6NGU23NMIPYA',
    )
  })

  test("base32 and hex are each other's inverse", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (bytes) => {
        expect(parseInfoHash(formatInfoHash(bytes, 'base32')).bytes).toEqual(bytes)
      }),
    )
  })

  test('what is none is refused', () => {
    const wrong = ['', v1.slice(1), `${v1}0`, `1221${v2}`, `urn:btih:${v2}`, `urn:btmh:${v2}`, `urn:sha1:${v1}`]
    wrong.push('1'.repeat(32), `g${v1.slice(1)}`, `urn:btmh:1220${v1}`)
    for (const text of wrong)
      expect(
        codeOf(() => parseInfoHash(text)),
        text,
      ).toBe('ERR_INVALID_OPTION')
    expect(codeOf(() => formatInfoHash(hex(v2), 'base32'))).toBe('ERR_INVALID_OPTION')
    expect(codeOf(() => formatInfoHash(hex(v1), 'multihash'))).toBe('ERR_INVALID_OPTION')
    expect(codeOf(() => formatInfoHash(hex('00')))).toBe('ERR_INVALID_OPTION')
  })
})
