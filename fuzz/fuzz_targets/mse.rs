#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bitlode_mse::fuzz::mse(data));
