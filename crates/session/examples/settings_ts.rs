//! Prints `ts/settings.ts`.

fn main() {
    print!("{}", bitlode_session::typescript());
}
