//! `jichi directory`: writes, signs and checks the federation's directory. Files only, no network.

pub mod author;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use jichi_node::{clock, documents::store::Edition, keyfile};
use jichi_protocol::{
    date::Time,
    directory::{
        Address, Directory, DirectoryRoot, Few, Member, NotAuthorized, Party, PeerId, Taking, take,
    },
    id::{Generation, TownId},
    label::Label,
    signature::{PublicKey, SigningKey},
};

use crate::out;
use author::{Author, AuthorFault, Members, Past};

/// The check failed: the directory is not signed as it has to be, or not valid now.
const FAILED: u8 = 1;
/// The command was used wrongly.
const USAGE: u8 = 2;
/// Something could not be read or written.
const UNREACHED: u8 = 3;

/// The arguments of `jichi directory`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Make a key file; print its public key and its peer id. 鍵を作る
    Keygen {
        /// The file, which must not exist yet.
        #[arg(long)]
        out: PathBuf,
    },
    /// Begin a directory: version 1, without members. 新規作成
    New(Folder),
    /// Add a member, or change what is given of one. 参加団体を登録・変更する
    Set(Box<SetArgs>),
    /// Remove a member. 参加団体を外す
    Remove {
        #[command(flatten)]
        folder: Folder,
        /// A town's code, or `coordinator`.
        #[arg(long)]
        who: Party,
    },
    /// Issue the directory again, unchanged, for another 30 days. 期限を更新する
    Renew {
        #[command(flatten)]
        folder: Folder,
        /// Begin the document's history anew, when it has grown too long.
        #[arg(long)]
        anew: bool,
    },
    /// Take over what another copy of the folder changed, and issue the result anew. Look at it with
    /// `show` before it is signed. 別の場所での編集を合わせる
    Merge {
        #[command(flatten)]
        folder: Folder,
        /// The other copy of the folder.
        #[arg(long, value_name = "FOLDER")]
        with: PathBuf,
    },
    /// Sign what the folder holds. Look at it with `show` before. 署名する
    Sign {
        #[command(flatten)]
        folder: Folder,
        /// A root key's file.
        #[arg(long)]
        key: PathBuf,
    },
    /// Check the signatures under a root, and the validity. 署名を検証する
    Verify {
        #[command(flatten)]
        folder: Folder,
        /// The root's public keys.
        #[arg(long, required = true, num_args = 1..)]
        root: Vec<PublicKey>,
        /// How many of them have to sign.
        #[arg(long)]
        threshold: u8,
    },
    /// Print what the folder holds. 表示する
    Show(Folder),
}

#[derive(Debug, clap::Args)]
struct Folder {
    /// The folder of the directory's document and statement.
    #[arg(long = "folder", value_name = "FOLDER")]
    path: PathBuf,
}

#[derive(Debug, clap::Args)]
struct SetArgs {
    #[command(flatten)]
    folder: Folder,
    /// A town's code, or `coordinator`.
    #[arg(long)]
    who: Party,
    #[command(flatten)]
    parts: Parts,
}

/// What `set` changes of a member.
#[derive(Debug, Default, clap::Args)]
struct Parts {
    /// The name in Japanese.
    #[arg(long)]
    name_ja: Option<Label>,
    /// The name in English.
    #[arg(long)]
    name_en: Option<Label>,
    /// The public key that signs checkpoints.
    #[arg(long)]
    log_key: Option<PublicKey>,
    /// The generation of log and channels; 1 for a new member.
    #[arg(long)]
    generation: Option<Generation>,
    /// The public key that signs envelopes.
    #[arg(long)]
    channel_key: Option<PublicKey>,
    /// The peer id (12D3KooW...).
    #[arg(long, value_parser = keyfile::peer_id_from_text)]
    transport: Option<PeerId>,
    /// Where it listens, such as /ip4/192.0.2.1/tcp/4001; may be given several times.
    #[arg(long = "address")]
    addresses: Vec<Address>,
    /// A protocol version that it speaks; may be given several times; 1 for a new member.
    #[arg(long = "protocol-version")]
    versions: Vec<u16>,
    /// The public key that cosigns other towns' checkpoints.
    #[arg(long)]
    witness_key: Option<PublicKey>,
    /// A town that cosigns its checkpoints; may be given several times. Without it all other towns
    /// do, in a federation of up to 17.
    #[arg(long = "witness")]
    witnesses: Vec<TownId>,
}

