//! The town that floods, as a process of its own with one thread, so that what it takes for itself
//! can be told from what it costs the node. It keeps none of the limits that a node keeps.

use std::{
    collections::{HashMap, VecDeque},
    io::{self, BufRead as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, StreamExt as _};
use jichi_node::{
    clock,
    config::Settings,
    init::NodeKeys,
    peer::{MESSAGE_BYTES_MAX, Protocol},
};
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, identity, noise,
    request_response::{self, Codec, Event, Message, OutboundRequestId, ProtocolSupport},
    swarm::{SwarmEvent, dial_opts::DialOpts, dial_opts::PeerCondition},
    tcp, yamux,
};
use tokio::sync::mpsc;

/// Streams that it keeps open at once.
const STREAMS: usize = 250;
/// Connections that it opens and says nothing on, where it stalls.
const SILENT: usize = 64;
/// How often it tries to come back.
const AGAIN: Duration = Duration::from_millis(100);

/// What `jichi bench flooder` takes; `jichi bench flood` calls it.
#[derive(Debug, clap::Args)]
pub(crate) struct Flooder {
    /// The configuration of the town that floods.
    #[arg(long)]
    config: PathBuf,
    /// The node's identity on the wire.
    #[arg(long)]
    node: PeerId,
    /// Where the node listens.
    #[arg(long)]
    port: u16,
    /// A file of valid deliveries.
    #[arg(long)]
    stock: PathBuf,
}

/// What a flood consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Messages as they should be, in their order.
    Valid,
    /// The same, the last ones of each window first.
    OutOfOrder,
    /// Bytes that are no message, short and as large as a message may be.
    Garbage,
    /// Messages that are begun and never end, and connections on which nothing is said.
    Stalling,
}

impl Kind {
    pub(super) const ALL: [Self; 4] =
        [Self::Valid, Self::OutOfOrder, Self::Garbage, Self::Stalling];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::OutOfOrder => "valid_out_of_order",
            Self::Garbage => "garbage",
            Self::Stalling => "stalling",
        }
    }
}

/// What the process is told, a line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Nothing is done.
    Quiet,
    /// The node is flooded.
    Flood(Kind),
    /// The node is left alone; so many thousandths of a processor are taken.
    Burn(u64),
}

impl Order {
    pub(super) fn line(self) -> String {
        match self {
            Self::Quiet => "quiet".to_owned(),
            Self::Flood(kind) => kind.name().to_owned(),
            Self::Burn(permille) => format!("burn {permille}"),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        if line == "quiet" {
            return Some(Self::Quiet);
        }
        if let Some(permille) = line.strip_prefix("burn ") {
            return permille.parse().ok().map(Self::Burn);
        }
        Kind::ALL.into_iter().find(|kind| kind.name() == line).map(Self::Flood)
    }
}

/// Processor time of this process so far, in microseconds.
fn cpu_us() -> u64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let (seconds, ns) = (u64::try_from(used.tv_sec), u64::try_from(used.tv_nsec));
    seconds.unwrap_or(0).saturating_mul(1_000_000).saturating_add(ns.unwrap_or(0) / 1_000)
}

/// Runs the flooder until its input ends. Of each order that has ended it says how many messages
/// came to an end and how much processor time it took.
///
/// # Errors
/// When it cannot be set up.
pub(super) fn run(wanted: &Flooder) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (orders, mut ordered) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if Order::parse(&line).is_none_or(|order| orders.send(order).is_err()) {
                return;
            }
        }
    });
    runtime.block_on(async {
        let mut rude = Rude::new(wanted)?;
        let mut order = Order::Quiet;
        loop {
            let (sent, cpu) = (rude.ended, cpu_us());
            let next = match order {
                Order::Quiet => ordered.recv().await,
                Order::Flood(kind) => rude.flood(kind, &mut ordered).await,
                Order::Burn(permille) => burn(permille, &mut ordered).await,
            };
            let (sent, cpu) = (rude.ended.saturating_sub(sent), cpu_us().saturating_sub(cpu));
            writeln!(io::stdout(), "{sent} {cpu}")?;
            let Some(next) = next else { return Ok(()) };
            order = next;
        }
    })
}

