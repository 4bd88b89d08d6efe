//! What a watch tells is enough for builds to look only where something happened: after any series of changes an artifact is what
//! a build that knows nothing makes of the same source.

use std::{
    fs, io,
    os::unix::fs::{PermissionsExt, symlink},
};

use fastrand::Rng;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::*;
use crate::{
    build::{self, BUILD_TIMEOUT, Earlier, Progress, ToolEnvironment},
    stack::{Architecture, Build},
};

const SEEDS: u64 = 6;
const ROUNDS: usize = 40;
const CHANGES_MAX: usize = 6;
/// How long the kernel may take to tell.
const PATIENCE: Duration = Duration::from_secs(60);

/// A source under watch.
struct Bench {
    dir: tempfile::TempDir,
    watch: Watch,
    rng: Rng,
    marks: u64,
    /// Something was changed by a name that nobody watches.
    is_unheard: bool,
}

impl Bench {
    fn new(build: Build, seed: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Without links in it, as the command line makes it.
        let root = dir.path().canonicalize().unwrap();
        for folder in ["source", "outside", "manifest", "unwatched"] {
            fs::create_dir(root.join(folder)).unwrap();
        }
        fs::write(root.join("source/app.py"), "0").unwrap();
        let mut watch = Watch::new(vec![root.join("manifest/stack.toml")]).unwrap();
        let request = request(&root, build);
        watch.set_functions(BTreeMap::from([("f".to_owned(), request)])).unwrap();
        Self { dir, watch, rng: Rng::with_seed(seed), marks: 0, is_unheard: false }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    fn source(&self) -> PathBuf {
        self.root().join("source")
    }

    /// Until all that has happened has been told; whether the function was reached.
    async fn settle(&mut self) -> bool {
        self.marks += 1;
        // One event and no more: the rest of an earlier one would be taken for this one.
        let new = self.root().join("unwatched/mark");
        fs::write(&new, self.marks.to_string()).unwrap();
        fs::rename(new, self.root().join("manifest/stack.toml")).unwrap();
        let told = async {
            let mut is_reached = false;
            loop {
                self.watch.absorb().unwrap();
                let Pending { choice, .. } = std::mem::take(&mut self.watch.pending);
                is_reached |= choice.functions.contains("f");
                if choice.manifest {
                    return is_reached;
                }
                self.watch.inbox.news().await;
            }
        };
        tokio::time::timeout(PATIENCE, told).await.expect("the kernel tells what happened")
    }

    /// What a build makes of the source now, with what earlier ones left and without.
    async fn build(&self) -> (String, String) {
        let known = &self.watch.requests["f"];
        let fresh = tempfile::tempdir().unwrap();
        let nothing = BuildRequest { earlier: Earlier::default(), state_dir: fresh.path().to_owned(), ..known.clone() };
        let told = |built: Result<build::Artifact, build::BuildError>| match built {
            Ok(artifact) => artifact.digest.to_string(),
            Err(error) => error.to_string(),
        };
        let again = told(build::build(known).await);
        build::prepare(known);
        (again, told(build::build(&nothing).await))
    }

    fn name(&mut self) -> PathBuf {
        let depth = self.rng.usize(0..3);
        let folders: PathBuf = (0..depth).map(|_| *self.rng.choice(&["a", "b", "c", "__pycache__"]).unwrap()).collect();
        folders.join(self.rng.choice(&["a", "b", "f", "g", "h.py"]).unwrap())
    }

    fn text(&mut self) -> String {
        self.rng.u32(0..1_000_000).to_string()
    }

    /// One of the many things that people and tools do to files; what cannot be done here is left.
    fn change(&mut self) -> io::Result<()> {
        let (source, outside) = (self.source(), self.root().join("outside"));
        let (one, other) = (source.join(self.name()), source.join(self.name()));
        match self.rng.u8(0..18) {
            0..4 => {
                fs::create_dir_all(one.parent().unwrap())?;
                fs::write(one, self.text())
            }
            4 => fs::create_dir_all(one),
            5 | 6 => fs::rename(one, other),
            7 => renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).map_err(io::Error::from),
            8 => fs::remove_file(one),
            9 => fs::remove_dir_all(one),
            10 => {
                // Gone and there again, often with the same number.
                fs::remove_dir_all(&one)?;
                fs::create_dir(&one)?;
                fs::write(one.join("f"), self.text())
            }
            11 => symlink(self.rng.choice(&["f", "../f", "a", "gone"]).unwrap(), one),
            12 => symlink(outside, one),
            13 => fs::set_permissions(&one, fs::Permissions::from_mode(*self.rng.choice(&[0o644, 0o755]).unwrap())),
            14 => fs::write(outside.join(self.rng.choice(&["x", "y"]).unwrap()), self.text()),
            15 => {
                let file = outside.join(format!("named{}", self.rng.u8(0..3)));
                fs::write(&file, self.text())?;
                // Another name of the same file, so that the next one changes both.
                self.is_unheard = true;
                fs::hard_link(file, one)
            }
            16 => fs::write(source.join(".stackctlignore"), self.rng.choice(&["", "c/\n", "f\n"]).unwrap()),
            _ => {
                fs::write(source.join(".gitignore"), self.rng.choice(&["", "b/\n"]).unwrap())?;
                fs::create_dir_all(one.parent().unwrap())?;
                let mark = one.with_file_name("pyvenv.cfg");
                if mark.exists() { fs::remove_file(mark) } else { fs::write(mark, "") }
            }
        }
    }
}

