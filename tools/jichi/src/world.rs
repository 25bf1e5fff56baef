//! A federation on this machine: towns and a coordinator as separate processes with keys made on
//! the spot, for demo, bench and tests.

#![expect(clippy::indexing_slicing, reason = "serde_json gives null for what is not there")]

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use jichi_node::{
    clock,
    config::Settings,
    password::{self, PasswordOf},
    staff::{Officer, Role, RolePeriod, Staff},
};
use jichi_protocol::{
    date::BusinessDate,
    id::{Generation, OfficerId, TownId},
    signature::{PublicKey, SigningKey},
};
use serde_json::json;

pub use crate::publish::agree;

use crate::client::{Ahead, Client, new_signing_key};

/// The password of every officer of such a federation.
pub const OFFICER_PASSWORD: &str = "demo-officer-password";
/// How long a node may take to answer after its start.
const START_TIME_MAX: Duration = Duration::from_secs(60);

/// A town to be made.
#[derive(Debug, Clone, Copy)]
pub struct TownSpec {
    /// Its code.
    pub code: &'static str,
    /// Its name in Japanese.
    pub ja: &'static str,
    /// Its name in English.
    pub en: &'static str,
}

/// 前橋市.
pub const MAEBASHI: TownSpec = TownSpec { code: "102016", ja: "前橋市", en: "Maebashi" };
/// 相模原市.
pub const SAGAMIHARA: TownSpec = TownSpec { code: "141500", ja: "相模原市", en: "Sagamihara" };

/// The addresses of a node, on loopback.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// Residents; at the coordinator: companies.
    pub public: SocketAddr,
    /// Terminals.
    pub terminal: SocketAddr,
    /// Officers and auditors.
    pub staff: SocketAddr,
    /// Health.
    pub metrics: SocketAddr,
    /// Other nodes.
    pub peer: SocketAddr,
}

/// A node of the federation, running or not.
pub struct Node {
    /// Its folder: configuration, keys, data, log of messages.
    pub dir: PathBuf,
    /// Where it listens.
    pub addresses: Addresses,
    /// The town; none for the coordinator.
    pub town: Option<TownId>,
    /// How far its clock is ahead of this machine's.
    pub ahead: Ahead,
    /// The generation of its log that the directory names.
    pub generation: Generation,
    /// Channel keys of the town that the directory revokes.
    pub revoked: Vec<PublicKey>,
    /// Where the directory says that other nodes reach it.
    pub reached_at: SocketAddr,
    program: PathBuf,
    child: Option<Child>,
}

/// A federation.
pub struct World {
    /// Its folder.
    pub dir: PathBuf,
    /// The towns, in the order in which they were asked for.
    pub towns: Vec<Node>,
    /// The coordinator.
    pub coordinator: Node,
    /// Signs the directory.
    pub root: SigningKey,
    /// The company that converts.
    pub company: SigningKey,
    /// How far the nodes' clocks are ahead of this machine's.
    pub ahead: Ahead,
}

/// The company's id in the demo's catalogue.
pub const COMPANY: &str = "jal";

impl World {
    /// Makes folders, keys, configurations, officers and a signed directory; starts nothing.
    /// `program` is the `jichi` or `jichi-node` binary, called with `node_args` before `run`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn make(dir: &Path, program: &Path, towns: &[TownSpec]) -> anyhow::Result<Self> {
        Self::make_at(dir, program, towns, &Ahead::default())
    }

    /// The same with nodes whose clocks are ahead of this machine's: `program` shows them so.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn make_at(
        dir: &Path,
        program: &Path,
        towns: &[TownSpec],
        ahead: &Ahead,
    ) -> anyhow::Result<Self> {
        let (root, company) = (new_signing_key()?, new_signing_key()?);
        let mut nodes = Vec::new();
        for spec in towns {
            nodes.push(make_node(dir, program, Some(spec), &root, &company, ahead)?);
        }
        let coordinator = make_node(dir, program, None, &root, &company, ahead)?;
        let (dir, ahead) = (dir.to_path_buf(), ahead.clone());
        let world = Self { dir, towns: nodes, coordinator, root, company, ahead };
        world.publish_directory(&world.nodes().collect::<Vec<_>>())?;
        Ok(world)
    }

    /// Starts every node, and waits until each answers.
    ///
    /// # Errors
    /// When one does not answer.
    pub fn start(&mut self) -> anyhow::Result<()> {
        self.coordinator.start()?;
        self.towns.iter_mut().try_for_each(Node::start)
    }

    /// Stops every node in order.
    ///
    /// # Errors
    /// When one does not end.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.coordinator.stop()?;
        self.towns.iter_mut().try_for_each(Node::stop)
    }
}

impl Node {
    /// Starts the node and waits until it answers.
    ///
    /// # Errors
    /// When it ends or does not answer; its log of messages tells why.
    pub fn start(&mut self) -> anyhow::Result<()> {
        self.launch()?;
        self.wait_until_ready()
    }

