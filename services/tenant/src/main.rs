//! The tenant service as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    host::main::<tenant::Program>()
}
