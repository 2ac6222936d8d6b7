#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bitlode_wire::fuzz::metadata(data));
