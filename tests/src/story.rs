//! The world of a story: real nodes with a clock that the story sets, people, shops and what was
//! last answered.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, anyhow, bail, ensure};
use jichi::{
    client::{Ahead, Client, Reply, Terminal, new_signing_key},
    world::{Node, TownSpec, World},
};
use jichi_node::clock;
use jichi_protocol::{
    date::BusinessDate,
    id::{MerchantId, PaymentId, TerminalId},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::town::jichi_program;

/// The password of everybody in a story.
pub const PASSWORD: &str = "resident-password-1";

/// The towns that stories play in.
const TOWNS: &[TownSpec] = &[
    TownSpec { code: "102016", ja: "前橋市", en: "Maebashi" },
    TownSpec { code: "141500", ja: "相模原市", en: "Sagamihara" },
    TownSpec { code: "242012", ja: "津市", en: "Tsu" },
    TownSpec { code: "452025", ja: "都城市", en: "Miyakonojo" },
    TownSpec { code: "272132", ja: "泉佐野市", en: "Izumisano" },
    TownSpec { code: "432067", ja: "玉名市", en: "Tamana" },
    TownSpec { code: "382019", ja: "松山市", en: "Matsuyama" },
    TownSpec { code: "131164", ja: "豊島区", en: "Toshima" },
    TownSpec { code: "292044", ja: "天理市", en: "Tenri" },
    TownSpec { code: "262064", ja: "亀岡市", en: "Kameoka" },
    TownSpec { code: "282243", ja: "南あわじ市", en: "Minamiawaji" },
    TownSpec { code: "112038", ja: "川口市", en: "Kawaguchi" },
    TownSpec { code: "092096", ja: "真岡市", en: "Moka" },
];

/// A holder of an account, by the name that the story uses.
#[derive(Debug, Clone)]
pub struct Holder {
    /// The town of the account.
    pub town: String,
    /// The account's pseudonym.
    pub account: String,
    /// The MyKey ID.
    pub mykey: String,
}

/// A shop with one terminal.
pub struct Shop {
    /// The town of the shop.
    pub town: String,
    /// Its number.
    pub merchant: MerchantId,
    /// Its terminal.
    pub till: Terminal,
}

/// Everything that a story has made so far.
pub struct Story {
    /// The nodes, once they run.
    pub world: Option<World>,
    /// How far the story's clock is ahead of this machine's.
    pub ahead: Ahead,
    /// By name.
    pub people: BTreeMap<String, Holder>,
    /// By name.
    pub shops: BTreeMap<String, Shop>,
    /// Payments, by person and shop; the newest counts.
    pub payments: BTreeMap<(String, String), PaymentId>,
    /// What areas note for their own later steps, by words of their own.
    pub notes: BTreeMap<String, Value>,
    /// The last answer that nobody has looked at yet.
    pending: Option<Reply>,
    offset: PathBuf,
    program: PathBuf,
    // Removed when the nodes are gone, so it is the last field.
    folder: TempDir,
}

impl Drop for Story {
    /// A story that broke off shows what its nodes said last.
    fn drop(&mut self) {
        for node in self.world.iter().flat_map(|world| &world.towns) {
            if node.pid().is_some() {
                eprintln!("{}: {}", node.dir.display(), node.last_messages());
            }
        }
    }
}

impl Story {
    /// A story in which nothing has happened; its clock is this machine's.
    ///
    /// # Errors
    /// When libfaketime is missing: `tests/run` installs it.
    pub fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let offset = folder.path().join("offset");
        fs::write(&offset, "+0")?;
        let program = program_with_clock(&offset)?;
        Ok(Self {
            world: None,
            ahead: Ahead::default(),
            people: BTreeMap::new(),
            shops: BTreeMap::new(),
            payments: BTreeMap::new(),
            notes: BTreeMap::new(),
            pending: None,
            offset,
            program,
            folder,
        })
    }

    /// Sets the clock to ten in the morning of a day, in Japan. Nodes that run are stopped before,
    /// started after, and told by an operator with NTP that the clock is right.
    ///
    /// # Errors
    /// When a node does not start.
    pub fn turn_to(&mut self, day: BusinessDate) -> anyhow::Result<()> {
        self.turn_to_time(day, 10 * 60)
    }

    /// The same, to so many minutes past midnight.
    ///
    /// # Errors
    /// When a node does not start.
    pub fn turn_to_time(&mut self, day: BusinessDate, minutes: u32) -> anyhow::Result<()> {
        self.settle()?;
        if let Some(world) = &mut self.world {
            world.stop()?;
        }
        let wanted = day.start().later_by_ms(u64::from(minutes) * 60_000);
        // The nodes' clocks are set in whole seconds.
        let ms = i64::try_from(wanted.0)?.saturating_sub(i64::try_from(clock::now().0)?);
        let seconds = ms / 1000;
        self.ahead.set(seconds.saturating_mul(1000));
        fs::write(&self.offset, format!("{seconds:+}"))?;
        let Some(world) = &mut self.world else { return Ok(()) };
        world.publish_directory(&world.nodes().collect::<Vec<_>>())?;
        world.start()?;
        for node in &world.towns {
            let words = json!({"ntp": "synchronised"});
            let reply = node.officer("approver")?.post("/v1/clock/confirmations", None, &words)?;
            ensure!(reply.status == 204, "the clock was not confirmed: {reply:?}");
        }
        Ok(())
    }

    /// Makes the nodes of these towns and a coordinator, and starts them.
    ///
    /// # Errors
    /// When one does not start.
    pub fn start(&mut self, names: &[&str]) -> anyhow::Result<()> {
        let spec = |name: &&str| {
            let known = TOWNS.iter().find(|town| town.ja == *name);
            known.copied().ok_or_else(|| anyhow!("no town is called {name}"))
        };
        let specs = names.iter().map(spec).collect::<anyhow::Result<Vec<_>>>()?;
        let mut world = World::make_at(self.folder.path(), &self.program, &specs, &self.ahead)?;
        world.start()?;
        self.world = Some(world);
        Ok(())
    }

    /// The running federation.
    ///
    /// # Errors
    /// When no node was started.
    pub fn world(&self) -> anyhow::Result<&World> {
        self.world.as_ref().context("no node runs yet")
    }

    /// A town's node.
    ///
    /// # Errors
    /// When it was not started.
    pub fn node(&self, town: &str) -> anyhow::Result<&Node> {
        let code = code_of(town)?;
        let mut towns = self.world()?.towns.iter();
        towns
            .find(|node| node.town.is_some_and(|id| id.as_str() == code))
            .with_context(|| format!("the node of {town} was not started"))
    }

    /// A town's node, to stop, kill and start it.
    ///
    /// # Errors
    /// When it was not started.
    pub fn node_mut(&mut self, town: &str) -> anyhow::Result<&mut Node> {
        let code = code_of(town)?;
        let world = self.world.as_mut().context("no node runs yet")?;
        let mut towns = world.towns.iter_mut();
        towns
            .find(|node| node.town.is_some_and(|id| id.as_str() == code))
            .with_context(|| format!("the node of {town} was not started"))
    }

    /// An officer of a town, signed in: `maker` or `approver`.
    ///
    /// # Errors
    /// When the node does not answer.
    pub fn officer(&self, town: &str, login: &str) -> anyhow::Result<Client> {
        self.node(town)?.officer(login)
    }

    /// A holder.
    ///
    /// # Errors
    /// When the story has opened no such account.
    pub fn holder(&self, name: &str) -> anyhow::Result<&Holder> {
        self.people.get(name).with_context(|| format!("{name} has no account in this story"))
    }

    /// A holder, signed in anew.
    ///
    /// # Errors
    /// When the node refuses.
    pub fn signed_in(&self, name: &str) -> anyhow::Result<Client> {
        let holder = self.holder(name)?;
        let node = self.node(&holder.town)?;
        let body = json!({"mykey_id": holder.mykey, "password": PASSWORD});
        let session = node.public().post("/v1/sessions", None, &body)?.ok()?;
        Ok(node.public().with_token(text(&session, "token")))
    }

    /// A shop.
    ///
    /// # Errors
    /// When the story has none of this name.
    pub fn shop(&self, name: &str) -> anyhow::Result<&Shop> {
        self.shops.get(name).with_context(|| format!("no shop is called {name}"))
    }

    /// Registers a shop with one terminal, under the next number.
    ///
    /// # Errors
    /// When the node refuses.
    pub fn add_shop(&mut self, town: &str, name: &str) -> anyhow::Result<()> {
        let number = u32::try_from(self.shops.len())?.saturating_add(1);
        let maker = self.officer(town, "maker")?;
        let shop = json!({"merchant": number, "name": name, "state": "active"});
        maker.command("/v1/merchants", &shop)?;
        let till = self.add_terminal(town, number)?;
        let shop = Shop { town: town.to_owned(), merchant: MerchantId(number), till };
        self.shops.insert(name.to_owned(), shop);
        Ok(())
    }

    /// Registers a terminal for a shop's number, under the same number.
    ///
    /// # Errors
    /// When the node refuses.
    pub fn add_terminal(&self, town: &str, number: u32) -> anyhow::Result<Terminal> {
        let node = self.node(town)?;
        let key = new_signing_key()?;
        let terminal = json!({"terminal": number, "merchant": number, "state": "active",
            "public_key": key.public().to_string()});
        node.officer("maker")?.command("/v1/terminals", &terminal)?;
        Ok(Terminal {
            client: node.terminals(),
            town: node.town.context("a town")?,
            merchant: MerchantId(number),
            terminal: TerminalId(number),
            key,
        })
    }

    /// Keeps an answer. The next sentence says that it was a refusal, or it has to be a success.
    ///
    /// # Errors
    /// When an earlier answer was a refusal that no sentence spoke of.
    pub fn answered(&mut self, reply: Reply) -> anyhow::Result<()> {
        self.settle()?;
        self.pending = Some(reply);
        Ok(())
    }

    /// The body of the last answer, which must be a success.
    ///
    /// # Errors
    /// When it was a refusal, or there is none.
    pub fn done(&mut self) -> anyhow::Result<Value> {
        self.pending.take().context("nothing was asked")?.ok()
    }

    /// The code of the last answer, which must be a refusal.
    ///
    /// # Errors
    /// When it was a success, or there is none.
    pub fn refused(&mut self) -> anyhow::Result<Reply> {
        let reply = self.pending.take().context("nothing was asked")?;
        ensure!(reply.status >= 400, "it was done, and should have been refused: {}", reply.body);
        Ok(reply)
    }

    /// Fails if the last answer was a refusal that no sentence spoke of.
    ///
    /// # Errors
    /// That refusal.
    pub fn settle(&mut self) -> anyhow::Result<()> {
        match self.pending.take() {
            Some(reply) => reply.ok().map(|_| ()),
            None => Ok(()),
        }
    }

    /// A file of the repository.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn file(path: &str) -> anyhow::Result<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        fs::read_to_string(root.join(path)).with_context(|| path.to_owned())
    }

    /// A folder of the story's own, for files that it makes.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs `jichi` with the story's clock; what it printed comes back.
    ///
    /// # Errors
    /// When it does not end with 0.
    pub fn jichi(&self, args: &[&str]) -> anyhow::Result<String> {
        let ran = Command::new(&self.program)
            .args(args)
            .env("JICHI_PASSWORD", jichi::world::OFFICER_PASSWORD)
            .output()?;
        let text = String::from_utf8_lossy(&ran.stdout).into_owned();
        let said = String::from_utf8_lossy(&ran.stderr);
        ensure!(ran.status.success(), "jichi {}: {text}{said}", args.join(" "));
        Ok(text)
    }

    /// The end of a story: every node is stopped, its log is audited, and the export of it
    /// balances in hledger.
    ///
    /// # Errors
    /// What is not as it should be.
    pub fn end(&mut self) -> anyhow::Result<()> {
        self.settle()?;
        let Some(world) = &mut self.world else { return Ok(()) };
        world.stop()?;
        let folders: Vec<PathBuf> = world.towns.iter().map(Node::data).collect();
        for folder in folders {
            let folder = folder.to_str().context("a path in UTF-8")?;
            self.jichi(&["audit", "verify", folder])?;
            let export = self.jichi(&["audit", "export", "--format", "hledger", folder])?;
            balances(&self.folder.path().join("export.journal"), &export)?;
        }
        Ok(())
    }
}