fn request(root: &Path, build: Build) -> BuildRequest {
    BuildRequest {
        function: "f".to_owned(),
        source: root.join("source"),
        build,
        runtime: "python3.12".to_owned(),
        handler: "app.handler".to_owned(),
        architecture: Architecture::X86_64,
        debug: false,
        environment: ToolEnvironment::default(),
        state_dir: root.join("state"),
        leave_out: Vec::new(),
        watch: Vec::new(),
        timeout: BUILD_TIMEOUT,
        progress: Progress::silent(),
        earlier: Earlier::default(),
        image: None,
    }
}

async fn check(build: Build, seed: u64) {
    let is_all_watched = build == Build::None;
    let mut bench = Bench::new(build, seed);
    let (mut before, _) = bench.build().await;
    for round in 0..ROUNDS {
        for _ in 0..=bench.rng.usize(0..CHANGES_MAX) {
            // Half of what can be thought of is not possible at a given moment.
            let _ = bench.change();
        }
        let is_reached = bench.settle().await;
        let (again, fresh) = bench.build().await;
        assert_eq!(again, fresh, "seed {seed}, round {round}");
        let is_missed = again != before && !is_reached && is_all_watched && !bench.is_unheard;
        assert!(!is_missed, "seed {seed}, round {round}: the change reached nothing");
        before = again;
    }
}

#[tokio::test]
async fn what_is_told_is_all_that_builds_need() {
    for seed in 0..SEEDS {
        check(Build::None, seed).await;
        check(Build::Python { requirements: None }, seed).await;
    }
}

/// Numbers of directories are given out again at once, and the watch of the one that is gone is gone with it.
#[tokio::test]
async fn a_folder_made_anew_is_watched_anew() {
    let mut bench = Bench::new(Build::None, 0);
    let folder = bench.source().join("folder");
    for text in ["one", "two", "three"] {
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("f"), text).unwrap();
        assert!(bench.settle().await);
        fs::write(folder.join("f"), format!("{text}, edited")).unwrap();
        assert!(bench.settle().await, "an edit after `{text}`");
        fs::remove_dir_all(&folder).unwrap();
        fs::create_dir(&folder).unwrap();
        bench.settle().await;
        fs::write(folder.join("f"), text).unwrap();
        assert!(bench.settle().await, "a file in the folder after `{text}`");
        fs::remove_dir_all(&folder).unwrap();
        assert!(bench.settle().await);
    }
}

/// The kernel tells of a directory once, whatever it is called.
#[tokio::test]
async fn a_folder_that_two_functions_link_to_reaches_both() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    for folder in ["shared", "source", "other", "manifest"] {
        fs::create_dir(root.join(folder)).unwrap();
    }
    fs::write(root.join("shared/f"), "one").unwrap();
    for function in ["source", "other"] {
        symlink("../shared", root.join(function).join("shared")).unwrap();
    }
    let f = request(&root, Build::None);
    let g = BuildRequest { function: "g".to_owned(), source: root.join("other"), ..request(&root, Build::None) };
    let named = BuildRequest {
        function: "h".to_owned(),
        source: root.join("manifest"),
        watch: vec![root.join("shared")],
        ..request(&root, Build::None)
    };
    let mut watch = Watch::new(vec![root.join("stack.toml")]).unwrap();
    watch.set_functions([f, g, named].map(|request| (request.function.clone(), request)).into()).unwrap();
    let mut check = async |text: &str, expected: &[&str]| {
        fs::write(root.join("shared/f"), text).unwrap();
        let change = tokio::time::timeout(PATIENCE, watch.changed()).await.unwrap().unwrap();
        assert_eq!(change.functions.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{text}");
        for function in ["source", "other"] {
            let link = root.join(function).join("shared");
            if link.exists() {
                fs::remove_file(link).unwrap();
                tokio::time::timeout(PATIENCE, watch.changed()).await.unwrap().unwrap();
                break;
            }
        }
    };
    check("two", &["f", "g", "h"]).await;
    check("three", &["g", "h"]).await;
    check("four", &["h"]).await;
}
