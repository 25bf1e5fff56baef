//! `jichi audit follow`: watches the logs of several nodes from one checkpoint to the next, and
//! compares what nodes and their witnesses have seen of each.

use std::{
    cell::RefCell,
    collections::{BTreeMap, btree_map::Entry},
    fs,
    path::PathBuf,
    time::Duration,
};

use jichi_protocol::{
    digest::Digest,
    log::{
        checkpoint::{Origin, SignedCheckpoint, VerifiedCheckpoint},
        fork::{FILE_EXTENSION, ForkProof},
        note::{KeyKind, VerifierKey},
        proof::{ConsistencyProof, Node},
        tile::{TileKind, TilePath, node_from_tile},
        tree::{Tree, TreeSize},
        witness::monitoring_name,
    },
};

use super::{CannotRead, fold::Stop, remote::Remote};
use crate::out;

/// The arguments of the command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The nodes' addresses (https://...).
    #[arg(required = true)]
    nodes: Vec<String>,
    /// A log's public key, as the federation's directory names it. A log without one is followed
    /// by the key that its node shows first.
    #[arg(long, value_name = "VKEY")]
    key: Vec<VerifierKey>,
    /// Look once and end.
    #[arg(long)]
    once: bool,
    /// Look every so many seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// A folder that keeps what was seen from one run to the next.
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// The folder for proofs.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    proofs: PathBuf,
}

/// What somebody has seen of a log.
struct View {
    from: String,
    checkpoint: VerifiedCheckpoint,
}

/// What is wrong with a log that is followed.
#[derive(Debug)]
enum Finding {
    /// Two histories, with the file that proves it.
    Fork {
        /// Which log.
        origin: Origin,
        /// Who has seen which.
        views: [String; 2],
        /// The proof.
        file: PathBuf,
    },
    /// Somebody has seen more of the log than its node shows.
    Behind {
        /// Which log.
        origin: Origin,
        /// Who has seen more.
        from: String,
        /// How many entries were seen.
        seen: TreeSize,
        /// How many the node shows.
        shown: TreeSize,
    },
    /// What the node hands out is not what it signed, or not signed by its key.
    Unsound(String, String),
}

/// Follows until something is wrong, or looks once.
///
/// # Errors
/// [`CannotRead`]: what is kept cannot be read, or, of one look, a node could not be asked.
pub(crate) fn run(args: Args) -> Result<bool, CannotRead> {
    let mut keys = BTreeMap::new();
    for key in args.key {
        let origin = key.name.as_str().parse::<Origin>();
        match (key.kind, origin) {
            (KeyKind::Log, Ok(origin)) => keys.insert(origin, key),
            (KeyKind::Log | KeyKind::Cosigner, _) => return Err(CannotRead::CosignerKey(key)),
        };
    }
    let nodes = args.nodes.iter().map(|node| node.trim_end_matches('/').to_owned()).collect();
    let (state, proofs, heads) = (args.state, args.proofs, BTreeMap::new());
    let mut follower = Follower { nodes, keys, state, proofs, heads };
    follower.remember()?;
    loop {
        let round = follower.round()?;
        for line in &round.lines {
            out::line(line);
        }
        for finding in &round.findings {
            out::line(finding);
        }
        for error in &round.unreached {
            out::progress(error);
        }
        if !round.findings.is_empty() {
            return Ok(false);
        }
        if args.once {
            return round.unreached.into_iter().next().map_or(Ok(true), Err);
        }
        std::thread::sleep(Duration::from_secs(args.every));
    }
}

/// A follower: the keys it trusts, where it keeps what it saw and what it proves.
struct Follower {
    /// The nodes' addresses.
    nodes: Vec<String>,
    /// The keys of logs; a log that is not among them is followed by the key it showed first.
    keys: BTreeMap<Origin, VerifierKey>,
    /// Where what was seen last is kept from one run to the next.
    state: Option<PathBuf>,
    /// Where proofs are written.
    proofs: PathBuf,
    /// The last checkpoint of each log that was found sound.
    heads: BTreeMap<Origin, VerifiedCheckpoint>,
}

/// What came of one round.
#[derive(Debug, Default)]
struct Round {
    /// What is wrong.
    findings: Vec<Finding>,
    /// One line for each log.
    lines: Vec<String>,
    /// What could not be asked.
    unreached: Vec<CannotRead>,
}