/// Takes so much of a processor, in slices of ten milliseconds.
async fn burn(permille: u64, ordered: &mut mpsc::UnboundedReceiver<Order>) -> Option<Order> {
    let (begun, used) = (clock::monotonic(), cpu_us());
    loop {
        let wanted_us = |ms: u128| u64::try_from(ms).unwrap_or(0).saturating_mul(permille);
        while cpu_us().saturating_sub(used) < wanted_us(clock::monotonic().since(begun).as_millis())
        {
            std::hint::spin_loop();
        }
        if let Ok(next) = tokio::time::timeout(Duration::from_millis(10), ordered.recv()).await {
            return next;
        }
    }
}

/// A request that keeps no rule.
#[derive(Debug, Clone)]
struct Bytes {
    bytes: Vec<u8>,
    /// Nothing follows, and the stream stays open.
    stalls: bool,
}

fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    Bytes { bytes: [&length.to_be_bytes(), message].concat(), stalls: false }
}

/// Writes what it is given, and reads any answer.
#[derive(Debug, Clone, Copy, Default)]
struct Raw;

async fn read<T: AsyncRead + Unpin + Send>(io: &mut T) -> io::Result<()> {
    let mut all = Vec::new();
    io.take(MESSAGE_BYTES_MAX as u64).read_to_end(&mut all).await.map(|_| ())
}

impl Codec for Raw {
    type Protocol = StreamProtocol;
    type Request = Bytes;
    type Response = ();

    async fn read_request<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Bytes> {
        read(io).await?;
        Err(io::Error::other("it answers nothing"))
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<()> {
        read(io).await
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Bytes,
    ) -> io::Result<()> {
        io.write_all(&request.bytes).await?;
        if !request.stalls {
            return Ok(());
        }
        loop {
            io.flush().await?;
            tokio::time::sleep(Duration::from_secs(1)).await;
            io.write_all(&[0]).await?;
        }
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        _: &mut T,
        (): (),
    ) -> io::Result<()> {
        Ok(())
    }
}

/// The town's place on the wire.
struct Rude {
    swarm: Swarm<request_response::Behaviour<Raw>>,
    node: PeerId,
    address: Multiaddr,
    port: u16,
    /// Valid deliveries that the node has not answered, in order.
    stock: VecDeque<Vec<u8>>,
    /// Those that it has answered: sent again when the others are used up.
    used: Vec<Vec<u8>>,
    under_way: HashMap<OutboundRequestId, Option<Vec<u8>>>,
    begun: u64,
    ended: u64,
}

impl Rude {
    fn new(wanted: &Flooder) -> anyhow::Result<Self> {
        let keys = NodeKeys::read(&Settings::read(&wanted.config)?)?;
        let mut seed = *keys.transport;
        let keypair = identity::Keypair::ed25519_from_bytes(&mut seed)?;
        let protocol = StreamProtocol::new(Protocol::Envelope.name());
        let config = request_response::Config::default()
            .with_request_timeout(Duration::from_secs(3_600))
            .with_max_concurrent_streams(2 * STREAMS);
        let built = SwarmBuilder::with_existing_identity(keypair)
            .with_tokio()
            .with_tcp(
                tcp::Config::default().nodelay(true),
                noise::Config::new,
                yamux::Config::default,
            )?
            .with_behaviour(|_| {
                request_response::Behaviour::new([(protocol, ProtocolSupport::Full)], config)
            });
        let Ok(built) = built;
        let swarm = built.build();
        let address = format!("/ip4/127.0.0.1/tcp/{}", wanted.port).parse()?;
        Ok(Self {
            swarm,
            node: wanted.node,
            address,
            port: wanted.port,
            stock: read_stock(&wanted.stock)?,
            used: Vec::new(),
            under_way: HashMap::new(),
            begun: 0,
            ended: 0,
        })
    }

    /// Floods until the next order.
    async fn flood(
        &mut self,
        kind: Kind,
        ordered: &mut mpsc::UnboundedReceiver<Order>,
    ) -> Option<Order> {
        let mut again = tokio::time::interval(AGAIN);
        let mut silent = Vec::new();
        loop {
            tokio::select! {
                next = ordered.recv() => {
                    self.leave().await;
                    return next;
                }
                event = self.swarm.select_next_some() => self.on(event, kind),
                _ = again.tick() => {
                    self.come_back();
                    if kind == Kind::Stalling {
                        self.connect_silently(&mut silent).await;
                    }
                    self.top_up(kind);
                }
            }
        }
    }