/// Whether hledger, which is not ours, finds that an export balances.
fn balances(path: &Path, export: &str) -> anyhow::Result<()> {
    fs::write(path, export)?;
    let run = |args: &[&str]| -> anyhow::Result<String> {
        let ran = Command::new("hledger").arg("-f").arg(path).args(args).output();
        let ran = ran.context("hledger is missing; tests/run installs it")?;
        ensure!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
    };
    run(&["--strict", "check"])?;
    let total = run(&["balance", "--flat"])?;
    let total = total.lines().last().unwrap_or_default().trim();
    if total == "0" { Ok(()) } else { bail!("hledger's balance is '{total}', not 0") }
}

fn code_of(town: &str) -> anyhow::Result<&'static str> {
    let known = TOWNS.iter().find(|known| known.ja == town);
    known.map(|known| known.code).ok_or_else(|| anyhow!("no town is called {town}"))
}

/// A text field of an answer.
#[must_use]
pub fn text(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A `jichi` whose wall clock is off by what the file says; its monotonic clock is left alone.
///
/// # Errors
/// When libfaketime is missing.
pub fn program_with_clock(offset: &Path) -> anyhow::Result<PathBuf> {
    let folders = fs::read_dir("/usr/lib")?;
    let library = |folder: fs::DirEntry| folder.path().join("faketime/libfaketimeMT.so.1");
    let library = folders.flatten().map(library).find(|library| library.is_file());
    let library = library.context("libfaketime is missing: apt-get install faketime")?;
    let script = offset.with_file_name("jichi-with-the-storys-clock");
    let text = format!(
        "#!/bin/sh\nexec env LD_PRELOAD='{}' FAKETIME_TIMESTAMP_FILE='{}' FAKETIME_NO_CACHE=1 \
         FAKETIME_DONT_FAKE_MONOTONIC=1 '{}' \"$@\"\n",
        library.display(),
        offset.display(),
        jichi_program().display()
    );
    fs::write(&script, text)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700))?;
    Ok(script)
}