impl Follower {
    /// Reads what an earlier run has seen: a key and a checkpoint for each log.
    fn remember(&mut self) -> Result<(), CannotRead> {
        let Some(folder) = &self.state else { return Ok(()) };
        let io = |source| CannotRead::File { path: folder.clone(), source };
        fs::create_dir_all(folder).map_err(io)?;
        for entry in fs::read_dir(folder).map_err(io)? {
            let path = entry.map_err(io)?.path();
            if path.extension().is_none_or(|ending| ending != "seen") {
                continue;
            }
            let text = super::text_of(&path)?;
            let (key, note) = text.split_once('\n').unwrap_or_default();
            let key: VerifierKey = key.parse().map_err(|error| super::malformed(&path, &error))?;
            let checkpoint = SignedCheckpoint::parse(note.as_bytes())
                .map_err(|error| super::malformed(&path, &error))?;
            let head = checkpoint.verify(&key).map_err(|error| super::malformed(&path, &error))?;
            self.keys.entry(head.origin.clone()).or_insert(key);
            self.heads.insert(head.origin.clone(), head);
        }
        Ok(())
    }

    fn keep(&self, origin: &Origin) -> Result<(), CannotRead> {
        let (Some(folder), Some(key), Some(head)) =
            (&self.state, self.keys.get(origin), self.heads.get(origin))
        else {
            return Ok(());
        };
        let path = folder.join(format!("{}.seen", file_name(origin)));
        let text = format!("{key}\n{}", head.note());
        fs::write(&path, text).map_err(|source| CannotRead::File { path, source })
    }

    /// Asks every node once, and compares.
    fn round(&mut self) -> Result<Round, CannotRead> {
        let mut round = Round::default();
        let mut views: BTreeMap<Origin, Vec<View>> = BTreeMap::new();
        for head in self.heads.values() {
            let view = View { from: "an earlier look".to_owned(), checkpoint: head.clone() };
            views.entry(head.origin.clone()).or_default().push(view);
        }
        // Which logs there are; then what others have seen of them; then the logs themselves, so
        // that an honest one has grown at least as far as anybody has seen.
        for node in self.nodes.clone() {
            if let Err(error) = self.learn(&node, &mut round) {
                round.unreached.push(error);
            }
        }
        for node in &self.nodes {
            for (origin, key) in &self.keys {
                for (path, what) in [
                    (format!("witness/{}/checkpoint", monitoring_name(origin)), "as a witness"),
                    ("log/cosigned".to_owned(), "as cosigned"),
                ] {
                    let seen = Remote::text(node, &path).ok().flatten();
                    let seen = seen.and_then(|note| SignedCheckpoint::parse(note.as_bytes()).ok());
                    let seen = seen.and_then(|seen| seen.verify(key).ok());
                    if let Some(checkpoint) = seen {
                        let view = View { from: format!("{node} {what}"), checkpoint };
                        views.entry(origin.clone()).or_default().push(view);
                    }
                }
            }
        }
        let mut logs = Vec::new();
        for node in &self.nodes {
            match Remote::open(node, None) {
                Ok(remote) => {
                    let key = self.keys.get(&remote.checkpoint().claimed().origin);
                    if let Some(Ok(own)) = key.map(|key| remote.checkpoint().verify(key)) {
                        let from = node.clone();
                        let view = View { from, checkpoint: own.clone() };
                        views.entry(own.origin.clone()).or_default().push(view);
                        logs.push((node.clone(), remote, own));
                    }
                }
                Err(Stop::CannotRead(error)) => round.unreached.push(error),
                Err(Stop::Fault(found)) => {
                    round.findings.push(Finding::Unsound(node.clone(), found.fault.to_string()));
                }
            }
        }
        for (node, remote, own) in &logs {
            self.compare(node, remote, own, &views, &mut round)?;
        }
        Ok(round)
    }

    /// Learns which log a node has, and the log's key if none is known.
    fn learn(&mut self, node: &str, round: &mut Round) -> Result<(), CannotRead> {
        let shown = Remote::text(node, "log/key")?;
        let shown = shown.ok_or_else(|| CannotRead::NotANode(node.to_owned()))?;
        let unsound = |why: &str| Finding::Unsound(node.to_owned(), why.to_owned());
        let key = shown.trim().parse::<VerifierKey>().ok().filter(|key| key.kind == KeyKind::Log);
        let origin = key.as_ref().and_then(|key| key.name.as_str().parse::<Origin>().ok());
        let (Some(key), Some(origin)) = (key, origin) else {
            round.findings.push(unsound("what it shows as its key is none of a log"));
            return Ok(());
        };
        match self.keys.entry(origin) {
            Entry::Vacant(place) => {
                place.insert(key);
            }
            Entry::Occupied(known) if *known.get() == key => {}
            Entry::Occupied(_) => {
                round.findings.push(unsound("it shows another key than the one that is trusted"));
            }
        }
        Ok(())
    }

