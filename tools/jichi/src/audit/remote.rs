//! A log at a node: its public checkpoint and tiles, and the entries for who signed in.

use std::time::Duration;

use jichi_protocol::{
    digest::Digest,
    entry::ENTRY_BYTES_MAX,
    log::{
        checkpoint::{SignedCheckpoint, VerifiedCheckpoint},
        note::{NOTE_BYTES_MAX, VerifierKey},
        tile::{TILE_WIDTH, TileKind, TilePath, decode_hashes, tiles_for_growth},
        tree::{Tree, TreeSize},
    },
};
use secrecy::{ExposeSecret as _, SecretString};
use ureq::Agent;

use super::{
    CannotRead,
    fold::{Fault, Fold, Stop, Trusted},
    source::Progress,
    tiles::Tiles,
};

/// The longest page of entries that is read, in bytes. A node sends up to 4 MiB.
const PAGE_BYTES_MAX: u64 = 8 << 20;
/// A full tile of hashes, in bytes.
const TILE_BYTES_MAX: u64 = 256 * 32;
/// How long one answer may take.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

/// A node, and the checkpoint that it showed when it was asked first.
#[derive(Debug)]
pub(crate) struct Remote {
    agent: Agent,
    base: String,
    token: Option<SecretString>,
    checkpoint: SignedCheckpoint,
}

impl Remote {
    /// Asks a node for its checkpoint, up to which everything else is then read.
    pub(crate) fn open(base: &str, token: Option<SecretString>) -> Result<Self, Stop> {
        if token.is_some() && !keeps_secrets(base) {
            return Err(CannotRead::PlainToken.into());
        }
        let agent = agent();
        let note_max = u64::try_from(NOTE_BYTES_MAX).unwrap_or(u64::MAX);
        let note = fetch(&agent, &format!("{base}/log/checkpoint"), None, note_max)?
            .ok_or_else(|| CannotRead::NotANode(base.to_owned()))?;
        let checkpoint = SignedCheckpoint::parse(&note)
            .map_err(|fault| Fault::MalformedCheckpoint { size: TreeSize(0), fault })?;
        Ok(Self { agent, base: base.to_owned(), token, checkpoint })
    }

