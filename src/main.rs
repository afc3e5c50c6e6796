//! The program `moim`: reads the command line and the settings, then hands over to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    moim::cli::run(std::env::args_os())
}
