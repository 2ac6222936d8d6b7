import { expected, readOptions } from './check.ts'
import { SETTINGS, type Settings } from './settings.ts'

/** The name of a setting. */
export type SettingName = keyof typeof SETTINGS

const names = Object.keys(SETTINGS) as SettingName[]

/** The settings of a client: what was set, and the defaults of all else. */
export class Values {
  readonly #set = new Map<SettingName, number>()

  /**
   * Checks settings against the table.
   *
   * Errors: `ERR_UNKNOWN_OPTION`, `ERR_INVALID_OPTION`.
   */
  constructor(settings?: Settings) {
    const read = readOptions(settings, names, 'settings')
    for (const name of names) {
      const value = read[name]
      if (value === undefined) continue
      const { min, max, unit } = SETTINGS[name]
      if (unit === 'switch') {
        if (typeof value !== 'boolean') throw expected(name, 'true or false', value)
        this.#set.set(name, value ? 1 : 0)
      } else {
        const fits = Number.isInteger(value) && !Object.is(value, -0) && Number(value) >= min && Number(value) <= max
        if (typeof value !== 'number' || !fits) throw expected(name, `an integer from ${min} to ${max}`, value)
        this.#set.set(name, value)
      }
    }
  }

  /** The number of a setting. */
  number(name: SettingName): number {
    return this.#set.get(name) ?? SETTINGS[name].default
  }

  /** The numbers of some settings, by name. */
  numbers<Name extends SettingName>(...wanted: readonly Name[]): Record<Name, number> {
    return Object.fromEntries(wanted.map((name) => [name, this.number(name)])) as Record<Name, number>
  }

  /** What was set, as the addon takes it. */
  get packed(): { settingNames: string[]; settingValues: number[] } {
    return { settingNames: [...this.#set.keys()], settingValues: [...this.#set.values()] }
  }
}
