//! Random batches, random faults, many restarts, against a model: a list of what was synced.

use super::*;

/// Splitmix: the same run for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }

    fn bytes(&mut self, limit: u64) -> Vec<u8> {
        let length = self.below(limit);
        // Runs of zeros too: a payload of zeros is no blank sector.
        let fill = [0, 0xFF, 0x5B][self.below(3) as usize];
        (0..length).map(|n| if n % 97 == 3 { self.below(256) as u8 } else { fill }).collect()
    }
}

struct Model {
    dir: TempDir,
    random: Random,
    /// All that was answered.
    entries: Vec<Vec<u8>>,
    frames: Vec<FrameAt>,
}

impl Model {
    fn batch(&mut self, journal: &mut Journal) {
        let entries: Vec<_> = (0..=self.random.below(4)).map(|_| self.random.bytes(900)).collect();
        let checkpoint = self.random.bytes(200);
        self.frames.push(journal.append(&entries, &checkpoint).unwrap());
        self.entries.extend(entries);
    }

    fn compare(&self, reader: &Reader) {
        assert_eq!(entries_of(reader), self.entries);
        assert_eq!(reader.next_index(), EntryIndex(self.entries.len() as u64));
    }

    /// Takes some sectors of the last frame away, as a crash before its sync does.
    fn tear(&mut self) {
        let Some(last) = self.frames.pop() else { return };
        self.entries.truncate(last.first.0 as usize);
        let path = segment::path(self.dir.path(), last.segment);
        let bytes = fs::read(&path).unwrap();
        let begin = last.offset as usize / 512;
        let sectors = bytes.as_chunks::<512>().0;
        let end = sectors.iter().rposition(|sector| *sector != sector::ZERO).unwrap() + 1;
        let certain = begin + self.random.below((end - begin) as u64) as usize;
        for sector in begin..end {
            if sector == certain || self.random.below(2) == 0 {
                overwrite(self.dir.path(), last.segment, sector as u64 * 512, &sector::ZERO);
            }
        }
    }

    /// Changes something that was written, then looks that nobody takes it for good, and puts
    /// it back.
    fn damage(&mut self) {
        let segments = segment::list(self.dir.path()).unwrap();
        let (number, bytes) = segments[self.random.below(segments.len() as u64) as usize];
        let path = segment::path(self.dir.path(), number);
        let good = fs::read(&path).unwrap();
        let sector = self.random.below(bytes / 512) as usize * 512;
        let mut bad = good.clone();
        match self.random.below(4) {
            0 => bad[sector + self.random.below(512) as usize] ^= 1 << self.random.below(8),
            1 => bad.truncate(sector),
            2 => bad[sector..sector + 512].fill(0),
            _ => {
                let from = self.random.below(bytes / 512) as usize * 512;
                bad.copy_within(from..from + 512, sector);
            }
        }
        fs::write(&path, &bad).unwrap();
        let found = audit(self.dir.path());
        if let Ok((reader, _)) = found {
            // What is served is never anything else than what was written, and what is not
            // served any more was the last frame, as if it had been torn.
            let served = entries_of(&reader);
            let last = self.frames.last().map_or(0, |frame| frame.first.0 as usize);
            assert!(served.len() == self.entries.len() || served.len() == last);
            assert_eq!(served, self.entries[..served.len()]);
        } else {
            damage_of(found.map(drop));
            assert_ne!(bad, good);
        }
        fs::write(&path, &good).unwrap();
    }
}

fn run(seed: u64) {
    let dir = TempDir::new().unwrap();
    let mut journal = create(dir.path());
    let (entries, frames) = (Vec::new(), Vec::new());
    let mut model = Model { dir, random: Random(seed), entries, frames };
    for _ in 0..12 {
        for _ in 0..model.random.below(6) {
            model.batch(&mut journal);
        }
        model.compare(&journal.reader());
        let before = model.frames.len();
        if model.random.below(2) == 0 {
            journal.close().unwrap();
            model.damage();
        } else {
            model.batch(&mut journal);
            drop(journal);
            model.damage();
            if model.random.below(3) > 0 {
                model.tear();
                assert_eq!(model.frames.len(), before);
            }
        }
        let verify = [Verify::Tail, Verify::All][model.random.below(2) as usize];
        let opened = Journal::open(model.dir.path(), LOG, SMALL, verify, None, &mut |_| {});
        journal = opened.unwrap().journal;
        model.compare(&journal.reader());
    }
}

#[test]
fn no_synced_frame_is_lost_and_no_damage_is_served() {
    for seed in 0..60 {
        let run = std::panic::catch_unwind(|| run(seed));
        assert!(run.is_ok(), "seed {seed}");
    }
}
