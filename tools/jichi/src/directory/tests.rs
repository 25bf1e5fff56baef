//! The directory's life at its author's desk, through the command line's own arguments.

use clap::Parser as _;
use jichi_protocol::directory::{DirectoryVersion, VALID_MS_MAX};

use super::*;

const NOW: Time = Time(1_760_000_000_000);

#[derive(Debug, clap::Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

struct Desk {
    root: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Runs a line; `@name` stands for a path of this desk.
    fn run_at(&self, now: Time, line: &str) -> Result<ExitCode, AuthorFault> {
        let words = line.split_whitespace().map(|word| match word.strip_prefix('@') {
            Some(name) => self.path(name).display().to_string(),
            None => word.to_owned(),
        });
        let line = Line::try_parse_from(["directory".to_owned()].into_iter().chain(words));
        execute(line.unwrap().args.command, now)
    }

    fn run(&self, line: &str) -> Result<ExitCode, AuthorFault> {
        self.run_at(NOW, line)
    }

    fn edition(&self) -> Edition {
        Author::open(&self.path("dir")).unwrap().edition().unwrap().clone()
    }

    fn version(&self) -> DirectoryVersion {
        self.edition().directory().version()
    }

    /// A key file of this name; its public key.
    fn key(&self, name: &str) -> PublicKey {
        let path = self.path(name);
        SigningKey::from_seed(&keyfile::read_or_create(&path).unwrap()).public()
    }

    fn peer_id(&self, name: &str) -> String {
        let seed = keyfile::read_or_create(&self.path(name)).unwrap();
        keyfile::peer_id_text(&keyfile::peer_id_of(&seed))
    }

    /// The line that adds a town with keys of its own.
    fn adds(&self, who: &str) -> String {
        let key = |what: &str| self.key(&format!("{who}-{what}"));
        format!(
            "set --folder @dir --who {who} --name-ja 前橋市 --name-en Town-{who} --log-key {} \
             --channel-key {} --transport {} --address /ip4/127.0.0.1/tcp/4001",
            key("log"),
            key("channel"),
            self.peer_id(&format!("{who}-transport")),
        )
    }

    fn begun() -> Self {
        let desk = Self::new();
        desk.run("new --folder @dir").unwrap();
        desk.run(&desk.adds("102016")).unwrap();
        desk.run(&desk.adds("coordinator")).unwrap();
        desk
    }

    fn verdict_at(&self, now: Time) -> Result<usize, &'static str> {
        let keys = ["root-1", "root-2", "root-3"].map(|name| self.key(name));
        verdict(&self.edition(), &DirectoryRoot::new(keys.to_vec(), 2).unwrap(), now)
    }
}

#[test]
fn a_directory_is_begun_filled_signed_and_verified() {
    let desk = Desk::begun();
    assert_eq!(desk.version(), DirectoryVersion(1), "nobody signed, so nothing is out");
    assert_eq!(desk.edition().directory().members().len(), 2);
    let keys = ["root-1", "root-2", "root-3"].map(|name| desk.key(name).to_string()).join(" ");
    let verify = format!("verify --folder @dir --threshold 2 --root {keys}");
    assert_eq!(desk.run(&verify).unwrap(), ExitCode::from(FAILED));
    desk.run("sign --folder @dir --key @root-3").unwrap();
    assert_eq!(desk.run(&verify).unwrap(), ExitCode::from(FAILED));
    desk.run("sign --folder @dir --key @root-1").unwrap();
    assert_eq!(desk.run(&verify).unwrap(), ExitCode::SUCCESS);
    assert_eq!(desk.verdict_at(NOW), Ok(2));
    assert!(desk.run("show --folder @dir").is_ok());
}

#[test]
fn signing_twice_with_one_key_counts_once() {
    let desk = Desk::begun();
    desk.run("sign --folder @dir --key @coordinator-log").unwrap();
    desk.key("root-1");
    desk.run("sign --folder @dir --key @root-1").unwrap();
    desk.run("sign --folder @dir --key @root-1").unwrap();
    assert_eq!(desk.edition().statement().signed_by().count(), 2);
    assert_eq!(desk.verdict_at(NOW), Err("too few of the root keys signed"));
}

#[test]
fn the_version_moves_on_once_after_each_signed_one() {
    let desk = Desk::begun();
    desk.key("root-1");
    desk.run("sign --folder @dir --key @root-1").unwrap();
    desk.run("set --folder @dir --who 102016 --name-en Renamed").unwrap();
    assert_eq!(desk.version(), DirectoryVersion(2));
    assert_eq!(desk.edition().statement().signed_by().count(), 0, "to be signed again");
    desk.run("remove --folder @dir --who coordinator").unwrap();
    assert_eq!(desk.version(), DirectoryVersion(2));
    desk.run("sign --folder @dir --key @root-1").unwrap();
    desk.run("renew --folder @dir").unwrap();
    assert_eq!(desk.version(), DirectoryVersion(3));
}

#[test]
fn set_changes_only_what_is_given() {
    let desk = Desk::begun();
    let who: Party = "102016".parse().unwrap();
    let before = desk.edition().directory().member(who).unwrap().clone();
    desk.run(
        "set --folder @dir --who 102016 --generation 2 --address /dns/a/tcp/1 --address \
         /dns/b/tcp/1 --protocol-version 1 --protocol-version 2",
    )
    .unwrap();
    let after = desk.edition().directory().member(who).unwrap().clone();
    assert_eq!(after.generation, Generation(2));
    assert_eq!(after.addresses.len(), 2);
    assert_eq!(*after.versions, [1, 2]);
    let addresses = before.addresses.clone();
    let same =
        Member { generation: Generation(1), addresses, versions: before.versions.clone(), ..after };
    assert_eq!(same, before);
}