    /// Starts the node if it does not run.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn ensure_running(&mut self) -> anyhow::Result<()> {
        if self.child.is_some() { Ok(()) } else { self.start() }
    }

    /// Starts the process, and does not wait.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn launch(&mut self) -> anyhow::Result<()> {
        let log =
            fs::OpenOptions::new().create(true).append(true).open(self.dir.join("messages.log"))?;
        let child = command_of(&self.program)
            .arg("run")
            .arg("--config")
            .arg(self.dir.join("node.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", self.program.display()))?;
        self.child = Some(child);
        Ok(())
    }

    /// Waits until the node answers.
    ///
    /// # Errors
    /// When it ends or does not answer in a minute.
    pub fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let client = Client::new(format!("http://{}", self.addresses.metrics));
        let begun = clock::monotonic();
        while clock::monotonic().since(begun) < START_TIME_MAX {
            if let Some(child) = &mut self.child
                && let Some(status) = child.try_wait()?
            {
                bail!("the node ended with {status}: {}", self.last_messages());
            }
            if client.text("/livez").is_ok() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(25));
        }
        bail!("the node does not answer: {}", self.last_messages())
    }

    /// The end of its log of messages.
    #[must_use]
    pub fn last_messages(&self) -> String {
        let text = fs::read_to_string(self.dir.join("messages.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(8).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// The process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Kills the process: SIGKILL, at whatever it is doing.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let mut child = self.child.take().ok_or_else(|| anyhow!("the node does not run"))?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Stops the process in order: SIGTERM, and waits.
    ///
    /// # Errors
    /// When it does not end well.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let asked = Command::new("kill").arg(child.id().to_string()).status()?;
        if !asked.success() {
            bail!("the node cannot be asked to stop");
        }
        let status = child.wait()?;
        if status.success() { Ok(()) } else { bail!("the node ended with {status}") }
    }

    /// Waits until the process ends by itself.
    ///
    /// # Errors
    /// When it does not end in a minute.
    pub fn wait_until_ended(&mut self) -> anyhow::Result<std::process::ExitStatus> {
        let mut child = self.child.take().ok_or_else(|| anyhow!("the node does not run"))?;
        let begun = clock::monotonic();
        while clock::monotonic().since(begun) < START_TIME_MAX {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(25));
        }
        child.kill()?;
        bail!("the node did not end")
    }

    /// A client of the public listener.
    #[must_use]
    pub fn public(&self) -> Client {
        Client::new(format!("http://{}", self.addresses.public)).with_clock(&self.ahead)
    }

    /// A client of the terminals' listener.
    #[must_use]
    pub fn terminals(&self) -> Client {
        Client::new(format!("http://{}", self.addresses.terminal)).with_clock(&self.ahead)
    }

    /// The address of the staff's listener.
    #[must_use]
    pub fn staff_address(&self) -> String {
        format!("http://{}", self.addresses.staff)
    }

    /// A client of the staff's listener, signed in: `maker` or `approver`.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn officer(&self, login: &str) -> anyhow::Result<Client> {
        let client = Client::new(self.staff_address()).with_clock(&self.ahead);
        let body = json!({"login": login, "password": OFFICER_PASSWORD});
        let session = client.post("/v1/staff/sessions", None, &body)?.ok()?;
        Ok(client.with_token(session["token"].as_str().unwrap_or_default()))
    }

    /// A second machine with everything that this node has, as a clone of its disk would be; it
    /// listens elsewhere, and does not run.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn cloned_to(&self, dir: &Path) -> anyhow::Result<Self> {
        let copied = Command::new("cp").arg("-a").arg(&self.dir).arg(dir).status()?;
        if !copied.success() {
            bail!("the node's folder cannot be copied");
        }
        let (is, new) = (self.addresses, addresses()?);
        let mut text = fs::read_to_string(dir.join("node.toml"))?;
        for (is, new) in [
            (is.public, new.public),
            (is.terminal, new.terminal),
            (is.staff, new.staff),
            (is.metrics, new.metrics),
        ] {
            text = text.replace(&is.to_string(), &new.to_string());
        }
        let peer = |at: SocketAddr| format!("/tcp/{}", at.port());
        fs::write(dir.join("node.toml"), text.replace(&peer(is.peer), &peer(new.peer)))?;
        let (town, ahead, program) = (self.town, self.ahead.clone(), self.program.clone());
        let generation = self.generation;
        let (dir, reached_at) = (dir.to_path_buf(), new.peer);
        let revoked = self.revoked.clone();
        Ok(Self {
            dir,
            addresses: new,
            town,
            ahead,
            generation,
            revoked,
            reached_at,
            program,
            child: None,
        })
    }

    /// The folder of its stores.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Nothing is left running behind a test or demo that ends early.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The node's own command line, by `jichi node` or by `jichi-node`.