    /// A public text of a node; none if there is no such text.
    pub(crate) fn text(base: &str, path: &str) -> Result<Option<String>, CannotRead> {
        let text_max = u64::try_from(NOTE_BYTES_MAX).unwrap_or(u64::MAX);
        let bytes = fetch(&agent(), &format!("{base}/{path}"), None, text_max)?;
        Ok(bytes.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// The hashes of a tile.
    pub(crate) fn hashes(&self, path: TilePath) -> Result<Vec<Digest>, CannotRead> {
        self.tile(path).map_err(|stop| match stop {
            Stop::CannotRead(error) => error,
            Stop::Fault(found) => CannotRead::Malformed {
                path: path.to_string().into(),
                why: found.fault.to_string(),
            },
        })
    }

    /// Whether entries can be asked for.
    pub(crate) const fn signed_in(&self) -> bool {
        self.token.is_some()
    }

    /// The checkpoint, whose signature was not checked yet.
    pub(crate) const fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// Fetches every tile of hashes and compares them with each other, the signed root and what
    /// the auditor knows. Also tells how many known checkpoints the log continues.
    pub(crate) fn check_tiles(
        &self,
        key: &VerifierKey,
        trusted: &Trusted,
    ) -> Result<(VerifiedCheckpoint, u64), Stop> {
        let size = self.checkpoint.claimed().size;
        let verified =
            self.checkpoint.verify(key).map_err(|fault| Fault::Checkpoint { size, fault })?;
        let (mut tree, mut tiles, mut known) = (Tree::default(), Tiles::default(), 0_u64);
        let mut compare = |path: TilePath, made: &[Digest]| match path.kind() {
            // What the tree is made of was just fetched.
            TileKind::Entries | TileKind::Hashes { level: 0 } => Ok(()),
            TileKind::Hashes { .. } => {
                if self.tile(path)? == made {
                    Ok(())
                } else {
                    Err(Fault::Tile(path).into())
                }
            }
        };
        let leaves = tiles_for_growth(TreeSize(0), size)
            .filter(|path| path.kind() == TileKind::Hashes { level: 0 });
        for path in leaves {
            for leaf in self.tile(path)? {
                tree.push(leaf);
                tiles.push::<Stop>(leaf, &mut compare)?;
                known = known.saturating_add(trusted.compare(key, &tree)?);
            }
        }
        tiles.finish::<Stop>(&mut compare)?;
        if tree.root() != verified.root {
            let (made, signed) = (tree.root(), verified.root);
            let other = Fault::OtherRoot { size: tree.size(), made, signed, signed_size: size };
            return Err(other.into());
        }
        trusted.not_cut(key, size)?;
        Ok((verified, known))
    }

    /// The first entry.
    pub(crate) fn first_entry(&self) -> Result<Option<Vec<u8>>, Stop> {
        let page = self.page(TreeSize(0))?;
        Ok(entries_of(&page, TreeSize(0))?.first().map(|entry| entry.to_vec()))
    }

    /// Gives the entries up to the checkpoint, and the checkpoint, to the fold.
    pub(crate) fn drive(
        &self,
        fold: &mut Fold<'_>,
        progress: &mut Progress<'_>,
    ) -> Result<(), Stop> {
        let size = self.checkpoint.claimed().size;
        while fold.size() < size {
            let handed = fold.size();
            let page = self.page(handed)?;
            let entries = entries_of(&page, handed)?;
            if entries.is_empty() {
                return Err(Fault::Withheld { handed, size }.into());
            }
            for entry in entries {
                // What is newer than the checkpoint is the next audit's.
                if fold.size() == size {
                    break;
                }
                fold.entry(entry)?;
            }
            progress(fold.size().0, size.0);
        }
        fold.checkpoint(self.checkpoint.note().as_str().as_bytes())
    }

    fn page(&self, from: TreeSize) -> Result<Vec<u8>, Stop> {
        let token = self.token.as_ref().ok_or(CannotRead::NoToken)?;
        let url = format!("{}/v1/log/entries?from={from}", self.base);
        let page = fetch(&self.agent, &url, Some(token), PAGE_BYTES_MAX)?;
        Ok(page.ok_or(CannotRead::Status { url, status: 404 })?)
    }

    /// A tile; a partial one may be gone once the full one is there (c2sp.org/tlog-tiles).
    fn tile(&self, path: TilePath) -> Result<Vec<Digest>, Stop> {
        let url = |path: &TilePath| format!("{}/log/{path}", self.base);
        let partial = path.width() < TILE_WIDTH;
        if let Some(bytes) = fetch(&self.agent, &url(&path), None, TILE_BYTES_MAX)? {
            return Ok(decode_hashes(&bytes, path.width()).map_err(|_| Fault::Tile(path))?);
        }
        let gone = CannotRead::Status { url: url(&path), status: 404 };
        let whole = TilePath::new(path.kind(), path.index(), TILE_WIDTH).ok();
        let Some(whole) = whole.filter(|_| partial) else { return Err(gone.into()) };
        let bytes = fetch(&self.agent, &url(&whole), None, TILE_BYTES_MAX)?.ok_or(gone)?;
        let mut hashes = decode_hashes(&bytes, TILE_WIDTH).map_err(|_| Fault::Tile(whole))?;
        hashes.truncate(usize::from(path.width()));
        Ok(hashes)
    }
}

fn agent() -> Agent {
    Agent::config_builder()
        .timeout_global(Some(ANSWER_TIME_MAX))
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent("jichi-audit")
        .build()
        .into()
}

/// Whether what is sent there is not read on the way: TLS, or this machine itself.
fn keeps_secrets(base: &str) -> bool {
    let Some(rest) = base.strip_prefix("http://") else { return base.starts_with("https://") };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    // Before an @ stands a user, not a host.
    !host.contains('@') && matches!(name, "127.0.0.1" | "::1" | "localhost")
}

/// The body behind an address; none for 404.
fn fetch(
    agent: &Agent,
    url: &str,
    token: Option<&SecretString>,
    bytes_max: u64,
) -> Result<Option<Vec<u8>>, CannotRead> {
    let failed = |source| CannotRead::Http { url: url.to_owned(), source: Box::new(source) };
    let mut request = agent.get(url);
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {}", token.expose_secret()));
    }
    let mut response = request.call().map_err(failed)?;
    match response.status().as_u16() {
        200 => {}
        404 => return Ok(None),
        401 | 403 => return Err(CannotRead::TokenRefused),
        status => return Err(CannotRead::Status { url: url.to_owned(), status }),
    }
    let body = response.body_mut().with_config().limit(bytes_max.saturating_add(1));
    body.read_to_vec().map(Some).map_err(failed)
}

/// The entries of a page: each behind its length, four bytes, big end first.
fn entries_of(page: &[u8], from: TreeSize) -> Result<Vec<&[u8]>, Fault> {
    let mut entries = Vec::new();
    let mut rest = page;
    while !rest.is_empty() {
        let read = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        let wrong = Fault::NotEntries(TreeSize(from.0.saturating_add(read)));
        let Some((length, behind)) = rest.split_first_chunk::<4>() else { return Err(wrong) };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let cut = behind.split_at_checked(length).filter(|_| length <= ENTRY_BYTES_MAX);
        let Some((entry, behind)) = cut else { return Err(wrong) };
        entries.push(entry);
        rest = behind;
    }
    Ok(entries)
}
