//! A disk that keeps what was synced, and after a crash any sectors of what was not.

use jichi_node::journal::{
    memory::{Found, Laid, MemoryLog},
    sector::Log,
    segment::SegmentBytes,
};

use crate::{chance::Chance, mark::Marks};

const SECTOR: usize = 512;
/// More than any course writes; it is copied for each one.
const SEGMENT: u64 = 1 << 18;

/// One log's disk.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    log: Log,
    durable: Vec<u8>,
    pending: Vec<(usize, Vec<u8>)>,
}

/// What of an unsynced write a crash leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    Nothing,
    All,
    SomeSectors,
}

impl Disk {
    pub(crate) fn new(log: Log) -> Self {
        let bytes = usize::try_from(SEGMENT).expect("a segment fits into memory");
        Self { log, durable: vec![0; bytes], pending: Vec::new() }
    }

    pub(crate) fn begin(&self) -> MemoryLog {
        MemoryLog::new(self.log, SegmentBytes::new(SEGMENT).expect("a size of segments"))
    }

    pub(crate) fn write(&mut self, laid: &Laid) {
        let offset = usize::try_from(laid.offset).expect("an offset in a segment");
        self.pending.push((offset, laid.bytes.clone()));
    }

    pub(crate) fn sync(&mut self) {
        for (offset, bytes) in self.pending.drain(..) {
            self.durable[offset..offset + bytes.len()].copy_from_slice(&bytes);
        }
    }

    pub(crate) fn crash(&mut self, left: Left, chance: &mut Chance, marks: &mut Marks) {
        for (offset, bytes) in std::mem::take(&mut self.pending) {
            match left {
                Left::Nothing => marks.reach("a crash lost an unsynced write"),
                Left::All => marks.reach("a crash kept an unsynced write"),
                Left::SomeSectors => marks.reach("a crash tore a write"),
            }
            for (number, sector) in bytes.chunks(SECTOR).enumerate() {
                let kept = match left {
                    Left::Nothing => false,
                    Left::All => true,
                    Left::SomeSectors => chance.percent(60),
                };
                if kept {
                    let at = offset + number * SECTOR;
                    self.durable[at..at + sector.len()].copy_from_slice(sector);
                }
            }
        }
    }

    /// Reads what is there, and blanks what is torn, as the journal's rewriting does.
    pub(crate) fn open(&mut self) -> Result<Found, String> {
        let found =
            MemoryLog::open(self.log, &self.durable).map_err(|damage| damage.to_string())?;
        let good = usize::try_from(found.good).expect("an offset in a segment");
        self.durable[good..].fill(0);
        Ok(found)
    }

    /// Keeps so many frames from the begin: what a backup has, and a start that cuts too much.
    pub(crate) fn keep(&mut self, frames: usize) -> Result<(), String> {
        let found = self.open()?;
        let (mut log, mut good) = (self.begin(), 0);
        for batch in found.batches.iter().take(frames) {
            let laid = log.lay(&batch.entries, &batch.checkpoint).ok_or("no room")?;
            good = laid.offset + laid.bytes.len() as u64;
            log = laid.behind;
        }
        self.cut_to(good);
        Ok(())
    }

    fn cut_to(&mut self, bytes: u64) {
        let good = usize::try_from(bytes).expect("an offset in a segment");
        self.durable[good..].fill(0);
    }
}