#[test]
fn renewing_moves_the_validity_and_can_begin_the_history_anew() {
    let desk = Desk::begun();
    let members = desk.edition().directory().members().to_vec();
    let (late, past) = (NOW.later_by_ms(VALID_MS_MAX), NOW.later_by_ms(VALID_MS_MAX + 1));
    for key in ["root-1", "root-2"] {
        desk.key(key);
        desk.run(&format!("sign --folder @dir --key @{key}")).unwrap();
    }
    assert_eq!(desk.verdict_at(late), Ok(2));
    assert!(desk.verdict_at(past).unwrap_err().contains("renew"));
    assert!(desk.verdict_at(Time(NOW.0 - 3_600_000)).unwrap_err().contains("clock"));
    desk.run_at(past, "renew --folder @dir").unwrap();
    let long = desk.edition().history().len();
    desk.run_at(past, "renew --folder @dir --anew").unwrap();
    assert!(desk.edition().history().len() < long);
    assert_eq!(desk.edition().directory().members(), members);
    assert_eq!(desk.edition().directory().valid_until(), past.later_by_ms(VALID_MS_MAX));
}

#[test]
fn what_cannot_be_done_says_what_to_do() {
    let desk = Desk::begun();
    let refused = |line: &str| desk.run(line).unwrap_err();
    assert!(matches!(refused("new --folder @dir"), AuthorFault::Exists));
    assert!(matches!(refused("show --folder @other"), AuthorFault::Nothing));
    assert!(!desk.path("other").exists(), "asking makes nothing");
    assert!(matches!(refused("remove --folder @dir --who 102024"), AuthorFault::NoMember(_)));
    let lacks = refused("set --folder @dir --who 102024 --name-ja 高崎市");
    assert_eq!(lacks.to_string(), "a new member needs --name-en");
    let shared = desk.adds("102016").replace("--who 102016", "--who 102024");
    assert!(matches!(refused(&shared), AuthorFault::Directory(_)));
    let twice = "set --folder @dir --who 102016 --protocol-version 1 --protocol-version 1";
    assert!(matches!(refused(twice), AuthorFault::Member(_)));
    let key = desk.key("root-1");
    let root = format!("verify --folder @dir --threshold 2 --root {key}");
    assert!(matches!(refused(&root), AuthorFault::Root(_)));
    let missing = refused("sign --folder @dir --key @nowhere");
    assert_eq!(exit_code(&missing), UNREACHED);
    assert_eq!(desk.version(), DirectoryVersion(1));
    assert_eq!(desk.edition().directory().members().len(), 2);
}

#[test]
fn a_key_is_made_once() {
    let desk = Desk::new();
    desk.run("keygen --out @a.key").unwrap();
    let key = desk.key("a.key");
    assert!(matches!(desk.run("keygen --out @a.key"), Err(AuthorFault::Key(_))));
    assert_eq!(desk.key("a.key"), key);
}

#[test]
fn the_demos_way_publishes_one_version_after_the_other() {
    let desk = Desk::begun();
    let members = desk.edition().directory().members().to_vec();
    let folder = desk.path("published");
    let seed = keyfile::read_or_create(&desk.path("root-1")).unwrap();
    let key = SigningKey::from_seed(&seed);
    let root = DirectoryRoot::new(vec![key.public()], 1).unwrap();
    for (version, count) in [(1, 2), (2, 1), (3, 1)] {
        let members = members.iter().take(count).cloned().collect();
        let signed = author::publish(&folder, NOW, members, &[&key]).unwrap();
        assert_eq!(signed.verify(&root), Ok(vec![key.public()]));
        assert_eq!(signed.statement().version, DirectoryVersion(version));
        let edition = Author::open(&folder).unwrap().edition().unwrap().clone();
        assert_eq!(edition.statement(), &signed);
        assert_eq!(edition.directory().members().len(), count);
    }
}

#[test]
fn edits_of_two_holders_who_were_offline_are_merged_before_they_sign() {
    let desk = Desk::begun();
    desk.key("root-a");
    desk.run("sign --folder @dir --key @root-a").unwrap();
    let first = desk.version();
    std::fs::create_dir(desk.path("train")).unwrap();
    for file in std::fs::read_dir(desk.path("dir")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), desk.path("train").join(file.file_name())).unwrap();
    }
    desk.run("set --folder @dir --who 102016 --name-en Renamed").unwrap();
    desk.run(&desk.adds("102024").replace("@dir", "@train")).unwrap();
    desk.run("merge --folder @dir --with @train").unwrap();
    let merged = desk.edition();
    assert_eq!(merged.directory().version(), first.next());
    assert_eq!(merged.statement().signed_by().count(), 0, "nobody signed the result yet");
    let name = |who: &str| {
        let member = merged.directory().member(who.parse().unwrap()).unwrap();
        member.name_en.to_string()
    };
    assert_eq!((name("102016").as_str(), name("102024").as_str()), ("Renamed", "Town-102024"));
    // The other way round it says the same.
    desk.run("merge --folder @train --with @dir").unwrap();
    let other = Author::open(&desk.path("train")).unwrap();
    assert_eq!(other.edition().unwrap().directory().members(), merged.directory().members());
    desk.run("sign --folder @dir --key @root-a").unwrap();
    // A directory that was begun anew has nothing in common with the copy.
    desk.run("renew --folder @dir --anew").unwrap();
    let refused = desk.run("merge --folder @dir --with @train");
    assert!(matches!(refused, Err(AuthorFault::OtherPast)), "{refused:?}");
}
