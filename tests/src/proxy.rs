//! A line between two nodes that can be cut, stalled and slowed: each dials the other through it.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// How often a stalled direction looks whether it may go on.
const LOOK: Duration = Duration::from_millis(5);

/// What happens to the bytes of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// They pass.
    Pass,
    /// They pass so much later.
    Late(Duration),
    /// They wait until this changes.
    Stalled,
    /// They are gone; the connection then carries nothing more in this direction.
    Lost,
}

/// A direction of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the first node to the second.
    There,
    /// From the second node to the first.
    Back,
}

/// A line between two nodes. Nothing passes once it is dropped.
#[derive(Debug)]
pub struct Line {
    /// Where the second node dials the first.
    pub to_first: SocketAddr,
    /// Where the first node dials the second.
    pub to_second: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    there: Flow,
    back: Flow,
    /// New connections are closed at once.
    refuses: bool,
    /// So many bytes pass, of both directions together, until everything is cut once.
    left: Option<usize>,
    cuts: u32,
    links: Vec<TcpStream>,
}

impl State {
    const fn flow(&self, way: Way) -> Flow {
        match way {
            Way::There => self.there,
            Way::Back => self.back,
        }
    }

    fn cut(&mut self) {
        for link in self.links.drain(..) {
            // An error says that it has ended already.
            let _ = link.shutdown(Shutdown::Both);
        }
        self.left = None;
        self.cuts = self.cuts.saturating_add(1);
    }
}

impl Line {
    /// A line between nodes that listen there. All passes.
    ///
    /// # Errors
    /// When no port is free.
    pub fn between(first: SocketAddr, second: SocketAddr) -> io::Result<Self> {
        let state = State {
            there: Flow::Pass,
            back: Flow::Pass,
            refuses: false,
            left: None,
            cuts: 0,
            links: Vec::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let to_first = listen(first, Way::Back, &state)?;
        let to_second = listen(second, Way::There, &state)?;
        Ok(Self { to_first, to_second, state })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// Says what happens to the bytes of one direction from now on.
    pub fn set(&self, way: Way, flow: Flow) {
        let mut state = self.state();
        match way {
            Way::There => state.there = flow,
            Way::Back => state.back = flow,
        }
    }

    /// Ends every connection; new ones are taken.
    pub fn cut(&self) {
        self.state().cut();
    }

    /// Ends every connection once so many more bytes have passed, in the middle of whatever then
    /// passes.
    pub fn cut_after(&self, bytes: usize) {
        self.state().left = Some(bytes);
    }

    /// How often everything was cut.
    #[must_use]
    pub fn cuts(&self) -> u32 {
        self.state().cuts
    }

    /// Ends every connection, and takes no new ones.
    pub fn part(&self) {
        let mut state = self.state();
        state.refuses = true;
        state.cut();
    }

    /// All passes again, by new connections.
    pub fn heal(&self) {
        let mut state = self.state();
        (state.there, state.back, state.refuses) = (Flow::Pass, Flow::Pass, false);
        state.cut();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.part();
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes connections for one node; what who dialled sends goes `way`.
fn listen(to: SocketAddr, way: Way, state: &Arc<Mutex<State>>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let weak = Arc::downgrade(state);
    thread::spawn(move || {
        for dialled in listener.incoming().flatten() {
            let Some(state) = weak.upgrade() else { return };
            // An error says that the node does not listen: who dialled hears that it ended.
            let _ = link(dialled, to, way, &state);
        }
    });
    Ok(address)
}

fn link(dialled: TcpStream, to: SocketAddr, way: Way, state: &Arc<Mutex<State>>) -> io::Result<()> {
    if locked(state).refuses {
        return Ok(());
    }
    let other = TcpStream::connect(to)?;
    dialled.set_nodelay(true)?;
    other.set_nodelay(true)?;
    let back = match way {
        Way::There => Way::Back,
        Way::Back => Way::There,
    };
    let (ends, again) = ((dialled.try_clone()?, other.try_clone()?), (dialled, other));
    {
        let mut state = locked(state);
        if state.refuses {
            return Ok(());
        }
        state.links.extend([ends.0.try_clone()?, ends.1.try_clone()?]);
    }
    let (one, two) = (Arc::clone(state), Arc::clone(state));
    thread::spawn(move || carry(&ends.0, &ends.1, way, &one));
    thread::spawn(move || carry(&again.1, &again.0, back, &two));
    Ok(())
}

/// Carries bytes until either end is gone, and then ends both.
fn carry(mut from: &TcpStream, mut to: &TcpStream, way: Way, state: &Mutex<State>) {
    let mut buffer = [0_u8; 4_096];
    let mut whole = true;
    while let Ok(read) = from.read(&mut buffer) {
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        if let Flow::Late(time) = locked(state).flow(way) {
            thread::sleep(time);
        }
        while locked(state).flow(way) == Flow::Stalled {
            thread::sleep(LOOK);
        }
        whole &= locked(state).flow(way) != Flow::Lost;
        if !whole {
            continue;
        }
        let (bytes, last) = allowed(state, bytes);
        let written = to.write_all(bytes);
        if last {
            locked(state).cut();
        }
        if written.is_err() {
            break;
        }
    }
    // Errors say that they have ended already.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// What of these bytes may still pass, and whether all is cut behind them.
fn allowed<'b>(state: &Mutex<State>, bytes: &'b [u8]) -> (&'b [u8], bool) {
    let mut state = locked(state);
    let Some(left) = state.left else { return (bytes, false) };
    match left.checked_sub(bytes.len()) {
        Some(rest) if rest > 0 => {
            state.left = Some(rest);
            (bytes, false)
        }
        Some(_) | None => (bytes.get(..left).unwrap_or(bytes), true),
    }
}
