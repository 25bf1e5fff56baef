//! A node as a process, asked over HTTP by callers that sign like terminals.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow, bail};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use jichi_node::clock::{self, Monotonic};
use jichi_protocol::id::{MerchantId, TerminalId};
use serde_json::json;
use tokio::net::TcpStream;

use super::{Payments, Run};
use crate::{
    client::{Terminal, new_key, new_signing_key},
    world::{MAEBASHI, Node, TownSpec, World},
};

const PASSWORD: &str = "bench-password-1";

/// A town with a shop and residents, and its neighbours.
pub(super) struct Scene {
    pub(super) world: World,
    till: Arc<Terminal>,
    people: Vec<String>,
    proofs: Vec<String>,
}

impl Scene {
    /// Starts these towns; the first is the one that is measured.
    pub(super) fn set(dir: &Path, towns: &[TownSpec], clients: u32) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?;
        let mut world = World::make(dir, &program, towns)?;
        world.start()?;
        let node = world.towns.first().context("one town")?;
        let till = Arc::new(furnish(node)?);
        let people =
            (0..clients).map(|n| new_resident(node, n)).collect::<anyhow::Result<Vec<_>>>()?;
        let mut scene = Self { world, till, people, proofs: Vec::new() };
        scene.prove_again()?;
        Ok(scene)
    }

    /// Has everybody show who they are: behind a start of the node, or ten minutes later.
    pub(super) fn prove_again(&mut self) -> anyhow::Result<()> {
        let proofs = self.people.iter().map(|mykey| self.till.prove(mykey, PASSWORD));
        self.proofs = proofs.collect::<anyhow::Result<Vec<_>>>()?;
        Ok(())
    }

    /// Runs the closed loop.
    pub(super) fn pay(&self, seconds: u64) -> anyhow::Result<Run> {
        let node = self.world.towns.first().context("one town")?;
        let before = counts(node)?;
        let address = node.addresses.terminal;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let begun = clock::monotonic();
        let end = begun.later_by(Duration::from_secs(seconds));
        let latencies = runtime.block_on(self.callers(address, end))?;
        let took = clock::monotonic().since(begun);
        let after = counts(node)?;
        let (entries, batches) =
            (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
        Ok(Run { latencies, took, entries, batches })
    }

    async fn callers(&self, address: SocketAddr, end: Monotonic) -> anyhow::Result<Vec<Duration>> {
        let mut callers = tokio::task::JoinSet::new();
        for proof in self.proofs.clone() {
            let till = Arc::clone(&self.till);
            callers.spawn(async move {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
                tokio::spawn(connection);
                let mut latencies = Vec::new();
                while clock::monotonic() < end {
                    let key = new_key()?;
                    let body = till.payment_body(key, &proof, 1, key.time()).to_string();
                    let request = Request::post("/v1/payments")
                        .header("host", address.to_string())
                        .header("content-type", "application/json")
                        .header("idempotency-key", key.to_string())
                        .body(Full::new(Bytes::from(body)))?;
                    let asked = clock::monotonic();
                    let answer = sender.send_request(request).await?;
                    let status = answer.status();
                    let body = answer.into_body().collect().await?.to_bytes();
                    if !status.is_success() {
                        bail!("{status}: {}", String::from_utf8_lossy(&body));
                    }
                    latencies.push(clock::monotonic().since(asked));
                }
                Ok(latencies)
            });
        }
        let mut latencies = Vec::new();
        while let Some(of_caller) = callers.join_next().await {
            latencies.extend(of_caller??);
        }
        Ok(latencies)
    }
}

/// Runs the closed loop at a town of its own.
pub(super) fn run(dir: &Path, wanted: &Payments) -> anyhow::Result<Run> {
    let mut scene = Scene::set(dir, &[MAEBASHI], wanted.clients)?;
    let run = scene.pay(wanted.seconds)?;
    scene.world.stop()?;
    Ok(run)
}

fn furnish(node: &Node) -> anyhow::Result<Terminal> {
    let (maker, approver) = (node.officer("maker")?, node.officer("approver")?);
    let key = new_signing_key()?;
    maker.command("/v1/merchants", &json!({"merchant": 1, "name": "店", "state": "active"}))?;
    let terminal = json!({"terminal": 1, "merchant": 1, "state": "active",
        "public_key": key.public().to_string()});
    maker.command("/v1/terminals", &terminal)?;
    let much = json!({"payment": 1_000_000_000_u64, "day": 1_000_000_000_u64});
    let terms = json!({"grace_days": 14, "refund_days": 90, "unassigned_days": 14,
        "conversion_expiry": "never", "password": much, "card": much, "street_card": much});
    approver.command("/v1/terms", &terms)?;
    let programme = json!({"programme": 1, "name": "計測", "ceiling": 1_000_000_000_000_u64,
        "from": "2020-01-01", "until": "2099-03-31", "audience": "everyone", "cap": null,
        "expiry": "never", "grace": "may", "issuer": "town", "paid": "no",
        "two_officers_above": 1_000_000_000_000_u64});
    approver.command("/v1/programmes", &programme)?;
    Ok(Terminal {
        client: node.terminals(),
        town: node.town.context("a town")?,
        merchant: MerchantId(1),
        terminal: TerminalId(1),
        key,
    })
}

fn new_resident(node: &Node, number: u32) -> anyhow::Result<String> {
    let maker = node.officer("maker")?;
    let body = json!({"class": "visitor", "name": format!("計測 {number}"),
        "password": PASSWORD, "mykey_id": null});
    let opened = maker.command("/v1/accounts", &body)?;
    let mykey = opened.get("mykey_id").and_then(|id| id.as_str()).context("an id")?;
    let grant =
        json!({"programme": 1, "mykey_id": mykey, "points": 100_000_000, "activity": "計測"});
    maker.command("/v1/grants", &grant)?;
    Ok(mykey.to_owned())
}

/// Entries and batches since the node's start.
fn counts(node: &Node) -> anyhow::Result<(u64, u64)> {
    let client = crate::client::Client::new(format!("http://{}", node.addresses.metrics));
    let text = client.text("/metrics")?;
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|number| number.parse().ok()).ok_or_else(|| anyhow!("no {name}"))
    };
    Ok((of("jichi_entries_total")?, of("jichi_batches_total")?))
}
