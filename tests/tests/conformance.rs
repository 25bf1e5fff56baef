//! Readers of the log that are not ours: signed_note, tlog_tiles, and
//! `conformance/read_log.py` with pymerkle and cryptography. differences.toml says where they differ.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests; what panics here is a failed test"
)]

use std::{
    cell::RefCell,
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jichi_protocol::{
    digest::Digest,
    id::{EntryIndex, Generation},
    log::{
        checkpoint::{Checkpoint, Origin, SignedCheckpoint},
        note::{KeyKind, VerifierKey},
        proof::{ConsistencyProof, InclusionProof, Node},
        tile::{
            TileKind, TilePath, decode_hashes, encode_bundle, encode_hashes, node_from_tile,
            tiles_for_growth,
        },
        tree::{Tree, TreeSize, leaf_hash, node_hash},
    },
    signature::SigningKey,
};
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{Hash, HashReader as _, Tile, TileHashReader, TileReader};

const ENTRIES: u64 = 1000;

/// A log as its files: what a stranger can fetch.
struct Log {
    files: BTreeMap<String, Vec<u8>>,
    roots: Vec<Digest>,
    checkpoint: SignedCheckpoint,
    vkey: VerifierKey,
}

fn entry(index: u64) -> Vec<u8> {
    // Lengths from 0 to 60 bytes, so that bundles have borders everywhere.
    format!("entry {index} ").repeat(usize::try_from(index % 5).unwrap()).into_bytes()
}

/// Grows a log by steps, each of which writes the tiles that it must.
fn log() -> Log {
    let (mut tree, mut nodes, mut files) = (Tree::default(), BTreeMap::new(), BTreeMap::new());
    let mut roots = vec![tree.root()];
    for (old, new) in [(0, 3), (3, 300), (300, 512), (512, 999), (999, ENTRIES)] {
        for index in old..new {
            let leaf = leaf_hash(&entry(index));
            tree.push(leaf);
            roots.push(tree.root());
            keep_nodes(&mut nodes, index, leaf);
        }
        for path in tiles_for_growth(TreeSize(old), TreeSize(new)) {
            let bytes = match path.kind() {
                TileKind::Entries => {
                    let entries: Vec<_> = path.nodes().map(|node| entry(node.index)).collect();
                    encode_bundle(entries.iter().map(Vec::as_slice)).unwrap()
                }
                TileKind::Hashes { .. } => {
                    let hashes: Vec<_> = path.nodes().map(|node| nodes[&node]).collect();
                    encode_hashes(&hashes)
                }
            };
            files.insert(path.to_string(), bytes);
        }
    }
    let origin = Origin::of("102016".parse().unwrap(), Generation(1));
    let key = SigningKey::from_seed(&[7; 32]);
    let name = origin.key_name().clone();
    let vkey = VerifierKey { name, kind: KeyKind::Log, key: key.public() };
    let checkpoint = Checkpoint::of_tree(origin, &tree).sign(&key);
    files.insert("checkpoint".into(), checkpoint.to_string().into_bytes());
    Log { files, roots, checkpoint, vkey }
}

/// Keeps the hashes of all subtrees that a new leaf completes.
fn keep_nodes(nodes: &mut BTreeMap<Node, Digest>, index: u64, leaf: Digest) {
    let mut node = Node { level: 0, index };
    let mut hash = leaf;
    loop {
        nodes.insert(node, hash);
        if node.index & 1 == 0 {
            return;
        }
        let left = nodes[&Node { index: node.index ^ 1, ..node }];
        hash = node_hash(&left, &hash);
        node = Node { level: node.level.saturating_add(1), index: node.index >> 1 };
    }
}

impl Log {
    fn node(&self, node: Node, size: TreeSize) -> Option<Digest> {
        let path = TilePath::holding(node, size)?;
        let bytes = self.files.get(&path.to_string())?;
        node_from_tile(node, &decode_hashes(bytes, path.width()).ok()?)
    }

    fn root(&self, size: u64) -> Hash {
        Hash(self.roots[usize::try_from(size).unwrap()].0)
    }
}

fn hashes(ours: &[Digest]) -> Vec<Hash> {
    ours.iter().map(|hash| Hash(hash.0)).collect()
}

fn known(vkey: &VerifierKey) -> VerifierList {
    VerifierList::new(vec![Box::new(StandardVerifier::new(&vkey.to_string()).unwrap())])
}

#[test]
fn signed_note_verifies_our_checkpoint_and_refuses_every_flipped_byte() {
    let log = log();
    let bytes = log.checkpoint.to_string().into_bytes();
    let note = Note::from_bytes(&bytes).unwrap();
    let (verified, unverified) = note.verify(&known(&log.vkey)).unwrap();
    assert_eq!((verified.len(), unverified.len()), (1, 0));
    let read = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
    assert_eq!((read.origin(), read.size(), read.extension()), ("102016/log/1", ENTRIES, ""));
    assert_eq!(*read.hash(), log.root(ENTRIES));
    for place in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1;
        let theirs =
            Note::from_bytes(&flipped).is_ok_and(|note| note.verify(&known(&log.vkey)).is_ok());
        let ours = SignedCheckpoint::parse(&flipped)
            .is_ok_and(|checkpoint| checkpoint.verify(&log.vkey).is_ok());
        assert_eq!((theirs, ours), (false, false), "byte {place}");
    }
}

