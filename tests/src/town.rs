//! One furnished town as a process: a shop with a terminal, a programme, residents who have
//! points and have shown who they are.

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use anyhow::{Context as _, anyhow, bail, ensure};
use jichi::{
    client::{Client, Reply, Terminal, new_key},
    world::{MAEBASHI, Node, OFFICER_PASSWORD, World},
};
use jichi_node::clock;
use jichi_protocol::{
    id::{MerchantId, PaymentId, TerminalId, TownId},
    intent::{RefundIntent, VoidIntent},
    key::ClientKey,
    log::checkpoint::SignedCheckpoint,
    points::Points,
    signature::{Domain, SigningKey},
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The password of every resident here.
const PASSWORD: &str = "resident-password-1";

/// The `jichi` program: in the folder that `JICHI_BIN` names, else beside this test's own folder.
///
/// # Panics
/// When it is not there; the message says how to build it.
#[must_use]
pub fn jichi_program() -> PathBuf {
    let beside_tests = || {
        let test = env::current_exe().ok()?;
        Some(test.parent()?.parent()?.to_path_buf())
    };
    let folder = env::var_os("JICHI_BIN").map(PathBuf::from).or_else(beside_tests);
    let program = folder.unwrap_or_default().join("jichi");
    assert!(
        program.is_file(),
        "{} is missing: run `cargo build --bin jichi`, or name the folder with the programs in \
         JICHI_BIN",
        program.display()
    );
    program
}

/// A town and what the tests need to act in it.
pub struct Town {
    /// The federation; only its one town is ever started.
    pub world: World,
    /// The residents, each with points.
    pub people: Vec<Person>,
    till_seed: [u8; 32],
    // Removed when the node is gone, so it is the last field.
    dir: TempDir,
}

/// A resident.
#[derive(Debug, Clone)]
pub struct Person {
    /// The MyKey ID.
    pub mykey: String,
}

/// What a resident has at hand while the node runs: a restart ends both.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The public listener, signed in.
    pub client: Client,
    /// The proof for payments at the till.
    pub proof: String,
}

/// A request that can be sent again as it is.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its key.
    pub key: ClientKey,
    /// Its path.
    pub path: &'static str,
    /// Its body.
    pub body: Value,
}

impl Request {
    /// Sends it.
    ///
    /// # Errors
    /// When no whole answer comes back.
    pub fn send(&self, client: &Client) -> anyhow::Result<Reply> {
        client.post(self.path, Some(&self.key), &self.body)
    }
}

impl Town {
    /// Makes, starts and furnishes a town with so many residents, each with so many points.
    ///
    /// # Errors
    /// When the node does not start or refuses something.
    pub fn furnished(residents: u32, points: u32) -> anyhow::Result<Self> {
        Self::furnished_by(&jichi_program(), residents, points, &|_| Ok(()))
    }

    /// The same with another program in the place of `jichi`, and something done to the town's
    /// folder between making and starting it.
    ///
    /// # Errors
    /// As [`Town::furnished`].
    pub fn furnished_by(
        program: &Path,
        residents: u32,
        points: u32,
        before_start: &dyn Fn(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let dir = TempDir::new()?;
        let world = World::make(dir.path(), program, &[MAEBASHI])?;
        let mut till_seed = [0_u8; 32];
        getrandom::fill(&mut till_seed).map_err(|error| anyhow!("{error}"))?;
        let mut town = Self { world, people: Vec::new(), till_seed, dir };
        before_start(&town.node().dir)?;
        town.node_mut().start()?;
        town.furnish()?;
        for number in 0..residents {
            let person = town.open_account(&format!("前橋 住民{number}"))?;
            if points > 0 {
                let grant = town.grant(&person, points)?;
                grant.send(&town.maker()?)?.ok()?;
            }
            town.people.push(person);
        }
        Ok(town)
    }

    /// The node.
    ///
    /// # Panics
    /// Never: there is one.
    #[must_use]
    #[expect(clippy::expect_used, reason = "World::make was asked for one town")]
    pub fn node(&self) -> &Node {
        self.world.towns.first().expect("one town")
    }

    /// The node, to start and stop it.
    ///
    /// # Panics
    /// Never: there is one.
    #[expect(clippy::expect_used, reason = "World::make was asked for one town")]
    pub fn node_mut(&mut self) -> &mut Node {
        self.world.towns.first_mut().expect("one town")
    }

    /// The folder of everything.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The officer who grants.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn maker(&self) -> anyhow::Result<Client> {
        self.node().officer("maker")
    }

