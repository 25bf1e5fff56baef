//! Audits over HTTP, of a server that answers as a node does.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use secrecy::SecretString;

use super::{
    super::{export::tiles::export_tiles, report::Scope},
    *,
};

const TOKEN: &str = "an-auditors-token";

/// What a node shows.
struct Shown {
    /// `checkpoint` and tiles.
    tiles: TempDir,
    entries: Vec<Vec<u8>>,
}

/// A server on this machine.
struct Server {
    place: Place,
    shown: Arc<Mutex<Shown>>,
}

impl Server {
    fn of(town: &Town) -> Self {
        let tiles = TempDir::new().unwrap();
        let trusted = trusting(TOWN);
        let terms = Terms { trusted: &trusted, token: None, now: NOW };
        export_tiles(&town.place(), &terms, tiles.path(), &mut |_, _| {}).unwrap();
        let shown = Arc::new(Mutex::new(Shown { tiles, entries: town.entries() }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = Place::Node(format!("http://{}", listener.local_addr().unwrap()));
        let serve = Arc::clone(&shown);
        // Ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                answer(stream, &serve.lock().unwrap_or_else(PoisonError::into_inner));
            }
        });
        Self { place, shown }
    }

    fn audit(&self, keys: Vec<VerifierKey>, token: Option<&str>) -> Result<Report, CannotRead> {
        let trusted = Trusted { keys, checkpoints: Vec::new() };
        let token = token.map(SecretString::from);
        let terms = Terms { trusted: &trusted, token: token.as_ref(), now: NOW };
        verify(&self.place, &terms, &mut |_| Ok(()), &mut |_, _| {}).map(|audited| audited.report)
    }

    fn change(&self, change: impl FnOnce(&mut Shown)) {
        change(&mut self.shown.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn answer(mut stream: TcpStream, shown: &Shown) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    let Some(path) = head.first().and_then(|line| line.split(' ').nth(1)) else { return };
    let signed_in = head.iter().any(|line| {
        line.split_once(": ").is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("authorization") && value == format!("Bearer {TOKEN}")
        })
    });
    let body = match path.split_once("?from=") {
        Some(("/v1/log/entries", _)) if !signed_in => Err(401),
        Some(("/v1/log/entries", from)) => Ok(page(shown, from.parse().unwrap())),
        Some(_) => Err(404),
        None => {
            fs::read(shown.tiles.path().join(path.trim_start_matches("/log/"))).map_err(|_| 404)
        }
    };
    let (status, body) = body.map_or_else(|status| (status, Vec::new()), |body| (200, body));
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} -\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).unwrap();
}

/// Three entries a page, each behind its length.
fn page(shown: &Shown, from: usize) -> Vec<u8> {
    let entries = shown.entries.iter().skip(from).take(3);
    let framed = entries
        .flat_map(|entry| [&u32::try_from(entry.len()).unwrap().to_be_bytes()[..], entry].concat());
    framed.collect()
}

#[test]
fn who_signed_in_checks_every_entry_and_the_tiles() {
    let town = Town::with_a_payment(TOWN);
    let server = Server::of(&town);
    let report = server.audit(vec![vkey(TOWN)], Some(TOKEN)).unwrap();
    assert!(report.sound(), "{}", report.text());
    assert_eq!(report.scope, Scope::Entries);
    assert_eq!(usize::try_from(report.size.0), Ok(town.entries().len()));
    // What comes behind the checkpoint is left to the next audit.
    server.change(|shown| shown.entries.push(b"newer".to_vec()));
    assert!(server.audit(vec![vkey(TOWN)], Some(TOKEN)).unwrap().sound());
}

#[test]
fn everybody_checks_checkpoint_and_tiles() {
    let server = Server::of(&Town::with_a_payment(TOWN));
    let report = server.audit(vec![vkey(TOWN)], None).unwrap();
    assert!(report.sound(), "{}", report.text());
    assert_eq!(report.scope, Scope::Tiles);
    assert!(report.text().contains("Only the checkpoint and the hash tiles were checked"));
    assert!(matches!(server.audit(Vec::new(), None), Err(CannotRead::NeedsKey)));
}

#[test]
fn an_earlier_checkpoint_is_compared_with_the_tiles_too() {
    let server = Server::of(&Town::with_a_payment(TOWN));
    let mut tree = Tree::default();
    for (leaf, sound) in [(&b"another opening"[..], false), (b"", true)] {
        tree.push(leaf_hash(leaf));
        let town = if sound { OTHER_TOWN } else { TOWN };
        let known = Checkpoint::of_tree(origin(town), &tree).sign(&log_key(town));
        let trusted = Trusted { keys: vec![vkey(TOWN)], checkpoints: vec![known] };
        assert_eq!(audit_with(&server.place, &trusted).sound(), sound);
    }
}

#[test]
fn a_changed_tile_and_another_key_are_found() {
    let town = Town::with_a_payment(TOWN);
    let server = Server::of(&town);
    let report = server.audit(vec![vkey(OTHER_TOWN)], None).unwrap();
    assert!(matches!(fault_of(&report), Fault::NoKey(_)), "{}", report.text());
    let tile = format!("tile/0/000.p/{}", town.entries().len());
    server.change(|shown| {
        let path = shown.tiles.path().join(&tile);
        let mut bytes = fs::read(&path).unwrap();
        bytes[40] ^= 1;
        fs::write(&path, bytes).unwrap();
    });
    for token in [None, Some(TOKEN)] {
        let report = server.audit(vec![vkey(TOWN)], token).unwrap();
        assert!(matches!(fault_of(&report), Fault::OtherRoot { .. }), "{}", report.text());
    }
}

#[test]
fn entries_that_are_held_back_are_told() {
    let server = Server::of(&Town::with_a_payment(TOWN));
    server.change(|shown| shown.entries.truncate(4));
    let report = server.audit(vec![vkey(TOWN)], Some(TOKEN)).unwrap();
    assert!(matches!(fault_of(&report), Fault::Withheld { .. }), "{}", report.text());
    assert_eq!(report.size.0, 4);
}

#[test]
fn a_refused_token_says_nothing_about_the_log() {
    let server = Server::of(&Town::with_a_payment(TOWN));
    let error = server.audit(vec![vkey(TOWN)], Some("another")).unwrap_err();
    assert!(matches!(error, CannotRead::TokenRefused), "{error}");
}

#[test]
fn a_token_is_not_sent_in_the_clear() {
    let trusted = Trusted::default();
    let token = SecretString::from(TOKEN);
    let terms = Terms { trusted: &trusted, token: Some(&token), now: NOW };
    for address in ["http://town.example", "http://127.0.0.1.town.example", "http://localhost:1@x"]
    {
        let place = address.parse().unwrap();
        let error = verify(&place, &terms, &mut |_| Ok(()), &mut |_, _| {}).unwrap_err();
        assert!(matches!(error, CannotRead::PlainToken), "{address}: {error}");
    }
}
