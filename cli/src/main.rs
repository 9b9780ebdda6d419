//! The `larum` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    larum::main()
}
