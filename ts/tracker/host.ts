import type { Duplex } from 'node:stream'

/** Why a connection is wanted: it decides which addresses are allowed. */
export type Purpose = 'user' | 'tracker' | 'announce'

/** Addresses of one family only, 4 or 6; null is whatever the name has. */
export type Family = 4 | 6 | null

/** What a tracker needs of whoever runs it. Nothing below reads a clock, rolls dice or opens a socket by itself. */
export interface Host {
  /** Milliseconds that only grow. */
  now(): number
  /** A number from 0 to below 1. */
  random(): number
  /** Calls `ring` once after so many milliseconds, unless what is returned is called before. */
  timer(delay: number, ring: () => void): () => void
  /** Connects; the address is resolved, taken from one family, and checked by the rule of the purpose. */
  dial(to: {
    host: string
    port: number
    purpose: Purpose
    family: Family
    signal: AbortSignal
  }): Promise<{ stream: Duplex; address: string }>
}

/** The settings that trackers go by; the numbers stand in the table of settings. */
export interface TrackerLimits {
  readonly httpBodyBytes: number
  readonly httpInflatedBytes: number
  readonly httpHeaderBytes: number
  readonly httpRedirects: number
  readonly httpTimeout: number
  readonly httpFirstByteTimeout: number
  readonly trackerStopTimeout: number
  readonly trackerPeers: number
  readonly trackerNumWant: number
  readonly trackerIntervalMin: number
  readonly trackerIntervalMax: number
  readonly trackerIntervalDefault: number
  readonly trackerBackoffMin: number
  readonly trackerBackoffMax: number
  readonly maxAnnounces: number
  readonly maxNetworkDepth: number
  readonly maxNetworkTokens: number
}

/** What an announce tells. */
export type AnnounceEvent = 'started' | 'completed' | 'stopped' | 'none'
