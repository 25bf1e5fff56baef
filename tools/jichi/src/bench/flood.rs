//! Local payments while another town floods this one, beside payments while all is quiet.
//!
//! The town that floods has its right key and stands in the directory. It is paused for the quiet
//! runs, so that it takes the same machine's time only while it floods; what it takes for itself
//! (its own encryption) is counted against the node, which is to the node's disadvantage.

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use jichi_node::{
    config::Settings,
    init::NodeKeys,
    peer::{self, MESSAGE_BYTES_MAX, Mode, Peer, PeerConfig, Peers, Protocol},
};
use jichi_protocol::directory::Party;
use serde_json::json;
use tokio::sync::watch;

use super::{Run, http::Scene};
use crate::{
    out,
    world::{MAEBASHI, Node, SAGAMIHARA},
};

/// Requests that the flooding town has under way at once.
const UNDER_WAY: usize = 64;

/// What `jichi bench flood` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Flood {
    /// Callers at the same time, each with a resident of its own.
    #[arg(long, default_value_t = 32)]
    clients: u32,
    /// Seconds of each run; there are two quiet ones and one of each kind of flood.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The folder to measure in; else the system's temporary folder.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// What a flood consists of.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Short messages that are none.
    Garbage,
    /// The same, as large as a message may be.
    LargeGarbage,
    /// Requests for shared documents.
    Documents,
}

impl Kind {
    const ALL: [(Self, &'static str); 3] = [
        (Self::Garbage, "short_garbage"),
        (Self::LargeGarbage, "large_garbage"),
        (Self::Documents, "documents"),
    ];

    fn request(self) -> (Protocol, Vec<u8>) {
        match self {
            Self::Garbage => (Protocol::Envelope, vec![0xff; 64]),
            Self::LargeGarbage => (Protocol::Envelope, vec![0x82; MESSAGE_BYTES_MAX]),
            Self::Documents => (Protocol::Document, vec![0x80; 64]),
        }
    }
}

/// Runs `jichi bench flood`.
///
/// # Errors
/// When the run cannot be set up, or a payment fails.
pub(super) fn run(wanted: &Flood) -> anyhow::Result<ExitCode> {
    let base = wanted.dir.clone().unwrap_or_else(std::env::temp_dir);
    let dir = tempfile::Builder::new().prefix("jichi-flood-").tempdir_in(base)?;
    out::progress("starting two towns");
    let mut scene = Scene::set(dir.path(), &[MAEBASHI, SAGAMIHARA], wanted.clients)?;
    let [node, other] = &mut scene.world.towns[..] else { return Err(anyhow!("two towns")) };
    other.stop()?;
    let flooder = Flooder::start(other, node)?;
    out::progress("paying while all is quiet");
    let mut quiet = scene.pay(wanted.seconds)?;
    let mut floods = serde_json::Map::new();
    for (kind, name) in Kind::ALL {
        out::progress(format!("paying while the other town floods: {name}"));
        let before = flooder.begin(kind);
        let run = scene.pay(wanted.seconds)?;
        let requests = flooder.end().saturating_sub(before);
        floods.insert(name.to_owned(), report(&run, &quiet, requests, wanted.seconds));
    }
    out::progress("paying while all is quiet, again");
    let again = scene.pay(wanted.seconds)?;
    let drift = permille(&again, &quiet);
    if again.per_second() > quiet.per_second() {
        quiet = again;
    }
    let shown = json!({
        "clients": wanted.clients,
        "seconds": wanted.seconds,
        "quiet": quiet.json(),
        "quiet_again_permille": drift,
        "floods": floods,
        "wanted_permille_at_least": 800,
    });
    out::line(format!("{shown:#}"));
    scene.world.stop()?;
    Ok(ExitCode::SUCCESS)
}

fn permille(run: &Run, beside: &Run) -> u64 {
    let of = run.per_second().saturating_mul(1_000);
    of.checked_div(beside.per_second().max(1)).unwrap_or(0)
}

fn report(run: &Run, quiet: &Run, requests: u64, seconds: u64) -> serde_json::Value {
    json!({
        "payments": run.json(),
        "payments_beside_quiet_permille": permille(run, quiet),
        "requests_per_second": requests.checked_div(seconds.max(1)).unwrap_or(0),
    })
}

/// The other town's place on the wire.
struct Flooder {
    floods: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    kind: watch::Sender<Kind>,
    _runtime: tokio::runtime::Runtime,
}

impl Flooder {
    /// Connects as `other`, by its keys, to `node`.
    fn start(other: &Node, node: &Node) -> anyhow::Result<Self> {
        let keys = |node: &Node| -> anyhow::Result<NodeKeys> {
            Ok(NodeKeys::read(&Settings::read(&node.dir.join("node.toml"))?)?)
        };
        let target = Party::Town(node.town.context("a town")?);
        let id = peer::peer_id_of_seed(&keys(node)?.transport);
        let address = format!("/ip4/127.0.0.1/tcp/{}", node.addresses.peer.port()).parse()?;
        let peers = Peers([(target, Peer { id, addresses: vec![address] })].into());
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let seed = keys(other)?.transport;
        let (known, watching) = watch::channel(Arc::new(peers));
        let (open, shutdown) = watch::channel(false);
        let config = PeerConfig { seed, listen: Vec::new(), mode: Mode::OutboundOnly };
        let (handle, _inbound, _task) = {
            let _inside = runtime.enter();
            peer::open(config, watching, shutdown)?
        };
        let floods = Arc::new(AtomicBool::new(false));
        let sent = Arc::new(AtomicU64::new(0));
        let (kind, chosen) = watch::channel(Kind::Garbage);
        for _ in 0..UNDER_WAY {
            let (handle, floods, sent) = (handle.clone(), Arc::clone(&floods), Arc::clone(&sent));
            let chosen = chosen.clone();
            runtime.spawn(async move {
                loop {
                    if !floods.load(Ordering::Relaxed) {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        continue;
                    }
                    let (protocol, bytes) = chosen.borrow().request();
                    // It asks for no answer, only for the node's time.
                    let _ = handle.request(target, protocol, bytes).await;
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        runtime.spawn(async move {
            // Held for as long as the runtime lives.
            let _held = (known, open);
            std::future::pending::<()>().await;
        });
        Ok(Self { floods, sent, kind, _runtime: runtime })
    }

    /// Begins to flood; how much was sent before.
    fn begin(&self, kind: Kind) -> u64 {
        self.kind.send_replace(kind);
        self.floods.store(true, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(500));
        self.sent.load(Ordering::Relaxed)
    }

    /// Ends; how much was sent in all.
    fn end(&self) -> u64 {
        self.floods.store(false, Ordering::Relaxed);
        let sent = self.sent.load(Ordering::Relaxed);
        thread::sleep(Duration::from_millis(500));
        sent
    }
}
