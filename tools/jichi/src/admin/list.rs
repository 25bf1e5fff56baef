//! `jichi admin list`: what the town's public list says of its shops. A copy is taken from the node,
//! edited where there is no network, also in two places, and merged again.

use std::{fs, path::Path, path::PathBuf};

use anyhow::{Context as _, ensure};
use jichi_node::documents::{
    history::History,
    list::{ListText, Listing, ShopDetails, ShopKind, document::ListDocument},
};
use jichi_protocol::id::MerchantId;

use super::{Desk, Refused};
use crate::out;

/// What `jichi admin list` takes.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum ListArgs {
    /// Take a copy of the list's document from the node. 写しを取る
    Export {
        #[command(flatten)]
        desk: Desk,
        /// The file, which must not exist yet.
        #[arg(long)]
        out: PathBuf,
    },
    /// Tell something about a shop in a copy; what is not given stays. 写しを編集する
    Set(Box<SetArgs>),
    /// Take the edits of another copy over into this one. 二つの写しを合わせる
    Merge {
        /// The copy that is changed.
        file: PathBuf,
        /// The other one.
        #[arg(long)]
        with: PathBuf,
    },
    /// Print what a copy says. 写しを表示する
    Show {
        /// The copy.
        file: PathBuf,
    },
    /// Have the node merge a copy and sign the next version. 写しを送って公開する
    Send {
        #[command(flatten)]
        desk: Desk,
        /// The copy.
        file: PathBuf,
    },
}

/// What is told about a shop; an empty text takes it away.
#[derive(Debug, clap::Args)]
pub(crate) struct SetArgs {
    /// The copy.
    file: PathBuf,
    /// The shop's number.
    #[arg(long)]
    shop: u32,
    /// The name in English.
    #[arg(long)]
    name_en: Option<String>,
    /// food, goods, service, lodging, culture, public or other.
    #[arg(long)]
    kind: Option<String>,
    /// The part of the town.
    #[arg(long)]
    area: Option<String>,
    /// The shop's address.
    #[arg(long)]
    address: Option<String>,
}

/// Runs it.
///
/// # Errors
/// When a file cannot be read or written, or the node cannot be reached or refuses.
pub(super) fn run(args: &ListArgs) -> anyhow::Result<()> {
    match args {
        ListArgs::Export { desk, out } => {
            ensure!(!out.exists(), "{} is there already", out.display());
            let bytes = desk.sign_in()?.bytes("/v1/lists/shops/document")?;
            read(&bytes).context("the node sent no list")?;
            fs::write(out, bytes).with_context(|| out.display().to_string())
        }
        ListArgs::Set(args) => set(args),
        ListArgs::Merge { file, with } => {
            let (mut document, mut other) = (open(file)?, open(with)?);
            let begins = other.history()?.begins_in(&document.history()?);
            ensure!(begins, "the two are copies of different documents; take new ones");
            document.merge(&mut other)?;
            write(file, &document)
        }
        ListArgs::Show { file } => show(&open(file)?),
        ListArgs::Send { desk, file } => {
            let bytes = fs::read(file).with_context(|| file.display().to_string())?;
            let client = desk.sign_in()?;
            let sent =
                client.post_bytes("/v1/lists/shops/merge", "application/octet-stream", &bytes);
            let (status, text) = sent?;
            if (200..300).contains(&status) {
                return Ok(());
            }
            Err(Refused(format!("{status}: {text}")).into())
        }
    }
}

fn read(bytes: &[u8]) -> anyhow::Result<ListDocument> {
    let document = ListDocument::of_history(&History::read(bytes)?)?;
    document.listing()?;
    Ok(document)
}

fn open(path: &Path) -> anyhow::Result<ListDocument> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    read(&bytes).with_context(|| path.display().to_string())
}

fn write(path: &Path, document: &ListDocument) -> anyhow::Result<()> {
    // What does not read back as a list is not written.
    document.listing()?;
    let bytes = document.history()?.to_bytes();
    fs::write(path, bytes).with_context(|| path.display().to_string())
}

fn set(args: &SetArgs) -> anyhow::Result<()> {
    let mut document = open(&args.file)?;
    let Listing::Shops(list) = document.listing()? else { anyhow::bail!("no list of shops") };
    let merchant = MerchantId(args.shop);
    let shop = list.shops.into_iter().find(|shop| shop.merchant == merchant);
    let old = shop.context("the list has no such shop")?.details;
    let details = ShopDetails {
        name_en: text(args.name_en.as_deref(), old.name_en)?,
        kind: match args.kind.as_deref() {
            None => old.kind,
            Some("") => None,
            Some(kind) => Some(kind.parse()?),
        },
        area: text(args.area.as_deref(), old.area)?,
        address: text(args.address.as_deref(), old.address)?,
    };
    document.tell(merchant, &details)?;
    write(&args.file, &document)
}

fn text(given: Option<&str>, old: Option<ListText>) -> anyhow::Result<Option<ListText>> {
    match given {
        None => Ok(old),
        Some("") => Ok(None),
        Some(text) => Ok(Some(text.parse()?)),
    }
}

fn show(document: &ListDocument) -> anyhow::Result<()> {
    let Listing::Shops(list) = document.listing()? else { anyhow::bail!("no list of shops") };
    out::line(format_args!("{}: {} shops", list.town, list.shops.len()));
    for shop in &list.shops {
        let ShopDetails { name_en, kind, area, address } = &shop.details;
        let text = |text: &Option<ListText>| text.as_ref().map_or("-", ListText::as_str).to_owned();
        out::line(format_args!(
            "{}\t{}\t{}\t{}\t{}\t{}",
            shop.merchant.0,
            shop.name,
            text(name_en),
            kind.map_or("-", ShopKind::name),
            text(area),
            text(address),
        ));
    }
    Ok(())
}
