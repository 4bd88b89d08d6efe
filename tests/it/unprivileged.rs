//! An engine of an ordinary user: with a view of its own for each environment where the system lets users have one, and
//! without where it does not, which `doctor` says.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

use tempfile::TempDir;

use crate::support::{
    binary::{run, succeed},
    tool::Tool,
    trials,
};

trials!(
    an_ordinary_user_has_isolation needs [Tool::Curl, Tool::NamespacesOfAnyUser],
    where_namespaces_are_forbidden_functions_run_without needs [Tool::Curl, Tool::NamespacesOfAnyUser],
);

const MANIFEST: &str = r#"
[stack]
name = "ordinary"

[layers.tools]
source = "layer"

[functions.looks]
runtime = "provided.al2023"
source = "code"
layers = ["tools"]
ephemeral_storage = "512MiB"
environment = { STATE = "DIR/.stackctl" }

[targets.embedded]
port = "auto"
"#;

/// Says what it sees, and what it may write.
const LOOKS: &str = r#"#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
writes() { (: >"$1") 2>/dev/null && echo yes || echo no; }
while true; do
  curl -sS -o /dev/null -D "$TMPDIR/head" "$api/invocation/next" || exit 0
  id=$(grep -i lambda-runtime-aws-request-id "$TMPDIR/head" | tr -d '\r' | cut -d' ' -f2)
  head -c 600m /dev/zero >"$TMPDIR/large" 2>/dev/null
  large=$(($(stat -c %s "$TMPDIR/large") / 1048576))
  rm "$TMPDIR/large"
  seen="tmp=$TMPDIR layer=$(cat /opt/tool 2>/dev/null) task=$(writes /var/task/x) machine=$(writes /var/tmp/x) large=$large"
  curl -sS -o /dev/null -X POST "$api/invocation/$id/response" -d "\"$seen state=$(ls "$STATE" | wc -l)\""
done
"#;

/// Becomes an ordinary user.
const AS_NOBODY: &str = "setpriv --reuid 65534 --regid 65534 --clear-groups";
/// The same, where nobody may make namespaces.
const FORBIDDEN: &str = "setpriv --reuid 65534 --regid 65534 --clear-groups unshare --user --map-root-user sh -c \
    'echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --bounding-set -all --inh-caps -all \"$@\"' sh";

/// A stack of an ordinary user, with a program that they may run.
struct Ordinary {
    dir: TempDir,
    _place: TempDir,
    program: PathBuf,
    becomes: &'static str,
}

impl Ordinary {
    fn new(becomes: &'static str) -> Self {
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        let path = dir.path();
        fs::create_dir(path.join("code")).unwrap();
        fs::create_dir(path.join("layer")).unwrap();
        fs::write(path.join("layer/tool"), "tool").unwrap();
        fs::write(path.join("code/bootstrap"), LOOKS).unwrap();
        fs::set_permissions(path.join("code/bootstrap"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(path.join("stack.toml"), MANIFEST.replace("DIR", path.to_str().unwrap())).unwrap();
        let mut own = Command::new("chown");
        own.args(["-R", "65534:65534"]).arg(path);
        succeed(own);
        // The build may be where nobody else may look. A copy costs a quarter of a gigabyte.
        let place = tempfile::tempdir_in("/var/tmp").unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let (built, program) = (env!("CARGO_BIN_EXE_stackctl"), place.path().join("stackctl"));
        fs::hard_link(built, &program).or_else(|_| fs::copy(built, &program).map(drop)).unwrap();
        Self { dir, _place: place, program, becomes }
    }

    fn stackctl(&self, arguments: &str) -> Command {
        let mut command = Command::new("sh");
        let line = format!(
            "exec {} env -i PATH=/usr/bin:/bin NO_COLOR=1 {} {arguments}",
            self.becomes,
            self.program.display()
        );
        command.arg("-c").arg(line).current_dir(self.dir.path());
        command
    }
}

impl Drop for Ordinary {
    fn drop(&mut self) {
        let _ = self.stackctl("down --yes").output();
    }
}

fn an_ordinary_user_has_isolation() {
    let stack = Ordinary::new(AS_NOBODY);
    succeed(stack.stackctl("up"));
    let seen = succeed(stack.stackctl("invoke looks"));
    assert_eq!(seen.trim(), r#""tmp=/tmp layer=tool task=no machine=no large=511 state=0""#);
    let doctor = run(stack.stackctl("doctor")).stdout;
    assert!(doctor.contains("functions have a view of their own"), "{doctor}");
    succeed(stack.stackctl("down --yes"));
}

fn where_namespaces_are_forbidden_functions_run_without() {
    let stack = Ordinary::new(FORBIDDEN);
    succeed(stack.stackctl("up"));
    let seen = succeed(stack.stackctl("invoke looks"));
    assert!(seen.contains("layer= task=no") && seen.contains("large=600"), "{seen}");
    let doctor = run(stack.stackctl("doctor")).stdout;
    assert!(doctor.contains("functions run as plain processes: cannot make a user namespace"), "{doctor}");
    assert!(doctor.contains("allow it with `sudo sysctl -w user.max_user_namespaces=15000`"), "{doctor}");
    succeed(stack.stackctl("down --yes"));
}
