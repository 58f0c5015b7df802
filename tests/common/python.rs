//! A Python with packages from PyPI: a virtual environment below `target`, made by whoever comes first.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::host::run;

/// The Python of the environment that has what this `requirements.txt` names. Without Python or PyPI the test fails; it
/// is not skipped.
pub fn python_with(requirements: &Path) -> PathBuf {
    let mut hash = DefaultHasher::new();
    std::fs::read_to_string(requirements).expect("requirements").hash(&mut hash);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let made = target.join(format!("python-{:016x}", hash.finish()));
    if !made.exists() {
        // Another process may be at it, too: each makes its own, and the first one done gives the name to it.
        let making = tempfile::tempdir_in(target).expect("a temporary folder");
        let environment = making.path().join("venv");
        run(Command::new("python3").args(["-m", "venv"]).arg(&environment));
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        run(Command::new(environment.join("bin/python")).args(pip).arg(requirements));
        if let Err(e) = std::fs::rename(&environment, &made) {
            assert!(made.exists(), "{}: {e}", made.display());
        }
    }
    made.join("bin/python")
}