    fn furnish(&self) -> anyhow::Result<()> {
        let (maker, approver) = (self.maker()?, self.node().officer("approver")?);
        let shop = json!({"merchant": 1, "name": "駅前物産館", "state": "active"});
        maker.command("/v1/merchants", &shop)?;
        let terminal = json!({"terminal": 1, "merchant": 1, "state": "active",
            "public_key": SigningKey::from_seed(&self.till_seed).public().to_string()});
        maker.command("/v1/terminals", &terminal)?;
        let programme = json!({"programme": 1, "name": "地域活動ポイント",
            "ceiling": 1_000_000_000, "from": "2020-01-01", "until": "2099-03-31",
            "audience": "residents", "cap": null, "expiry": {"fiscal_year_end": 1},
            "grace": "may", "issuer": "town", "paid": "no", "two_officers_above": 1_000_000});
        approver.command("/v1/programmes", &programme)?;
        // Limits that no test reaches: what is refused here is refused for want of points.
        let limit = json!({"payment": 1_000_000, "day": 1_000_000_000});
        let terms = json!({"grace_days": 14, "refund_days": 90, "unassigned_days": 14,
            "conversion_expiry": {"fiscal_year_end": 1}, "password": limit, "card": limit,
            "street_card": limit});
        approver.command("/v1/terms", &terms)?;
        Ok(())
    }

    fn open_account(&self, name: &str) -> anyhow::Result<Person> {
        let body = json!({"class": "resident", "name": name, "password": PASSWORD,
            "mykey_id": null});
        let opened = self.maker()?.command("/v1/accounts", &body)?;
        let mykey = opened.get("mykey_id").and_then(Value::as_str).context("a MyKey ID")?;
        Ok(Person { mykey: mykey.to_owned() })
    }

    /// Signs a resident in, and has the terminal check who it is.
    ///
    /// # Errors
    /// When the node refuses.
    pub fn sign_in(&self, person: &Person) -> anyhow::Result<Signed> {
        let body = json!({"mykey_id": person.mykey, "password": PASSWORD});
        let session = self.node().public().post("/v1/sessions", None, &body)?.ok()?;
        let token = session.get("token").and_then(Value::as_str).context("a token")?;
        let client = self.node().public().with_token(token);
        let proof = self.till()?.terminal.prove(&person.mykey, PASSWORD)?;
        Ok(Signed { client, proof })
    }

    /// The till.
    ///
    /// # Errors
    /// Never; a town has an id.
    pub fn till(&self) -> anyhow::Result<Till> {
        let town = self.node().town.context("a town")?;
        let terminal = Terminal {
            client: self.node().terminals(),
            town,
            merchant: MerchantId(1),
            terminal: TerminalId(1),
            key: SigningKey::from_seed(&self.till_seed),
        };
        Ok(Till { terminal, town })
    }

    /// A grant, to be sent by the maker.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn grant(&self, person: &Person, points: u32) -> anyhow::Result<Request> {
        grant(person, points)
    }

    /// The points of a resident.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn balance(&self, signed: &Signed) -> anyhow::Result<u64> {
        balance(&signed.client)
    }

    /// The newest signed checkpoint's number of entries and root.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn checkpoint(&self) -> anyhow::Result<(u64, String)> {
        let text = self.node().public().text("/log/checkpoint")?;
        checkpoint_of(&text)
    }
}

/// Number of entries and root of a checkpoint as it stands in an answer.
///
/// # Errors
/// When it is none.
pub fn checkpoint_of(text: &str) -> anyhow::Result<(u64, String)> {
    let signed = SignedCheckpoint::parse(text.as_bytes())?;
    let claimed = signed.claimed();
    Ok((claimed.size.0, claimed.root.to_string()))
}

/// A grant, to be sent by the maker. Each is an activity of its own.
///
/// # Errors
/// When the system gives no random bytes.
pub fn grant(person: &Person, points: u32) -> anyhow::Result<Request> {
    let key = new_key()?;
    let body = json!({"programme": 1, "mykey_id": person.mykey, "points": points,
        "activity": format!("防災訓練 {}", letters(&key))});
    Ok(Request { key, path: "/v1/grants", body })
}

/// A key in letters only: digits in a row could be read as a number of a person.
fn letters(key: &ClientKey) -> String {
    let letter = |digit: char| match digit.to_digit(16) {
        Some(value) => char::from_u32(u32::from('a').saturating_add(value)).unwrap_or('z'),
        None => '-',
    };
    key.to_string().chars().map(letter).collect()
}

