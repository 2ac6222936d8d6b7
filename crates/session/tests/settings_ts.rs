//! The committed `ts/settings.ts` is what the table says. `BITLODE_BLESS=1` writes it anew.

use std::path::Path;

#[test]
fn the_committed_typescript_is_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ts/settings.ts");
    let want = bitlode_session::typescript();
    if std::env::var_os("BITLODE_BLESS").is_some() {
        std::fs::write(&path, &want).unwrap();
    }
    let got = std::fs::read_to_string(&path).unwrap();
    assert!(got == want, "ts/settings.ts is out of date: run with BITLODE_BLESS=1");
}