    /// Closes the connection, and with it what is under way.
    async fn leave(&mut self) {
        // An error says that there is none.
        let _ = self.swarm.disconnect_peer_id(self.node);
        let over = tokio::time::sleep(Duration::from_millis(500));
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = &mut over => break,
                event = self.swarm.select_next_some() => self.ends(event),
            }
        }
        self.ended = self.ended.saturating_add(self.under_way.len() as u64);
        for (_, delivery) in self.under_way.drain() {
            self.used.extend(delivery);
        }
    }

    fn come_back(&mut self) {
        if !self.swarm.is_connected(&self.node) {
            let wanted = DialOpts::peer_id(self.node)
                .addresses(vec![self.address.clone()])
                .condition(PeerCondition::DisconnectedAndNotDialing)
                .build();
            // Turned away, it tries again.
            let _ = self.swarm.dial(wanted);
        }
    }

    /// Keeps connections open on which nothing is said, and opens those again that were closed.
    async fn connect_silently(&self, silent: &mut Vec<tokio::net::TcpStream>) {
        silent.retain(|stream| {
            let mut byte = [0];
            stream.try_read(&mut byte).is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock)
        });
        while silent.len() < SILENT {
            let Ok(stream) = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await else {
                return;
            };
            silent.push(stream);
        }
    }

    fn on(&mut self, event: SwarmEvent<Event<Bytes, ()>>, kind: Kind) {
        self.ends(event);
        self.top_up(kind);
    }

    /// A request may have come to its end.
    fn ends(&mut self, event: SwarmEvent<Event<Bytes, ()>>) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "libp2p has more events than we use")]
        match event {
            SwarmEvent::Behaviour(Event::Message {
                message: Message::Response { request_id, .. },
                ..
            }) => {
                self.ended = self.ended.saturating_add(1);
                self.used.extend(self.under_way.remove(&request_id).flatten());
            }
            SwarmEvent::Behaviour(Event::OutboundFailure { request_id, .. }) => {
                self.ended = self.ended.saturating_add(1);
                // It was not heard: it is said again, as a town does.
                if let Some(Some(delivery)) = self.under_way.remove(&request_id) {
                    self.stock.push_front(delivery);
                }
            }
            _ => {}
        }
    }

    fn top_up(&mut self, kind: Kind) {
        while self.swarm.is_connected(&self.node) && self.under_way.len() < STREAMS {
            let (bytes, delivery) = self.next(kind);
            let id = self.swarm.behaviour_mut().send_request(&self.node, bytes);
            self.under_way.insert(id, delivery);
            self.begun = self.begun.saturating_add(1);
        }
    }

    fn next(&mut self, kind: Kind) -> (Bytes, Option<Vec<u8>>) {
        match kind {
            Kind::Garbage if self.begun.is_multiple_of(8) => {
                (framed(&vec![0x82; MESSAGE_BYTES_MAX]), None)
            }
            Kind::Garbage if self.begun % 8 == 1 => {
                // Longer than a message may be.
                (Bytes { bytes: vec![0xff; 64], stalls: false }, None)
            }
            Kind::Garbage => (framed(&[0xff; 64]), None),
            Kind::Stalling => {
                let length = u32::try_from(MESSAGE_BYTES_MAX).unwrap_or(u32::MAX);
                (Bytes { bytes: length.to_be_bytes().to_vec(), stalls: true }, None)
            }
            Kind::Valid | Kind::OutOfOrder => {
                if self.stock.is_empty() {
                    self.stock = std::mem::take(&mut self.used).into();
                }
                let last = self.stock.len().min(STREAMS).saturating_sub(1);
                let at = if kind == Kind::Valid { 0 } else { last };
                let delivery = self.stock.remove(at).unwrap_or_default();
                (framed(&delivery), Some(delivery))
            }
        }
    }
}

/// Writes deliveries one behind the other, each behind its length.
pub(super) fn write_stock(path: &Path, deliveries: &[Vec<u8>]) -> anyhow::Result<()> {
    let all: Vec<u8> = deliveries.iter().flat_map(|one| framed(one).bytes).collect();
    Ok(std::fs::write(path, all)?)
}

fn read_stock(path: &Path) -> anyhow::Result<VecDeque<Vec<u8>>> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let (mut rest, mut stock) = (&bytes[..], VecDeque::new());
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length))?;
        let (one, behind) = behind.split_at_checked(length).ok_or_else(|| anyhow!("cut off"))?;
        stock.push_back(one.to_vec());
        rest = behind;
    }
    if stock.is_empty() {
        bail!("no deliveries in {}", path.display());
    }
    Ok(stock)
}
