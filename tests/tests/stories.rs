//! The stories under `tests/stories`, each with real nodes and a clock of its own.

use std::path::Path;

use jichi_tests::{feature, steps, story::Story};

#[test]
fn every_story_ends_as_it_says() -> anyhow::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("stories");
    let told = feature::run_folder(&folder, &steps::all(), Story::new, Story::end)?;
    anyhow::ensure!(told > 0, "there is no story");
    eprintln!("{told} stories");
    Ok(())
}
