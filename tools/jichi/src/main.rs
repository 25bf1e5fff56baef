//! The command for everybody who does not run a node.

#![forbid(unsafe_code)]

fn main() -> anyhow::Result<std::process::ExitCode> {
    jichi::command::main()
}
