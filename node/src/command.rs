//! The node's command line, used by `jichi-node` and by `jichi node`.

use std::{
    ffi::OsString,
    io::{BufRead as _, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use jichi_protocol::{date::BusinessDate, id::OfficerId};
use secrecy::SecretString;
use tokio::sync::watch;

use crate::{
    config::{NodeRole, Settings},
    init,
    journal::Verify,
    password::{self, PasswordOf},
    run,
    staff::{Login, Officer, Role, RolePeriod, Staff},
};

#[derive(Parser)]
#[command(name = "jichi-node", version, about = "A town's node, or the coordinator.")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes keys, vault and journal where there are none, and prints what the directory needs.
    Init {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Runs the node until it is asked to stop.
    Run {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
        /// Read every byte of the journal before serving.
        #[arg(long)]
        verify_all: bool,
    },
    /// Adds an officer; the password is the first line of the standard input.
    StaffAdd {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
        /// The officer's number.
        #[arg(long)]
        number: u32,
        /// The name to sign in with.
        #[arg(long)]
        login: String,
        /// Roles, by comma: grant-maker, approver, merchant-officer, desk, help-desk, auditor,
        /// operator.
        #[arg(long, value_delimiter = ',')]
        roles: Vec<String>,
        /// The first day of the roles.
        #[arg(long)]
        from: String,
        /// The last day of the roles.
        #[arg(long)]
        until: String,
    },
}

/// Runs the command line. Exit codes: 0 all is well, 1 it failed, 2 wrong usage.
#[must_use]
pub fn main(args: Vec<OsString>) -> ExitCode {
    let name = OsString::from("jichi-node");
    let args = match Args::try_parse_from(std::iter::once(name).chain(args)) {
        Ok(args) => args,
        Err(error) => {
            // Help is no error; clap knows where each belongs.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let done = match args.command {
        Command::Init { config } => Settings::read(&config).map_err(text).and_then(|settings| {
            let keys = init::init(&settings).map_err(text)?;
            say(&init::public_facts(&settings, &keys))
        }),
        Command::Run { config, verify_all } => {
            let verify = if verify_all { Verify::All } else { Verify::Tail };
            Settings::read(&config).map_err(text).and_then(|settings| serve(settings, verify))
        }
        Command::StaffAdd { config, number, login, roles, from, until } => Settings::read(&config)
            .map_err(text)
            .and_then(|settings| add_officer(&settings, number, &login, &roles, (&from, &until))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "jichi-node: {error}");
            ExitCode::FAILURE
        }
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn say(line: &str) -> Result<(), String> {
    writeln!(std::io::stdout(), "{line}").map_err(text)
}

fn serve(settings: Settings, verify: Verify) -> Result<(), String> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
        )
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(text)?;
    runtime.block_on(async {
        let (stop, stopping) = watch::channel(false);
        tokio::spawn(async move {
            asked_to_stop().await;
            let _ = stop.send(true);
        });
        match settings.config.role {
            NodeRole::Municipality => run::run_town(settings, verify, stopping).await.map_err(text),
            NodeRole::Coordinator => {
                crate::coordinator::run(settings, stopping).await.map_err(text)
            }
        }
    })
}

/// Waits for SIGTERM or SIGINT.
async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("no signal can be waited for; stop with SIGKILL");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

fn add_officer(
    settings: &Settings,
    number: u32,
    login: &str,
    roles: &[String],
    (from, until): (&str, &str),
) -> Result<(), String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(text)?;
    let password = SecretString::from(line.trim_end_matches(['\r', '\n']).to_owned());
    let day = |words: &str| words.parse::<BusinessDate>().map_err(text);
    let periods = roles.iter().map(|role| {
        let role = role_of(role).ok_or_else(|| format!("{role}: no such role"))?;
        Ok(RolePeriod { role, from: day(from)?, to: day(until)? })
    });
    let officer = Officer {
        login: login.parse::<Login>().map_err(text)?,
        password: password::hash(PasswordOf::Staff, &password).map_err(text)?,
        roles: periods.collect::<Result<Vec<_>, String>>()?,
    };
    let mut staff = Staff::load(&settings.data).map_err(text)?;
    staff.add(OfficerId(number), officer).map_err(text)?;
    staff.save(&settings.data).map_err(text)
}

fn role_of(name: &str) -> Option<Role> {
    Some(match name {
        "grant-maker" => Role::GrantMaker,
        "approver" => Role::Approver,
        "merchant-officer" => Role::MerchantOfficer,
        "desk" => Role::Desk,
        "help-desk" => Role::HelpDesk,
        "auditor" => Role::Auditor,
        "operator" => Role::Operator,
        _ => return None,
    })
}
