//! A node at work, from the configuration to the last frame of the journal.

use std::{io, net::SocketAddr, sync::Arc};

use axum::{Extension, Router};
use jichi_protocol::{
    agreement::Seal,
    signature::{Domain, SigningKey},
};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{
    api::{
        self,
        listen::{Limits, serve},
        order::desk::OrderDesk,
        problem::with_fallbacks,
        sign::SignatureGate,
    },
    application::Applications,
    bulk::{self, Bulks},
    card_system, clock,
    config::Settings,
    engine::start::{StartError, Stores, start_asking},
    federation::{self, FederationError, Joined},
    index::{Index, IndexError},
    init::NodeKeys,
    journal::{Verify, segment::SegmentBytes},
    keyfile::KeyFileError,
    library::{self, Library, LibraryError},
    page,
    password::PasswordPool,
    person::{People, PersonError},
    print::Printer,
    restore::UNFINISHED_FILE,
    routes::Listeners,
    session::CookieTransport,
    shred::{self, Shredder},
    staff::{Staff, StaffFileFault, sign_in::SignIn},
    town::{Assembly, Town, TownName},
    vault,
};

/// Why a node does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The engine.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] vault::OpenError),
    /// The people in the vault.
    #[error(transparent)]
    People(#[from] PersonError),
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The staff's file.
    #[error(transparent)]
    Staff(#[from] StaffFileFault),
    /// The way to other nodes.
    #[error(transparent)]
    Federation(#[from] FederationError),
    /// What the configuration says of libraries.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// A listener.
    #[error("{address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The configuration is a coordinator's.
    #[error("this configuration is a coordinator's")]
    NotATown,
    /// The data folder is half restored.
    #[error("a restore was begun and has not ended; run `jichi restore` again, as before")]
    Restoring,
}

/// Runs a town's node until `stop` turns true.
///
/// # Errors
/// [`RunError`], before it serves anything.
pub async fn run_town(
    settings: Settings,
    verify: Verify,
    stop: watch::Receiver<bool>,
) -> Result<(), RunError> {
    let (Some(id), Some(words)) = (settings.town, settings.config.town.clone()) else {
        return Err(RunError::NotATown);
    };
    if settings.data.join(UNFINISHED_FILE).exists() {
        return Err(RunError::Restoring);
    }
    let keys = NodeKeys::read(&settings)?;
    let stores = Stores::of(&settings.data);
    let running = start_asking(&stores, keys.engine(), verify, SegmentBytes::DEFAULT)?;
    let engine = running.engine.clone();
    let (vault, warnings) =
        shred::open_vault(&settings.data.join("vault"), (&settings.keys, &keys))?;
    for warning in warnings {
        tracing::warn!(%warning, "the vault was opened with a warning");
    }
    let index = Index::open(&settings.data.join("index"), &engine)?;
    let pool = PasswordPool::default();
    let staff = Staff::load(&settings.data)?;
    let sealing = SigningKey::from_seed(&keys.channel);
    let town = Town::new(Assembly {
        town: id,
        name: TownName { ja: words.name_ja, en: words.name_en },
        engine: engine.clone(),
        index: index.clone(),
        people: People::open(vault.clone())?,
        staff: SignIn::new(staff, pool.clone()),
        pool,
        cookies: CookieTransport::of(
            settings.config.listen.public.ip(),
            &settings.config.listen.public_scheme,
        ),
        seal: Arc::new(move |domain: Domain, bytes: &[u8]| Seal {
            key: sealing.public(),
            signature: sealing.sign(domain, bytes),
        }),
        printer: Printer::new(&settings.config.print.font),
        library: Library::open(&settings, vault.clone())?,
    });
    let mut tasks = JoinSet::new();
    let following = index.follow(engine.clone());
    tasks.spawn(async move {
        if let Err(error) = following.await {
            tracing::error!(%error, "the index follows no more");
        }
    });
    tasks.spawn(scrub(engine.clone()));
    tasks.spawn(api::register::note_all(town.clone()));
    let shredder = Shredder::new(vault.clone(), settings.keys.clone());
    tasks.spawn(shred::follow(engine.clone(), town.people().clone(), shredder.clone()));
    let cards =
        library::work::follow(engine.clone(), town.library().clone(), shredder, stop.clone());
    tasks.spawn(cards);
    card_system::start(&settings.config.card_systems, &town, &mut tasks);
    let joined = federation::start(&settings, &keys, &town, &stop, &mut tasks).await?;
    serve_town(&settings, (&town, joined), &stop).await?;
    tasks.shutdown().await;
    tracing::info!("stopping in order");
    // Whoever waits for an answer has gone; what was taken is made durable.
    let stopped = tokio::task::spawn_blocking(move || running.stop());
    if stopped.await.is_err() {
        tracing::error!("the engine did not stop in order");
    }
    if let Err(error) = vault.close().await {
        tracing::warn!(%error, "the vault was not closed in order");
    }
    Ok(())
}

/// The desk of online orders, behind a gate that knows the addresses of the public listener.
fn order_desk(settings: &Settings) -> OrderDesk {
    let listen = &settings.config.listen;
    let own = format!("http://{}", listen.public);
    let origins = listen.public_origins.iter().chain([&own]).filter_map(|at| at.parse().ok());
    OrderDesk::new(SignatureGate::new(origins.collect(), clock::now()))
}

/// Binds every listener, then serves all of them until `stop` turns true.
async fn serve_town(
    settings: &Settings,
    (town, joined): (&Town, Joined),
    stop: &watch::Receiver<bool>,
) -> Result<(), RunError> {
    let listen = &settings.config.listen;
    let Listeners { public, terminal, staff, metrics } = Listeners::all();
    let Joined { witnessing, roaming, lists } = joined;
    let lists = Extension(lists);
    let applications = Extension(Applications::open(town.people().vault().clone()));
    let bulks = Extension(Bulks::start(town.clone(), stop.clone()));
    let desk = Extension(Arc::new(order_desk(settings)));
    let public = public.layer(applications.clone()).layer(desk).layer(Extension(witnessing));
    let public = public.layer(lists.clone());
    let staff = staff.layer(applications).layer(bulks).layer(lists);
    let terminal = terminal.layer(Extension(roaming));
    let mut bound = Vec::new();
    let wanted = [
        (Some(listen.public), public, "public"),
        (listen.terminal, terminal, "terminal"),
        (listen.staff, staff, "staff"),
        (Some(listen.metrics), metrics, "metrics"),
    ];
    for (address, routes, name) in wanted {
        if let Some(address) = address {
            let listener = bind(address).await?;
            tracing::info!(listener = name, %address, "listening");
            // People who come by a browser get a page, also where there is none.
            let routes = if name == "public" {
                page::with_fallbacks(routes)
            } else {
                with_fallbacks(routes)
            };
            // Officers send files; nobody else sends anything large.
            let body_bytes_max = match name {
                "staff" => bulk::file::FILE_BYTES_MAX,
                _ => Limits::default().body_bytes_max,
            };
            bound.push((listener, routes.with_state(town.clone()), body_bytes_max));
        }
    }
    let mut serving = JoinSet::new();
    for (listener, router, body_bytes_max) in bound {
        let router: Router = router;
        // A shop street behind one address, and a proxy in front, ask many at a time.
        let limits = Limits {
            requests_per_address_max: Limits::default().requests_max,
            body_bytes_max,
            ..Limits::default()
        };
        serving.spawn(serve(listener, router, limits, stop.clone()));
    }
    while serving.join_next().await.is_some() {}
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address).await.map_err(|source| RunError::Listen { address, source })
}

/// Reads finished segments again in the background; damage stops the node.
async fn scrub(engine: crate::engine::Engine) {
    let reader = engine.reader().clone();
    let scrubbed = tokio::task::spawn_blocking(move || {
        for segment in reader.scrub() {
            if let Err(damage) = segment {
                tracing::error!(%damage, "the journal is damaged; the node does not serve from it");
                std::process::abort();
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    });
    if scrubbed.await.is_err() {
        tracing::error!("the scrub ended early");
    }
}