fn command_of(program: &Path) -> Command {
    let mut command = Command::new(program);
    if program.file_name().is_some_and(|name| name != "jichi-node") {
        command.arg("node");
    }
    command
}

/// Ports for the nodes of a world begin here, below those that a system gives to outgoing
/// connections (32768 and up by Linux' default, 49152 elsewhere). Such a connection would else take
/// the port of a node between its stop and its start.
const FIRST_PORT: u16 = 12_000;

/// Ports of loopback that were free a moment ago, and that no other world of this process has.
fn addresses() -> anyhow::Result<Addresses> {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    // Processes begin at different places, so that they seldom try the same port at one time.
    let begin = std::process::id().wrapping_mul(211);
    let mut bound = Vec::new();
    let mut next = || -> anyhow::Result<SocketAddr> {
        for _ in 0..20_000 {
            let step = begin.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed)) % 20_000;
            let port = FIRST_PORT.saturating_add(u16::try_from(step)?);
            if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
                let address = listener.local_addr()?;
                bound.push(listener);
                return Ok(address);
            }
        }
        bail!("no port from {FIRST_PORT} on is free on 127.0.0.1");
    };
    Ok(Addresses {
        public: next()?,
        terminal: next()?,
        staff: next()?,
        metrics: next()?,
        peer: next()?,
    })
}

pub(crate) fn make_node(
    dir: &Path,
    program: &Path,
    spec: Option<&TownSpec>,
    root: &SigningKey,
    company: &SigningKey,
    ahead: &Ahead,
) -> anyhow::Result<Node> {
    let dir = dir.join(spec.map_or("coordinator", |spec| spec.en).to_lowercase());
    fs::create_dir_all(&dir)?;
    let addresses = addresses()?;
    let config = dir.join("node.toml");
    fs::write(&config, config_text(spec, &addresses, root, company))?;
    let settings = Settings::read(&config)?;
    // By the program, whose clock may be a story's: the first entry is dated.
    let ran = command_of(program).arg("init").arg("--config").arg(&config).output()?;
    if !ran.status.success() {
        bail!("init: {}", String::from_utf8_lossy(&ran.stderr));
    }
    if spec.is_some() {
        add_officers(&settings)?;
    }
    let town = settings.town;
    let (program, ahead) = (program.to_path_buf(), ahead.clone());
    let (generation, reached_at) = (Generation(1), addresses.peer);
    let revoked = Vec::new();
    Ok(Node { dir, addresses, town, ahead, generation, revoked, reached_at, program, child: None })
}

fn config_text(
    spec: Option<&TownSpec>,
    at: &Addresses,
    root: &SigningKey,
    company: &SigningKey,
) -> String {
    let role = if spec.is_some() { "municipality" } else { "coordinator" };
    let peer_port = at.peer.port();
    let mut text = format!(
        "role = \"{role}\"\ndata = \"data\"\nkeys = \"keys\"\n\n[listen]\npublic = \"{}\"\n\
         metrics = \"{}\"\npeer = [\"/ip4/127.0.0.1/tcp/{peer_port}\"]\npublic_scheme = \"http\"\n",
        at.public, at.metrics
    );
    if spec.is_some() {
        text += &format!("terminal = \"{}\"\nstaff = \"{}\"\n", at.terminal, at.staff);
    }
    text += &format!("\n[directory]\nroot = [\"{}\"]\nthreshold = 1\n", root.public());
    match spec {
        Some(spec) => {
            text += &format!(
                "\n[town]\ncode = \"{}\"\nname_ja = \"{}\"\nname_en = \"{}\"\n",
                spec.code, spec.ja, spec.en
            );
        }
        None => {
            text += &format!(
                "\n[[companies]]\ncompany = \"{COMPANY}\"\npublic_key = \"{}\"\n\
                 daily_quota = 100000000\n",
                company.public()
            );
        }
    }
    text
}

/// Two officers: one who makes, one who approves and audits.
fn add_officers(settings: &Settings) -> anyhow::Result<()> {
    let mut staff = Staff::load(&settings.data)?;
    let hash = password::hash(PasswordOf::Staff, &OFFICER_PASSWORD.to_owned().into())?;
    // Whatever day a story plays on, its officers are in office.
    let from = "2017-09-25".parse()?;
    let period = |role| RolePeriod { role, from, to: BusinessDate::LAST };
    let makers = [Role::GrantMaker, Role::Desk, Role::MerchantOfficer];
    let approvers = [Role::Approver, Role::Auditor, Role::Operator];
    for (number, login, roles) in [(1, "maker", makers), (2, "approver", approvers)] {
        let officer = Officer {
            login: login.parse().map_err(|error| anyhow!("{error}"))?,
            password: hash.clone(),
            roles: roles.map(period).to_vec(),
        };
        staff.add(OfficerId(number), officer)?;
    }
    staff.save(&settings.data)?;
    Ok(())
}
