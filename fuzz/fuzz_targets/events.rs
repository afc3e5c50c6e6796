#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| moim::fuzz::events(data));
