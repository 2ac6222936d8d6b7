export function packCrates(): Promise<Map<string, string>>
export function packedFiles(crate: string): Map<string, Buffer>
export function buildExamples(packages: ReadonlyMap<string, string>): Promise<string>
