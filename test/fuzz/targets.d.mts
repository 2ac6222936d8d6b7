/** The fuzz targets by name. */
export const targets: Record<string, { readonly bencoded?: boolean; run(bytes: Uint8Array, planted: boolean): unknown }>