    /// Compares every view of a node's log with what the node itself shows.
    fn compare(
        &mut self,
        node: &str,
        remote: &Remote,
        own: &VerifiedCheckpoint,
        views: &BTreeMap<Origin, Vec<View>>,
        round: &mut Round,
    ) -> Result<(), CannotRead> {
        let origin = &own.origin;
        let tiles = TileReader { remote, size: own.size, kept: RefCell::default() };
        let of_log = views.get(origin).map(Vec::as_slice).unwrap_or_default();
        let before = round.findings.len();
        for view in of_log {
            let seen = &view.checkpoint;
            if seen.size > own.size {
                round.findings.push(Finding::Behind {
                    origin: origin.clone(),
                    from: view.from.clone(),
                    seen: seen.size,
                    shown: own.size,
                });
                continue;
            }
            let (root, proof) = match tiles.prove(seen.size) {
                Ok(shown) => shown,
                Err(error) => {
                    round.unreached.push(error);
                    return Ok(());
                }
            };
            if proof.verify((seen.size, &root), (own.size, &own.root)).is_err() {
                let why = "its tiles do not make the root that it signed";
                round.findings.push(Finding::Unsound(node.to_owned(), why.to_owned()));
                break;
            }
            if let Some(fork) = ForkProof::of(seen, own, root, &proof) {
                let file = self.write(origin, &fork)?;
                let views = [view.from.clone(), node.to_owned()];
                round.findings.push(Finding::Fork { origin: origin.clone(), views, file });
            }
        }
        if round.findings.len() == before {
            round.lines.push(format!(
                "{origin} size {} root {}, {} views agree",
                own.size,
                own.root,
                of_log.len()
            ));
            self.heads.insert(origin.clone(), own.clone());
            self.keep(origin)?;
        }
        Ok(())
    }

    fn write(&self, origin: &Origin, fork: &ForkProof) -> Result<PathBuf, CannotRead> {
        let (older, newer) = (fork.older.claimed().size, fork.newer.claimed().size);
        let name = format!("{}-{older}-{newer}{FILE_EXTENSION}", file_name(origin));
        let path = self.proofs.join(name);
        let io = |source| CannotRead::File { path: path.clone(), source };
        fs::create_dir_all(&self.proofs).map_err(io)?;
        if let Some(key) = self.keys.get(origin) {
            fs::write(&path, fork.file(key)).map_err(io)?;
        }
        Ok(path)
    }
}

fn file_name(origin: &Origin) -> String {
    origin.as_str().replace(|c: char| !c.is_ascii_alphanumeric(), "-")
}

/// The hashes of a log of one size, from its node's tiles.
struct TileReader<'r> {
    remote: &'r Remote,
    size: TreeSize,
    kept: RefCell<BTreeMap<String, Vec<Digest>>>,
}

impl TileReader<'_> {
    /// The root of the first `old` entries, and the proof that the log continues them.
    fn prove(&self, old: TreeSize) -> Result<(Digest, ConsistencyProof), CannotRead> {
        let failed = RefCell::new(None);
        let hash_of = |node: Node| match self.hash(node) {
            Ok(hash) => hash,
            Err(error) => {
                failed.borrow_mut().get_or_insert(error);
                None
            }
        };
        let shown = root_of(old, &hash_of)
            .and_then(|root| Some((root, ConsistencyProof::of(old, self.size, hash_of).ok()?)));
        let missing = || CannotRead::NotANode("a tile of the node".to_owned());
        shown.ok_or_else(|| failed.take().unwrap_or_else(missing))
    }

    fn hash(&self, node: Node) -> Result<Option<Digest>, CannotRead> {
        let Some(path) = TilePath::holding(node, self.size) else { return Ok(None) };
        if !matches!(path.kind(), TileKind::Hashes { .. }) {
            return Ok(None);
        }
        let mut kept = self.kept.borrow_mut();
        let hashes = match kept.entry(path.to_string()) {
            Entry::Occupied(kept) => kept.into_mut(),
            Entry::Vacant(place) => place.insert(self.remote.hashes(path)?),
        };
        Ok(node_from_tile(node, hashes))
    }
}

/// The root of the first `size` entries.
fn root_of(size: TreeSize, hash_of: &impl Fn(Node) -> Option<Digest>) -> Option<Digest> {
    let mut peaks = Vec::new();
    let mut start = 0_u64;
    for level in (0..63_u8).rev() {
        let width = 1_u64 << level;
        if size.0 & width != 0 {
            peaks.push(hash_of(Node { level, index: start >> level })?);
            start = start.saturating_add(width);
        }
    }
    Tree::restored(size, peaks).ok().map(|tree| tree.root())
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fork { origin, views: [one, other], file } => write!(
                f,
                "{origin} 二つの履歴があります / has two histories: one seen by {one}, another by \
                 {other}; the proof is {}, check it with `jichi audit proof`",
                file.display()
            ),
            Self::Behind { origin, from, seen, shown } => write!(
                f,
                "{origin} 記録が短くなっています / {from} has seen {seen} entries, the node shows \
                 {shown} only: it was restored, cut, or shows two views"
            ),
            Self::Unsound(node, why) => write!(f, "{node}: {why}"),
        }
    }
}