#[test]
fn we_verify_what_signed_note_signs() {
    let log = log();
    let seed = "PRIVATE+KEY+102016/log/1+";
    let vkey = log.vkey.to_string();
    let id = vkey.split('+').nth(1).unwrap();
    let key = [&[1_u8][..], &[7; 32]].concat();
    let skey = format!("{seed}{id}+{}", STANDARD.encode(key));
    let signer = signed_note::StandardSigner::new(&skey).unwrap();
    let mut note = Note::new(log.checkpoint.note().text().as_bytes(), &[]).unwrap();
    note.add_sigs(&[&signer]).unwrap();
    assert_eq!(note.to_bytes(), log.checkpoint.to_string().into_bytes());
}

#[test]
fn tlog_tiles_checks_our_inclusion_proofs() {
    let log = log();
    for size in [1, 3, 300, 512, 999, ENTRIES] {
        let source = |node| log.node(node, TreeSize(size));
        for index in 0..size {
            let proof = InclusionProof::of(EntryIndex(index), TreeSize(size), source).unwrap();
            let mut theirs = hashes(&proof.0);
            let leaf = tlog_tiles::record_hash(&entry(index));
            let check = |proof: &Vec<Hash>| {
                tlog_tiles::check_record(proof, size, log.root(size), index, leaf).is_ok()
            };
            assert!(check(&theirs), "{index} of {size}");
            if let Some(hash) = theirs.last_mut() {
                hash.0[31] ^= 1;
                assert!(!check(&theirs), "{index} of {size}");
            }
        }
    }
}

#[test]
fn tlog_tiles_checks_our_consistency_proofs() {
    let log = log();
    for new in [3, 300, 512, 999, ENTRIES] {
        let source = |node| log.node(node, TreeSize(new));
        for old in 1..=new {
            let proof = ConsistencyProof::of(TreeSize(old), TreeSize(new), source).unwrap();
            let mut theirs = hashes(&proof.0);
            let check = |proof: &Vec<Hash>| {
                tlog_tiles::check_tree(proof, new, log.root(new), old, log.root(old)).is_ok()
            };
            assert!(check(&theirs), "{old} of {new}");
            if let Some(hash) = theirs.first_mut() {
                hash.0[0] ^= 1;
                assert!(!check(&theirs), "{old} of {new}");
            }
        }
    }
}

/// Gives tlog_tiles our files. Its own paths are Go's; those of C2SP are made here.
struct Files<'l> {
    log: &'l Log,
    /// A file and byte to flip on the way.
    flip: Option<(String, usize)>,
    read: RefCell<Vec<String>>,
}

impl TileReader for Files<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let read = |tile: &Tile| {
            let kind = TileKind::Hashes { level: tile.level() };
            let width = u16::try_from(tile.width()).unwrap();
            let path = TilePath::new(kind, tile.level_index(), width).unwrap().to_string();
            assert_eq!(path.replacen("tile/", "tile/8/", 1), tile.path());
            let mut bytes =
                self.log.files.get(&path).ok_or(tlog_tiles::Error::InvalidTile)?.clone();
            if let Some((_, place)) = self.flip.iter().find(|(flipped, _)| *flipped == path) {
                bytes[*place] ^= 1;
            }
            self.read.borrow_mut().push(path);
            Ok(bytes)
        };
        tiles.iter().map(read).collect()
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

#[test]
fn tlog_tiles_reads_every_leaf_from_our_tiles_and_refuses_a_flipped_byte() {
    let log = log();
    let leaves = |files: &Files<'_>| {
        let reader = TileHashReader::new(ENTRIES, log.root(ENTRIES), files);
        let indexes: Vec<u64> =
            (0..ENTRIES).map(|index| tlog_tiles::stored_hash_index(0, index)).collect();
        reader.read_hashes(&indexes)
    };
    let mut files = Files { log: &log, flip: None, read: RefCell::default() };
    let expected: Vec<Hash> =
        (0..ENTRIES).map(|index| tlog_tiles::record_hash(&entry(index))).collect();
    assert!(leaves(&files).unwrap() == expected);
    let mut paths = files.read.take();
    paths.sort();
    paths.dedup();
    assert_eq!(
        paths,
        ["tile/0/000", "tile/0/001", "tile/0/002", "tile/0/003.p/232", "tile/1/000.p/3"]
    );
    // Full tiles it does not compare with their parents here (conformance/differences.toml);
    // the test after this one does, with its own functions.
    for path in ["tile/0/003.p/232", "tile/1/000.p/3"] {
        for place in 0..log.files[path].len() {
            files.flip = Some((path.into(), place));
            assert!(leaves(&files).is_err(), "{path} byte {place}");
        }
    }
}

