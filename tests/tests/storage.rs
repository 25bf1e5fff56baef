//! What a disk does to a node: lost folders, flipped bits, torn tails, failing syncs, no room.

use std::{
    fs, io,
    os::unix::{fs::PermissionsExt as _, process::ExitStatusExt as _},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use jichi_node::{
    clock,
    config::Settings,
    engine::start::{Stores, begin},
    init::NodeKeys,
    journal::segment::SegmentBytes,
};
use jichi_protocol::{
    command::{RulesVersion, TownOpening},
    date::BusinessDate,
    id::Generation,
    key::ClientKey,
    log::{note::VerifierKey, receipt::Receipt, tree::leaf_hash},
};
use jichi_tests::town::{
    Request, Signed, Town, audit, audit_is_sound, copy_folder, expect_equal, jichi_program,
};
use tempfile::TempDir;

const SECTOR: usize = 512;
/// SIGABRT: how a node ends that must not go on.
const ABORTED: i32 = 6;

/// Pays one point so many times; the keys come back, the last one's last.
fn pay(town: &Town, signed: &Signed, times: u32) -> anyhow::Result<Vec<ClientKey>> {
    let (till, terminals) = (town.till()?, town.node().terminals());
    let mut keys = Vec::new();
    for _ in 0..times {
        let payment = till.payment(signed, 1)?;
        payment.send(&terminals)?.ok()?;
        keys.push(payment.key);
    }
    Ok(keys)
}

fn first_signed(town: &Town) -> anyhow::Result<Signed> {
    town.sign_in(town.people.first().context("a resident")?)
}

/// What a stranger can see of a town, and each resident of his points.
fn picture(town: &Town) -> anyhow::Result<((u64, String), Vec<u64>)> {
    let points = |person| town.balance(&town.sign_in(person)?);
    let balances = town.people.iter().map(points).collect::<anyhow::Result<_>>()?;
    Ok((town.checkpoint()?, balances))
}

fn receipts_verify(town: &Town, keys: &[ClientKey]) -> anyhow::Result<()> {
    let vkey: VerifierKey = town.node().public().text("/log/key")?.trim().parse()?;
    for key in keys {
        let receipt = town.node().terminals().text(&format!("/v1/operations/{key}/receipt"))?;
        let receipt = Receipt::parse(receipt.as_bytes())?;
        receipt.verify(&vkey, &leaf_hash(receipt.extra()))?;
    }
    Ok(())
}

#[test]
fn what_can_be_rebuilt_may_be_lost() -> anyhow::Result<()> {
    let mut town = Town::furnished(3, 300)?;
    let keys = pay(&town, &first_signed(&town)?, 20)?;
    let lost: [&[&str]; 4] =
        [&["index"], &["tiles"], &["snapshots"], &["index", "tiles", "snapshots"]];
    for folders in lost {
        // Something new, so that the stop writes a snapshot.
        pay(&town, &first_signed(&town)?, 1)?;
        town.node_mut().stop()?;
        town.node_mut().start()?;
        let before = picture(&town)?;
        town.node_mut().stop()?;
        for folder in folders {
            let folder = town.node().data().join(folder);
            ensure!(folder.is_dir(), "{} was never written", folder.display());
            fs::remove_dir_all(folder)?;
        }
        town.node_mut().start()?;
        expect_equal(&format!("without {folders:?}"), &picture(&town)?, &before)?;
        receipts_verify(&town, &keys)?;
    }
    // The same after a stop that was none: the snapshot is older than the journal's end.
    pay(&town, &first_signed(&town)?, 1)?;
    town.node_mut().stop()?;
    town.node_mut().start()?;
    let more = pay(&town, &first_signed(&town)?, 5)?;
    let before = picture(&town)?;
    town.node_mut().kill()?;
    for folder in ["index", "tiles", "snapshots"] {
        fs::remove_dir_all(town.node().data().join(folder))?;
    }
    town.node_mut().start()?;
    expect_equal("without any of them, after SIGKILL", &picture(&town)?, &before)?;
    receipts_verify(&town, &keys)?;
    receipts_verify(&town, &more)?;
    town.node_mut().stop()?;
    audit_is_sound(&town.node().data())
}

/// The journal's first segment, as bytes.
struct Segment {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Segment {
    fn of(town: &Town) -> anyhow::Result<Self> {
        let path = town.node().data().join("journal/00000000.seg");
        Ok(Self { bytes: fs::read(&path)?, path })
    }

    /// The bytes at which frames begin: each header begins with the file's first eight bytes.
    fn frames(&self) -> anyhow::Result<Vec<usize>> {
        let magic = self.bytes.first_chunk::<8>().context("a header")?;
        let sectors = self.bytes.chunks_exact(SECTOR).enumerate();
        let headers = sectors.filter(|(_, sector)| sector.starts_with(magic));
        Ok(headers.map(|(number, _)| number.saturating_mul(SECTOR)).collect())
    }

    /// The byte behind the last sector that holds something.
    fn end(&self) -> usize {
        let mut sectors = self.bytes.chunks_exact(SECTOR);
        let written = sectors.rposition(|sector| sector.iter().any(|byte| *byte != 0));
        written.map_or(0, |last| last.saturating_add(1).saturating_mul(SECTOR))
    }

    /// Writes the file with one bit of this byte flipped.
    fn flip(&self, at: usize) -> anyhow::Result<()> {
        let mut bytes = self.bytes.clone();
        *bytes.get_mut(at).context("a byte")? ^= 0x10;
        Ok(fs::write(&self.path, bytes)?)
    }

    /// Writes the file with zeros from one byte to another.
    fn blank(&self, from: usize, to: usize) -> anyhow::Result<()> {
        let mut bytes = self.bytes.clone();
        bytes.get_mut(from..to).context("bytes")?.fill(0);
        Ok(fs::write(&self.path, bytes)?)
    }

    /// Writes the file as it was.
    fn restore(&self) -> anyhow::Result<()> {
        Ok(fs::write(&self.path, &self.bytes)?)
    }
}

/// The node refuses to start and says where the damage is, and so does the audit.
fn is_refused(town: &mut Town, at: usize) -> anyhow::Result<()> {
    let place = at.saturating_sub(at.checked_rem(SECTOR).unwrap_or_default());
    let place = format!("segment 00000000.seg, byte {place}");
    let log = town.node().dir.join("messages.log");
    let said_before = fs::read_to_string(&log)?.len();
    town.node_mut().launch()?;
    let status = town.node_mut().wait_until_ended()?;
    ensure!(!status.success(), "byte {at}: the node ended well");
    let said = fs::read_to_string(&log)?.split_off(said_before);
    ensure!(said.contains(&place), "byte {at}: {place:?} is not in {said:?}");
    let output = audit(&town.node().data())?;
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    expect_equal("the audit's exit code", &output.status.code(), &Some(1))?;
    ensure!(report.contains(&place), "byte {at}: {place:?} is not in {report:?}");
    Ok(())
}

/// One bit in the first frame, the middle, the last frame's header, its body and its end.
fn flipped_bits_are_refused(town: &mut Town) -> anyhow::Result<()> {
    let segment = Segment::of(town)?;
    let frames = segment.frames()?;
    let last = *frames.last().context("a frame")?;
    let middle = *frames.get(frames.len() / 2).context("a frame")?;
    let end = segment.end();
    let places =
        [40, middle.saturating_add(SECTOR + 9), last.saturating_add(20), end.saturating_sub(7)];
    for at in places {
        segment.flip(at)?;
        is_refused(town, at)?;
    }
    segment.restore()
}

#[test]
fn a_flipped_bit_keeps_the_node_from_starting() -> anyhow::Result<()> {
    let mut town = Town::furnished(2, 300)?;
    let keys = pay(&town, &first_signed(&town)?, 20)?;
    town.node_mut().kill()?;
    flipped_bits_are_refused(&mut town).context("after SIGKILL")?;
    town.node_mut().start()?;
    receipts_verify(&town, &keys)?;
    let before = picture(&town)?.1;
    town.node_mut().stop()?;
    flipped_bits_are_refused(&mut town).context("after a stop in order")?;
    // Nothing was changed by all the refused starts.
    town.node_mut().start()?;
    expect_equal("the balances", &picture(&town)?.1, &before)
}

/// The newest page of a holder's history.
fn history(signed: &Signed) -> anyhow::Result<serde_json::Value> {
    let page = signed.client.get("/v1/me/history")?.ok()?;
    ensure!(page.to_string().contains("entry"), "an empty history: {page}");
    Ok(page)
}

#[test]
fn a_torn_tail_is_cut_with_a_warning() -> anyhow::Result<()> {
    let mut town = Town::furnished(1, 300)?;
    let mut signed = first_signed(&town)?;
    // How many bytes at the frame's end never reached the disk; none: all but the header.
    for torn in [Some(SECTOR), Some(SECTOR * 2), None] {
        pay(&town, &signed, 3)?;
        let held = town.balance(&signed)?;
        let (size, root) = town.checkpoint()?;
        let history = history(&signed)?;
        let last = pay(&town, &signed, 1)?;
        // By then the index has written down what it knows, and knows more than the journal will.
        thread::sleep(Duration::from_secs(1));
        town.node_mut().kill()?;
        let segment = Segment::of(&town)?;
        let (frame, end) = (*segment.frames()?.last().context("a frame")?, segment.end());
        let body = frame.saturating_add(SECTOR);
        let from = torn.map_or(body, |bytes| end.saturating_sub(bytes).max(body));
        segment.blank(from, end)?;
        town.node_mut().start()?;
        let messages = fs::read_to_string(town.node().dir.join("messages.log"))?;
        let warning = format!("a half-written frame at byte {frame} was cut");
        ensure!(messages.contains(&warning), "{warning:?} is not in {messages}");
        expect_equal("the checkpoint", &town.checkpoint()?, &(size, root))?;
        signed = first_signed(&town)?;
        expect_equal("the balance", &town.balance(&signed)?, &held)?;
        expect_equal("the history", &self::history(&signed)?, &history)?;
        // What was cut was never done: its key is free, and stays so behind new entries.
        pay(&town, &signed, 1)?;
        for key in last {
            let reply = town.node().terminals().get(&format!("/v1/operations/{key}"))?;
            expect_equal("what was cut", &reply.code(), &"not_found")?;
        }
    }
    town.node_mut().stop()?;
    audit_is_sound(&town.node().data())
}

/// A program in the place of `jichi`: while the file `fault` lies beside it, each thread's
/// `nth` fdatasync fails.
fn failing_disk(dir: &Path, nth: u32) -> anyhow::Result<PathBuf> {
    let (program, wrapper) = (jichi_program(), dir.join("jichi-on-a-failing-disk"));
    // With -D the node is the child, and the tracer its descendant.
    let script = format!(
        "#!/bin/sh\nif [ -e '{dir}/fault' ]; then\n  exec strace -D -f -qq -o /dev/null \
         -e trace=fdatasync -e inject=fdatasync:error=EIO:when={nth} '{program}' \"$@\"\nfi\n\
         exec '{program}' \"$@\"\n",
        dir = dir.display(),
        program = program.display()
    );
    fs::write(&wrapper, script)?;
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
    Ok(wrapper)
}

#[test]
fn a_failing_sync_ends_the_process_and_loses_nothing() -> anyhow::Result<()> {
    const NTH: u32 = 12;
    let has_strace = Command::new("strace").arg("-V").output();
    ensure!(has_strace.is_ok(), "strace is needed: apt-get install strace");
    let dir = TempDir::new()?;
    let wrapper = failing_disk(dir.path(), NTH)?;
    let mut town = Town::furnished_by(&wrapper, 1, 300, &|_| Ok(()))?;
    town.node_mut().stop()?;
    fs::write(dir.path().join("fault"), "")?;
    town.node_mut().start()?;
    let signed = first_signed(&town)?;
    let (till, terminals) = (town.till()?, town.node().terminals());
    let (mut done, mut unanswered) = (Vec::new(), None);
    for _ in 0..NTH * 3 {
        let payment = till.payment(&signed, 1)?;
        match payment.send(&terminals).and_then(jichi::client::Reply::ok) {
            Ok(answer) => done.push((payment.key, answer.get("entry").cloned())),
            Err(_) => {
                unanswered = Some(payment.key);
                break;
            }
        }
    }
    let unanswered = unanswered.context("no sync failed")?;
    ensure!(!done.is_empty(), "nothing was paid before the fault");
    let status = town.node_mut().wait_until_ended()?;
    expect_equal("the signal that ended it", &status.signal(), &Some(ABORTED))?;
    let messages = town.node().last_messages();
    ensure!(messages.contains("was not made durable"), "{messages}");
    fs::remove_file(dir.path().join("fault"))?;
    town.node_mut().start()?;
    for (key, entry) in &done {
        let reply = town.node().terminals().get(&format!("/v1/operations/{key}"))?.ok()?;
        expect_equal("the entry", &reply.get("entry").cloned(), entry)?;
    }
    // Its frame may be on the disk or not; its caller was told neither, and finds out by the key.
    let reply = town.node().terminals().get(&format!("/v1/operations/{unanswered}"))?;
    let last = match (reply.status, reply.code()) {
        (200, _) => 1,
        (404, "not_found") => 0,
        _ => bail!("{reply:?}"),
    };
    let paid = u64::try_from(done.len())?.saturating_add(last);
    let held = town.balance(&first_signed(&town)?)?;
    expect_equal("the balance", &held, &300_u64.saturating_sub(paid))?;
    town.node_mut().stop()?;
    audit_is_sound(&town.node().data())
}

/// A small file system in memory, gone with this value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, options: &str) -> anyhow::Result<Self> {
        let mut mount = Command::new("mount");
        let status = mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).status()?;
        ensure!(status.success(), "no tmpfs can be mounted");
        Ok(Self(at.to_path_buf()))
    }

    fn grow(&self, options: &str) -> anyhow::Result<()> {
        let options = format!("remount,{options}");
        let status = Command::new("mount").args(["-o", &options]).arg(&self.0).status()?;
        ensure!(status.success(), "the tmpfs cannot be made larger");
        Ok(())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the node may still be ending.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Puts a town's data on a small disk, with a journal whose first segment is small: the next
/// one has the usual 64 MiB, for which there is no room.
fn move_to_small_disk(node: &Path) -> anyhow::Result<SmallDisk> {
    let (data, aside) = (node.join("data"), node.join("aside"));
    fs::rename(&data, &aside)?;
    fs::create_dir(&data)?;
    let disk = SmallDisk::mount(&data, "size=60m")?;
    fs::remove_dir_all(aside.join("journal"))?;
    copy_folder(&aside, &data)?;
    fs::remove_dir_all(aside)?;
    let settings = Settings::read(&node.join("node.toml"))?;
    let keys = NodeKeys::read(&settings)?;
    let (log_key, channel_key) = keys.public();
    let opening = TownOpening {
        town: settings.town.context("a town")?,
        generation: Generation(1),
        log_key,
        channel_key,
        root: settings.root.clone(),
        rules: RulesVersion::V1,
        date: BusinessDate::LAST,
    };
    let small = SegmentBytes::new(256 << 10).context("a size")?;
    begin(&Stores::of(&data), opening, &keys.engine(), small)?;
    Ok(disk)
}

#[test]
fn a_full_disk_holds_writes_up_and_loses_none() -> anyhow::Result<()> {
    let root = Command::new("id").arg("-u").output()?.stdout == b"0\n";
    if !root {
        eprintln!("left out: only root can mount a small disk");
        return Ok(());
    }
    let disk = std::cell::OnceCell::new();
    let mut town = Town::furnished_by(&jichi_program(), 1, 10_000, &|node| {
        disk.set(move_to_small_disk(node)?).map_err(|_| anyhow::anyhow!("mounted twice"))
    })?;
    let outcome = live_without_a_free_byte(&town)
        .and_then(|()| fill_and_make_room(&mut town, disk.get().context("a disk")?));
    let told = outcome.with_context(|| town.node().last_messages());
    // The node is gone before its disk, and the disk before the folder that it lies in.
    let stopped = town.node_mut().stop();
    let audited = audit_is_sound(&town.node().data());
    drop(disk);
    told.and(stopped).and(audited)
}

/// Another file takes all the room that is left: the journal has its own, the rest has not.
fn live_without_a_free_byte(town: &Town) -> anyhow::Result<()> {
    let signed = first_signed(town)?;
    let (till, terminals) = (town.till()?, town.node().terminals());
    let filler = town.node().data().join("filler");
    // Ends with an error when the disk is full, which is the point.
    let _ = io::copy(&mut io::repeat(1), &mut fs::File::create(&filler)?);
    let mut asked = Vec::new();
    for _ in 0..300 {
        let payment = till.payment(&signed, 1)?;
        let reply = payment.send(&terminals)?;
        match (reply.status, reply.code()) {
            (200 | 202, _) => asked.push(payment.key),
            (_, "storage_full") => break,
            _ => bail!("{reply:?}"),
        }
    }
    fs::remove_file(filler)?;
    let held = 10_000_u64.saturating_sub(u64::try_from(asked.len())?);
    wait_until_paid(&till.payment(&signed, 1)?, town)?;
    receipts_verify(town, &asked)?;
    expect_equal("the balance", &town.balance(&signed)?, &held.saturating_sub(1))?;
    ensure!(town.node().last_messages().contains("the disk is full"), "the disk was never full");
    Ok(())
}

/// Sends a payment until there is room for it.
fn wait_until_paid(payment: &Request, town: &Town) -> anyhow::Result<()> {
    let (terminals, begun) = (town.node().terminals(), clock::monotonic());
    loop {
        let reply = payment.send(&terminals)?;
        if reply.status == 200 {
            return Ok(());
        }
        ensure!(
            clock::monotonic().since(begun) < Duration::from_secs(30),
            "there is room, and still {reply:?}"
        );
        thread::sleep(Duration::from_millis(200));
    }
}

fn fill_and_make_room(town: &mut Town, disk: &SmallDisk) -> anyhow::Result<()> {
    let signed = first_signed(town)?;
    let before = town.balance(&signed)?;
    let (till, terminals) = (town.till()?, town.node().terminals());
    let (mut done, mut waiting) = (Vec::new(), Vec::new());
    for _ in 0..1_000 {
        let payment = till.payment(&signed, 1)?;
        let reply = payment.send(&terminals)?;
        match (reply.status, reply.code()) {
            (200, _) => done.push(payment.key),
            (202, _) => waiting.push(payment.key),
            (_, "storage_full") => break,
            _ => bail!("{reply:?}"),
        }
    }
    ensure!(!waiting.is_empty(), "the disk was never full");
    eprintln!("{} payments until the disk was full", done.len());
    // Still full: the next one is turned away as well, and is not done later.
    let payment = till.payment(&signed, 1)?;
    let turned_away = payment.send(&terminals)?;
    expect_equal("on a full disk", &turned_away.code(), &"storage_full")?;
    disk.grow("size=400m")?;
    wait_until_paid(&payment, town)?;
    done.push(payment.key);
    done.append(&mut waiting);
    receipts_verify(town, &done)?;
    let held = town.balance(&signed)?;
    expect_equal("the balance", &held, &before.saturating_sub(u64::try_from(done.len())?))?;
    // And after SIGKILL it is all there, the index too, which had no room for a while.
    town.node_mut().kill()?;
    town.node_mut().start()?;
    receipts_verify(town, &done)?;
    let signed = first_signed(town)?;
    history(&signed)?;
    expect_equal("the balance again", &town.balance(&signed)?, &held)
}
