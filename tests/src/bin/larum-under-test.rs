//! The `larum` binary with the faults that tests inject compiled in.

use std::process::ExitCode;

fn main() -> ExitCode {
    larum::main()
}
