//! `jichi admin verify-ticket`: whether a town signed a printed ticket, without any node.

use anyhow::{Context as _, bail};
use jichi_protocol::{id::TownId, signature::PublicKey, ticket::SignedTicket};

use super::Refused;
use crate::out;

/// What it takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The town's public key (`channel_key` in the federation's directory), 64 hexadecimal digits.
    #[arg(long)]
    town_key: String,
    /// The town's code, where the ticket has to be this town's.
    #[arg(long)]
    town: Option<String>,
    /// What the QR code holds, as a scanner reads it: it begins with JT1: .
    #[arg(required = true)]
    codes: Vec<String>,
}

/// Verifies every code. Whether a ticket was used before, only the town's node knows.
///
/// # Errors
/// [`Refused`] for the first that is not genuine.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let key: PublicKey = args.town_key.trim().parse().context("--town-key")?;
    let town = args.town.as_deref().map(str::parse::<TownId>).transpose().context("--town")?;
    for code in &args.codes {
        let Ok(ticket) = code.parse::<SignedTicket>() else {
            bail!(Refused("ポイント券の符号ではありません / this is no ticket's code".into()));
        };
        let face = ticket.face;
        if town.is_some_and(|town| town != face.town) {
            bail!(Refused(format!("別の自治体({})の券です / a ticket of another town", face.town)));
        }
        if ticket.verify(&key).is_err() {
            bail!(Refused(
                "このまちの署名ではありません / the town's key never signed this ticket".into()
            ));
        }
        out::line(format!(
            "真正です / genuine: {} {:07} {} {} {}",
            face.town,
            face.number.0,
            face.points,
            face.last_day,
            ticket.check()
        ));
    }
    Ok(())
}