/// The points that a holder's client sees.
///
/// # Errors
/// When the node cannot be reached.
pub fn balance(client: &Client) -> anyhow::Result<u64> {
    let me = client.get("/v1/me")?.ok()?;
    me.get("points").and_then(Value::as_u64).context("a balance")
}

/// The till of the shop: it makes signed requests.
pub struct Till {
    /// Its terminal, and the way to the node.
    pub terminal: Terminal,
    town: TownId,
}

impl Till {
    /// A payment.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn payment(&self, signed: &Signed, points: u32) -> anyhow::Result<Request> {
        let key = new_key()?;
        let body = self.terminal.payment_body(key, &signed.proof, points, clock::now());
        Ok(Request { key, path: "/v1/payments", body })
    }

    /// A refund.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn refund(&self, payment: PaymentId, points: u32) -> anyhow::Result<Request> {
        let (key, at) = (new_key()?, clock::now());
        let Terminal { merchant, terminal, key: ref signer, .. } = self.terminal;
        let points = Points::from_u32(points);
        let intent = RefundIntent { town: self.town, key, merchant, terminal, payment, points, at };
        let signature = signer.sign(Domain::Refund, &jichi_protocol::codec::encode(&intent));
        let body = json!({"merchant": merchant.0, "terminal": terminal.0,
            "payment": payment.to_string(), "points": points.get(), "at": at.0,
            "signature": signature.to_string()});
        Ok(Request { key, path: "/v1/refunds", body })
    }

    /// A void.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn void(&self, payment: PaymentId) -> anyhow::Result<Request> {
        let (key, at) = (new_key()?, clock::now());
        let Terminal { merchant, terminal, key: ref signer, .. } = self.terminal;
        let intent = VoidIntent { town: self.town, key, merchant, terminal, payment, at };
        let signature = signer.sign(Domain::Void, &jichi_protocol::codec::encode(&intent));
        let body = json!({"merchant": merchant.0, "terminal": terminal.0,
            "payment": payment.to_string(), "at": at.0, "signature": signature.to_string()});
        Ok(Request { key, path: "/v1/voids", body })
    }
}

/// Runs `jichi audit verify` over a data folder.
///
/// # Errors
/// When the program cannot be run.
pub fn audit(data: &Path) -> anyhow::Result<Output> {
    let program = jichi_program();
    Ok(Command::new(program).args(["audit", "verify"]).arg(data).output()?)
}

/// `jichi audit verify` finds the folder sound.
///
/// # Errors
/// Its report, if not.
pub fn audit_is_sound(data: &Path) -> anyhow::Result<()> {
    let output = audit(data)?;
    if output.status.success() {
        return Ok(());
    }
    let (out, err) = (output.stdout, output.stderr);
    bail!("{}{}", String::from_utf8_lossy(&out), String::from_utf8_lossy(&err))
}

/// Copies a folder of files and folders.
///
/// # Errors
/// Those of the file system.
pub fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for file in fs::read_dir(from)? {
        let file = file?;
        let to = to.join(file.file_name());
        if file.file_type()?.is_dir() {
            copy_folder(&file.path(), &to)?;
        } else {
            fs::copy(file.path(), to)?;
        }
    }
    Ok(())
}

/// A random number below a bound.
///
/// # Errors
/// When the system gives no random bytes, or the bound is 0.
pub fn random_below(bound: u64) -> anyhow::Result<u64> {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("{error}"))?;
    u64::from_le_bytes(bytes).checked_rem(bound).context("a bound above 0")
}

/// Everything in two lists is equal; the first difference is named.
///
/// # Errors
/// That difference.
pub fn expect_equal<T: PartialEq + std::fmt::Debug>(
    what: &str,
    found: &T,
    expected: &T,
) -> anyhow::Result<()> {
    ensure!(found == expected, "{what}: found {found:?}, expected {expected:?}");
    Ok(())
}

/// A third officer: the operator.
///
/// # Errors
/// When the program does not add it.
pub fn operator(node: &Node) -> anyhow::Result<()> {
    let config = node.dir.join("node.toml");
    let mut added = Command::new(jichi_program())
        .args(["node", "staff-add", "--config"])
        .arg(config)
        .args(["--number", "3", "--login", "operator", "--roles", "operator"])
        .args(["--from", "2020-01-01", "--until", "2099-03-31"])
        .stdin(Stdio::piped())
        .spawn()?;
    writeln!(added.stdin.take().context("a pipe")?, "{OFFICER_PASSWORD}")?;
    ensure!(added.wait()?.success(), "no operator");
    Ok(())
}
