//! `jichi demo`: three towns, a coordinator and a partner as separate processes on loopback, and a
//! story with real signatures, a killed node, and audits.

mod others;
mod story;
mod uses;

use std::{path::PathBuf, process::ExitCode, thread, time::Duration};

use anyhow::Context as _;

use crate::{
    out,
    world::{MAEBASHI, SAGAMIHARA, TownSpec, World},
};

/// The town with the library.
const TOYAMA: TownSpec = TownSpec { code: "162019", ja: "富山市", en: "Toyama" };

/// What `jichi demo` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// End when the story is told, with a status; else the pages stay up.
    #[arg(long)]
    exit: bool,
    /// Keep the data in this folder, which must not exist yet.
    #[arg(long)]
    keep: Option<PathBuf>,
}

/// Runs the demo.
///
/// # Errors
/// When a step does not do what it should.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let folder = Folder::make(args.keep.clone())?;
    let program = std::env::current_exe().context("the path of this program")?;
    out::line(
        "Jichi demo: 前橋市 (102016), 相模原市 (141500), 富山市 (162019), a coordinator, on loopback",
    );
    let mut world = World::make(&folder.path, &program, &[MAEBASHI, SAGAMIHARA, TOYAMA])?;
    let library = others::library_of(world.towns.last().context("a town")?)?;
    world.start()?;
    let told = story::tell(&mut world, &folder.path, &library);
    if let Err(error) = &told {
        for node in world.towns.iter().chain([&world.coordinator]) {
            out::progress(format!("{}:\n{}", node.dir.display(), node.last_messages()));
        }
        out::progress(format!("the demo failed: {error:#}"));
        return Ok(ExitCode::FAILURE);
    }
    if args.exit {
        world.stop()?;
        if args.keep.is_some() {
            out::line(format!("the data is kept in {}", folder.path.display()));
        }
        out::line("all steps did what they should");
        return Ok(ExitCode::SUCCESS);
    }
    world.towns.iter_mut().try_for_each(crate::world::Node::ensure_running)?;
    out::line("the pages stay up until this command is interrupted:");
    for (node, name) in
        world.towns.iter().zip(["前橋市 Maebashi", "相模原市 Sagamihara", "富山市 Toyama"])
    {
        out::line(format!("  {name}: http://{}/", node.addresses.public));
    }
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// Where the demo's data lies.
struct Folder {
    path: PathBuf,
    keep: Kept,
}

enum Kept {
    Yes,
    No,
}

impl Folder {
    fn make(keep: Option<PathBuf>) -> anyhow::Result<Self> {
        match keep {
            Some(path) => {
                std::fs::create_dir(&path).with_context(|| {
                    format!("{}: the folder must not exist yet", path.display())
                })?;
                Ok(Self { path: path.canonicalize()?, keep: Kept::Yes })
            }
            None => {
                let mut random = [0_u8; 8];
                getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("{error}"))?;
                let name = format!("jichi-demo-{:016x}", u64::from_be_bytes(random));
                let path = std::env::temp_dir().join(name);
                std::fs::create_dir(&path)?;
                Ok(Self { path, keep: Kept::No })
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        match self.keep {
            Kept::Yes => {}
            // What cannot be removed lies in the system's folder for temporary files.
            Kept::No => drop(std::fs::remove_dir_all(&self.path)),
        }
    }
}
