//! The single writer: collects commands, has the core decide them, and hands full batches to the
//! committer. While one batch is on its way to the disk, the next fills.

use std::{
    sync::{
        Arc, PoisonError,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    time::Duration,
};

use jichi_protocol::{date::Time, ledger::Ledger};

use super::{BATCH_ENTRIES_MAX, Halted, NotTaken, Reply, Shared, Standing, core, core::Core};
use crate::clock::{ClockGuard, Reading};

pub(super) type Work = super::Work<Reply>;
pub(super) type Batch = core::Batch<Reply>;

/// How often jobs and the wish to stop are looked at when no command comes.
const TICK: Duration = Duration::from_millis(50);
/// How long the next slice of a job waits when no command comes: without it, slices would follow
/// each other so closely that whoever asks the ledger hardly gets a turn.
const JOB_PAUSE: Duration = Duration::from_millis(2);

/// The writer's own state.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) core: Core,
    pub(super) clock: ClockGuard,
}

impl Writer {
    /// Runs until the node stops, then hands over the last batch.
    pub(super) fn run(
        mut self,
        queue: &Receiver<Work>,
        out: &SyncSender<Batch>,
    ) -> Result<(), Halted> {
        const NO_COMMITTER: Halted = Halted("the committer ended before the writer");
        while !self.shared.flags.stopping.load(Ordering::Relaxed) {
            let works = self.wait(queue)?;
            let batch = self.batch(works)?;
            if !batch.entries.is_empty() || !batch.releases.is_empty() {
                out.send(batch).map_err(|_| NO_COMMITTER)?;
            }
        }
        // What waits still is answered as not known: its caller asks by the key.
        let last = self.closing()?;
        out.send(last).map_err(|_| NO_COMMITTER)
    }

    /// Waits for commands, or for the time at which jobs are looked at.
    fn wait(&self, queue: &Receiver<Work>) -> Result<Vec<Work>, Halted> {
        let pause = if self.stands() && self.jobs_due() { JOB_PAUSE } else { TICK };
        let mut works = match queue.recv_timeout(pause) {
            Ok(first) => vec![first],
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Halted("every way to the writer is gone"));
            }
        };
        while works.len() < BATCH_ENTRIES_MAX
            && let Ok(work) = queue.try_recv()
        {
            works.push(work);
        }
        Ok(works)
    }

    fn stands(&self) -> bool {
        *self.shared.standing.borrow() == Standing::Newest
    }

    fn jobs_due(&self) -> bool {
        let ledger = self.shared.ledger.read().unwrap_or_else(PoisonError::into_inner);
        self.core.jobs_due(&ledger)
    }

    /// Decides and applies one batch.
    fn batch(&mut self, works: Vec<Work>) -> Result<Batch, Halted> {
        let shared = Arc::clone(&self.shared);
        let mut ledger = shared.ledger.write().unwrap_or_else(PoisonError::into_inner);
        let wall = match self.writable(&ledger) {
            Ok(wall) => wall,
            Err(why) => {
                for work in works {
                    // Who asked has gone away if this is not taken.
                    let _ = work.answer.send(Err(why));
                }
                return Ok(Batch::empty());
            }
        };
        let mut batch = self.core.batch(&mut ledger, wall, works)?;
        for answer in batch.overloaded.drain(..) {
            let _ = answer.send(Err(NotTaken::Overloaded));
        }
        Ok(batch)
    }

    /// The wall time for this batch, if anything may be written: an entry of a journal that is not
    /// the newest would be a second history.
    fn writable(&mut self, ledger: &Ledger) -> Result<Time, NotTaken> {
        if !self.stands() {
            return Err(NotTaken::Behind);
        }
        self.believed(ledger).ok_or(NotTaken::ClockDoubtful)
    }

    /// Reads the clocks for this batch; none while they are doubtful. A second reading later in
    /// the batch would date entries that the guard never saw.
    fn believed(&mut self, ledger: &Ledger) -> Option<Time> {
        let reading = Reading::now();
        let confirmed = self.shared.flags.clock_confirmed.lock();
        if let Some(by) = confirmed.unwrap_or_else(PoisonError::into_inner).take() {
            self.clock.confirm(reading, Some(ledger.meta().last), &by);
        }
        let doubtful = self.clock.observe(reading, Some(ledger.meta().last)).is_err();
        self.shared.flags.clock_doubtful.store(doubtful, Ordering::Relaxed);
        (!doubtful).then_some(reading.wall)
    }

    /// The last batch before a stop in order. While nothing may be written it is empty, as every
    /// batch is.
    fn closing(&mut self) -> Result<Batch, Halted> {
        let shared = Arc::clone(&self.shared);
        let mut ledger = shared.ledger.write().unwrap_or_else(PoisonError::into_inner);
        match self.writable(&ledger) {
            Ok(wall) => self.core.closing(&mut ledger, wall),
            Err(_) => Ok(Batch::empty()),
        }
    }
}
