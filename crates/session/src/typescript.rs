//! `ts/settings.ts`, generated from the table.

use std::fmt::Write;

use crate::setting::{SettingDef, Unit};
use crate::settings::Settings;

/// The text of `ts/settings.ts`: the table with its types and, for applications, the interface of public settings.
pub fn typescript() -> String {
    let mut out = String::from(
        "// Generated from crates/session/src/settings.rs by `cargo run -p bitlode-session --example settings_ts`.\n\
         // Do not edit: a test compares.\n\n\
         /** What the number of a setting counts. */\n\
         export type SettingUnit =",
    );
    let units = [Unit::Bytes, Unit::Count, Unit::Milliseconds, Unit::BytesPerSecond, Unit::PerSecond, Unit::Switch];
    for (at, unit) in units.iter().enumerate() {
        let _ = write!(out, "{} '{}'", if at == 0 { "" } else { " |" }, unit.as_str());
    }
    out += "\n\n/** One row of the table of settings. A switch is 0 or 1 here. */\n\
            export interface SettingDef {\n\
            \x20 /** What counts when it is not set, in `unit`. */\n  readonly default: number\n\
            \x20 /** The least that it may be, in `unit`. */\n  readonly min: number\n\
            \x20 /** The most that it may be, in `unit`. */\n  readonly max: number\n\
            \x20 /** What the three numbers count. */\n  readonly unit: SettingUnit\n\
            \x20 /** It is an option of the application; others are limits that are there to be known. */\n\
            \x20 readonly public: boolean\n}\n\n\
            /** Every setting and limit: default, range, unit. */\nexport const SETTINGS = {\n";
    for def in Settings::TABLE {
        let SettingDef { name, default, min, max, public, .. } = def;
        let unit = def.unit.as_str();
        let _ = writeln!(out, "  /** {} */", def.about);
        let _ = writeln!(
            out,
            "  {name}: {{ default: {default}, min: {min}, max: {max}, unit: '{unit}', public: {public} }},"
        );
    }
    out += "} as const satisfies Record<string, SettingDef>\n\n\
            /** The name of a setting. */\nexport type SettingName = keyof typeof SETTINGS\n\n\
            /** The settings that an application may give. Numbers are integers; see each for its unit. */\n\
            export interface Settings {\n";
    for def in Settings::TABLE.iter().filter(|def| def.public) {
        let switch = def.unit == Unit::Switch;
        let about = def.about;
        let unit = match def.unit {
            Unit::Count => "A number",
            Unit::Bytes => "Bytes",
            Unit::Milliseconds => "Milliseconds",
            Unit::BytesPerSecond => "Bytes per second",
            Unit::PerSecond => "Per second",
            Unit::Switch => "A switch",
        };
        let _ = if switch {
            let default = def.default != 0;
            writeln!(out, "  /** {about} @default {default} */\n  readonly {}?: boolean", def.name)
        } else {
            let SettingDef { default, min, max, .. } = def;
            writeln!(
                out,
                "  /** {about} {unit}, {min} to {max}. @default {default} */\n  readonly {}?: number",
                def.name
            )
        };
    }
    out += "}\n";
    out
}
