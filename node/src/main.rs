//! The node as a program: `init`, `run`, `staff`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    jichi_node::command::main(std::env::args_os().skip(1).collect())
}
