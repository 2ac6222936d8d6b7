export function output(command: string, args: readonly string[]): string
export function infoHash(torrent: string): string
export function opentrackerCommand(host: string, state: string, hashes: readonly string[]): string[]
export function announceUrl(host: string): string
export function aria2Version(): string
export function aria2Command(aria2: {
  torrent: string
  folder: string
  host: string
  port: number
  state: string
  seeding: boolean
}): string[]
export function aria2Done(line: string): true | null