#[test]
fn tlog_tiles_finds_every_full_tile_in_its_parent_and_no_flipped_byte() {
    let log = log();
    let parent = Tile::new(8, 1, 0, 3, false);
    for index in 0..3 {
        let path = TilePath::new(TileKind::Hashes { level: 0 }, index, 256).unwrap();
        let above = tlog_tiles::stored_hash_index(8, index);
        let expected = parent.hash_at_index(&log.files["tile/1/000.p/3"], above).unwrap();
        let bytes = &log.files[&path.to_string()];
        assert_eq!(Tile::subtree_hash(bytes), expected);
        for place in (0..bytes.len()).step_by(61) {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1;
            assert!(Tile::subtree_hash(&flipped) != expected, "{path} byte {place}");
        }
    }
}

/// Writes the log as a folder, as a stranger would fetch it.
fn export(log: &Log, name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    for (path, bytes) in &log.files {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
    fs::write(folder.with_extension("vkey"), log.vkey.to_string()).unwrap();
    folder
}

#[test]
fn an_exported_log_reads_back() {
    let folder = export(&log(), "conformance-log");
    let read = SignedCheckpoint::parse(&fs::read(folder.join("checkpoint")).unwrap()).unwrap();
    let vkey = fs::read_to_string(folder.with_extension("vkey")).unwrap();
    assert_eq!(read.verify(&vkey.parse().unwrap()).unwrap().size, TreeSize(ENTRIES));
    assert!(folder.join("tile/entries/003.p/232").is_file());
}

#[test]
fn the_python_reader_accepts_an_exported_log_and_refuses_a_flipped_byte_in_any_file() {
    let Some(python) = env::var_os("JICHI_PYTHON") else {
        eprintln!("not run without JICHI_PYTHON; tests/run --only conformance sets it");
        return;
    };
    let log = log();
    let folder = export(&log, "conformance-flipped");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/read_log.py");
    let read = || {
        let mut command = Command::new(&python);
        command.arg("-B").arg(&script).arg(&folder).arg(log.vkey.to_string());
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let root = log.checkpoint.claimed().root;
    assert_eq!(read(), (Some(0), format!("ok {ENTRIES} {root}\n")));
    for (path, bytes) in &log.files {
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 2] ^= 1;
        fs::write(folder.join(path), flipped).unwrap();
        assert_eq!(read(), (Some(1), String::new()), "{path}");
        fs::write(folder.join(path), bytes).unwrap();
    }
    assert_eq!(read().0, Some(0));
}

#[test]
fn python_and_openssl_tell_a_genuine_ticket_from_a_changed_one() {
    use jichi_protocol::{
        id::TicketNumber,
        points::Points,
        ticket::{SignedTicket, TicketFace},
    };
    let Some(python) = env::var_os("JICHI_PYTHON") else {
        eprintln!("not run without JICHI_PYTHON; tests/run --only conformance sets it");
        return;
    };
    let key = SigningKey::from_seed(&[4; 32]);
    let (town, last_day) = ("131164".parse().unwrap(), "2026-09-01".parse().unwrap());
    let (number, points) = (TicketNumber(1_234), Points::from_u32(500));
    let genuine = SignedTicket::sign(TicketFace { town, number, points, last_day }, &key);
    let mut changed = genuine;
    changed.face.points = Points::from_u32(50_000);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/read_ticket.py");
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    for (ticket, fits) in [(genuine, true), (changed, false)] {
        let mut command = Command::new(&python);
        command.arg("-B").arg(&script).arg(key.public().to_string()).arg(ticket.text());
        let output = command.arg(folder.path()).output().unwrap();
        assert_eq!(output.status.success(), fits);
        let said = if fits { "131164 1234 500 2026-09-01\n" } else { "" };
        assert_eq!(String::from_utf8(output.stdout).unwrap(), said);
        let openssl = Command::new("openssl")
            .args(["pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey"])
            .arg(place("key.der"))
            .args(["-in".as_ref(), place("message").as_os_str()])
            .args(["-sigfile".as_ref(), place("signature").as_os_str()])
            .output();
        assert_eq!(openssl.unwrap().status.success(), fits, "openssl");
    }
}