/// Runs `jichi directory`. Exit codes: 0 ok, 1 the check failed, 2 usage, 3 cannot read or write.
///
/// # Errors
/// When the terminal takes no message.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match execute(args.command, clock::now()) {
        Ok(code) => Ok(code),
        Err(fault) => {
            out::say(&fault.to_string())?;
            Ok(ExitCode::from(exit_code(&fault)))
        }
    }
}

const fn exit_code(fault: &AuthorFault) -> u8 {
    match fault {
        AuthorFault::Store(_) | AuthorFault::Key(_) => UNREACHED,
        AuthorFault::Edition(_)
        | AuthorFault::Document(_)
        | AuthorFault::Directory(_)
        | AuthorFault::Member(_)
        | AuthorFault::Statement(_)
        | AuthorFault::Root(_)
        | AuthorFault::Exists
        | AuthorFault::Nothing
        | AuthorFault::NoMember(_)
        | AuthorFault::Lacks(_)
        | AuthorFault::OtherPast => USAGE,
    }
}

fn execute(what: What, now: Time) -> Result<ExitCode, AuthorFault> {
    match what {
        What::Keygen { out } => keygen(&out)?,
        What::New(folder) => headline(Author::open(&folder.path)?.begin(now)?),
        What::Set(args) => {
            let SetArgs { folder, who, parts } = *args;
            let mut author = existing(&folder)?;
            headline(author.change(now, Past::Kept, |members| set(members, who, parts))?);
        }
        What::Remove { folder, who } => {
            let mut author = existing(&folder)?;
            headline(author.change(now, Past::Kept, |members| {
                members.remove(&who).map(|_| ()).ok_or(AuthorFault::NoMember(who))
            })?);
        }
        What::Renew { folder, anew } => {
            let past = if anew { Past::Dropped } else { Past::Kept };
            headline(existing(&folder)?.change(now, past, |_| Ok(()))?);
        }
        What::Merge { folder, with } => {
            let other = existing(&Folder { path: with })?;
            headline(existing(&folder)?.merge(now, &other)?);
        }
        What::Sign { folder, key } => {
            let key = SigningKey::from_seed(&*keyfile::read(&key)?);
            headline(existing(&folder)?.sign(&key)?);
        }
        What::Verify { folder, root, threshold } => {
            let root = DirectoryRoot::new(root, threshold)?;
            return Ok(verify(existing(&folder)?.edition()?, &root, now));
        }
        What::Show(folder) => show(existing(&folder)?.edition()?),
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens a folder that holds a directory; makes none where there is none.
fn existing(folder: &Folder) -> Result<Author, AuthorFault> {
    if folder.path.is_dir() { Author::open(&folder.path) } else { Err(AuthorFault::Nothing) }
}

fn keygen(path: &Path) -> Result<(), AuthorFault> {
    let seed = keyfile::create(path)?;
    out::line(format_args!("public key  {}", SigningKey::from_seed(&seed).public()));
    out::line(format_args!("peer id     {}", keyfile::peer_id_text(&keyfile::peer_id_of(&seed))));
    Ok(())
}

/// Changes what is given; a member that is new needs every part that has no one usual value.
fn set(members: &mut Members, who: Party, parts: Parts) -> Result<(), AuthorFault> {
    let old = members.get(&who);
    let lacks = AuthorFault::Lacks;
    let addresses = Some(parts.addresses).filter(|given| !given.is_empty());
    let versions = Some(parts.versions).filter(|given| !given.is_empty());
    let witnesses = Some(parts.witnesses).filter(|given| !given.is_empty());
    let of = |name| move || lacks(name);
    let member = Member {
        who,
        name_ja: part(parts.name_ja, old, |m| &m.name_ja).ok_or_else(of("name-ja"))?,
        name_en: part(parts.name_en, old, |m| &m.name_en).ok_or_else(of("name-en"))?,
        log_key: part(parts.log_key, old, |m| &m.log_key).ok_or_else(of("log-key"))?,
        generation: part(parts.generation, old, |m| &m.generation).unwrap_or(Generation(1)),
        channel_key: part(parts.channel_key, old, |m| &m.channel_key)
            .ok_or_else(of("channel-key"))?,
        transport: part(parts.transport, old, |m| &m.transport).ok_or_else(of("transport"))?,
        addresses: part(addresses.map(Few::new).transpose()?, old, |m| &m.addresses)
            .ok_or_else(of("address"))?,
        versions: match part(versions.map(Few::new).transpose()?, old, |m| &m.versions) {
            Some(versions) => versions,
            None => Few::new(vec![1])?,
        },
        witness_key: parts.witness_key.or_else(|| old.and_then(|member| member.witness_key)),
        witnesses: match witnesses {
            Some(witnesses) => Some(Few::new(witnesses)?),
            None => old.and_then(|member| member.witnesses.clone()),
        },
    };
    members.insert(who, member);
    Ok(())
}

/// What is given, or else what the member had.
fn part<T: Clone>(given: Option<T>, old: Option<&Member>, of: fn(&Member) -> &T) -> Option<T> {
    given.or_else(|| old.map(|member| of(member).clone()))
}

/// One line about a version, and who signed it.
fn headline(edition: &Edition) {
    let directory = edition.directory();
    out::line(format_args!(
        "version {}, {} members, until {}, {} signatures",
        directory.version(),
        directory.members().len(),
        directory.valid_until(),
        edition.statement().signed_by().count(),
    ));
}

fn show(edition: &Edition) {
    let (directory, statement) = (edition.directory(), edition.statement().statement());
    headline(edition);
    out::line(format_args!("issued   {}", directory.issued()));
    out::line(format_args!("content  {}", statement.content));
    for head in statement.heads.as_slice() {
        out::line(format_args!("head     {head}"));
    }
    for key in edition.statement().signed_by() {
        out::line(format_args!("signed   {key} (not checked; see `verify`)"));
    }
    show_members(directory);
}

fn show_members(directory: &Directory) {
    for member in directory.members() {
        out::line(format_args!("\n{}  {}  {}", member.who, member.name_ja, member.name_en));
        out::line(format_args!("  log      {} generation {}", member.log_key, member.generation));
        out::line(format_args!("  channel  {}", member.channel_key));
        out::line(format_args!("  peer id  {}", keyfile::peer_id_text(&member.transport)));
        for address in member.addresses.iter() {
            out::line(format_args!("  address  {address}"));
        }
        for version in member.versions.iter() {
            out::line(format_args!("  speaks   {version}"));
        }
        if let Some(key) = &member.witness_key {
            out::line(format_args!("  witness  {key}"));
        }
        for town in member.witnesses.iter().flat_map(|witnesses| witnesses.iter()) {
            out::line(format_args!("  cosigned by {town}"));
        }
    }
}

/// Whether a node with this root would take it now.
fn verdict(edition: &Edition, root: &DirectoryRoot, now: Time) -> Result<usize, &'static str> {
    let signers = edition.statement().verify(root).map_err(|refused| match refused {
        NotAuthorized::TooFewSigners => "too few of the root keys signed",
        NotAuthorized::Signature => "a root key's signature is wrong; let its holder sign again",
    })?;
    match take(None, edition.statement().statement(), now) {
        Taking::New | Taking::Same | Taking::Older | Taking::Fork => Ok(signers.len()),
        Taking::Expired => Err("its validity is over; `renew` it and sign again"),
        Taking::NotYet => Err("it is issued in the future; look at this machine's clock"),
    }
}

fn verify(edition: &Edition, root: &DirectoryRoot, now: Time) -> ExitCode {
    match verdict(edition, root, now) {
        Ok(signers) => {
            headline(edition);
            out::line(format_args!("good: {signers} of {} root keys signed", root.keys().len()));
            ExitCode::SUCCESS
        }
        Err(reason) => {
            out::line(format_args!("not good: {reason}"));
            ExitCode::from(FAILED)
        }
    }
}

#[cfg(test)]
mod tests;
