/** The code of what `body` throws; undefined when it throws nothing; a marker when it throws without one. */
export function codeOf(body: () => unknown): string | undefined {
  try {
    body()
    return undefined
  } catch (error) {
    return code(error)
  }
}

/** The code of what a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise
    return undefined
  } catch (error) {
    return code(error)
  }
}

function code(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : `no code: ${String(error)}`
}
