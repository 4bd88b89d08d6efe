//! `stack.lock`: the digests of images and the versions of toolchains that a stack was last brought up with, in a file that is
//! checked in. Pure: who reads, writes and asks is elsewhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    model::FunctionIsolation,
    stack::{Build, Desired, DesiredFunction, ServiceImage, Target, Toolchain},
};

/// The form of the file; raised when older ones can no longer read it.
const VERSION: i64 = 1;
const HEADER: &str = "# What `stackctl up` found, pinned for everybody: check it in. `stackctl lock --update` takes what is \
                      there now.\n";
/// What version control leaves in a file that two people have changed.
const CONFLICT: &str = "<<<<<<<";

/// The digests and versions that a stack is held to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// By the image's name as the manifest writes it: `sha256:...`.
    pub images: BTreeMap<String, String>,
    /// By the function's key.
    pub functions: BTreeMap<String, BTreeMap<Toolchain, String>>,
}

/// Why a file is no lock. `Display` is the reason, without the file's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockError {
    /// Two versions of it have to be made one.
    Conflict,
    /// It was written by a newer `stackctl`.
    Newer(i64),
    Wrong(String),
}

/// What of a stack can be locked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Names of images, each with what uses it. One that names its digest itself is not among them.
    pub images: BTreeMap<String, Vec<ImageUser>>,
    /// Keys of functions.
    pub functions: BTreeSet<String>,
}

/// Who uses an image, by key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImageUser {
    Service(String),
    /// The function is the image.
    Function(String),
    /// The function's code is mounted into it.
    Base(String),
    /// The target is a container of it.
    Target(String),
}

/// In what a stack is not what its lock says. `Display` is a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A toolchain is another one here.
    Tool { function: String, tool: Toolchain, locked: String, here: String },
    /// A toolchain is locked that the function is not built with here.
    NoTool { function: String, tool: Toolchain, locked: String },
    /// A toolchain is not locked.
    NewTool { function: String, tool: Toolchain, here: String },
    /// An image is not locked.
    NewImage { image: String, users: Vec<ImageUser> },
    /// Something is locked that nothing uses.
    Unused(Use),
}

/// Something that a lock has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Use {
    Image(String),
    Function(String),
}

impl Lock {
    /// Reads a lock's text.
    ///
    /// # Errors
    /// It is none, or not for this version.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        if text.lines().any(|line| line.starts_with(CONFLICT)) {
            return Err(LockError::Conflict);
        }
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| wrong(error.message()))?;
        match table.get("version").and_then(toml::Value::as_integer) {
            Some(VERSION) => {}
            Some(newer) if newer > VERSION => return Err(LockError::Newer(newer)),
            _ => return Err(wrong("it has no `version = 1`")),
        }
        let mut lock = Self::default();
        for (name, digest) in entries(table.get("images")) {
            let digest = digest.as_str().filter(|digest| digest.starts_with("sha256:"));
            let digest = digest.ok_or_else(|| wrong(format!("`{name}` has no digest")))?;
            lock.images.insert(name.clone(), digest.to_owned());
        }
        for (function, tools) in entries(table.get("functions")) {
            for (name, version) in entries(Some(tools)) {
                let tool = Toolchain::parse(name).ok_or_else(|| {
                    wrong(format!("`{name}` of `functions.{function}` is no tool that is known here"))
                })?;
                let version = version.as_str().ok_or_else(|| wrong(format!("`{name}` has no version")))?;
                lock.functions.entry(function.clone()).or_default().insert(tool, version.to_owned());
            }
        }
        Ok(lock)
    }

    /// The text of the file, the same for the same lock.
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEADER}version = {VERSION}\n");
        let quoted = |value: &str| toml::Value::from(value).to_string();
        if !self.images.is_empty() {
            text.push_str("\n[images]\n");
        }
        for (name, digest) in &self.images {
            text.push_str(&format!("{} = {}\n", quoted(name), quoted(digest)));
        }
        for (function, tools) in &self.functions {
            text.push_str(&format!("\n[functions.{function}]\n"));
            for (tool, version) in tools {
                text.push_str(&format!("{tool} = {}\n", quoted(version)));
            }
        }
        text
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty() && self.functions.is_empty()
    }

    /// Makes a stack use the locked images: `postgres:16` becomes `postgres:16@sha256:...`. `base` names the image that a
    /// runtime's code is mounted into when a function names none.
    pub fn pin(&self, desired: &mut Desired, base: &dyn Fn(&str) -> Option<String>) {
        let pinned = |name: &str| self.images.get(name).map(|digest| format!("{name}@{digest}"));
        for service in desired.services.values_mut() {
            if let ServiceImage::Named(name) = &mut service.image
                && let Some(pinned) = pinned(name)
            {
                *name = pinned;
            }
        }
        for target in desired.targets.values_mut() {
            let locked = target.image().and_then(pinned);
            if let (Target::LocalStack { image, .. }, Some(locked)) = (target, locked) {
                *image = Some(locked);
            }
        }
        for function in desired.functions.values_mut() {
            if let Some(image) = function.image.as_ref().and_then(|image| pinned(image)) {
                function.image = Some(image);
            } else if let Some(image) = base_of(function, base).and_then(|image| pinned(&image)) {
                function.base_image = Some(image);
            }
        }
    }

    /// What it becomes: what is locked stays, what is `found` beside it is added, and what nobody wants goes; when it is not
    /// known what is wanted, nothing goes.
    pub fn renewed(&self, found: &Self, wanted: Option<&Wanted>) -> Self {
        let mut new = self.clone();
        for (image, digest) in &found.images {
            new.images.entry(image.clone()).or_insert_with(|| digest.clone());
        }
        for (function, tools) in &found.functions {
            let locked = self.functions.get(function);
            let kept = tools.iter().map(|(tool, here)| {
                let kept = [Some(*tool), other_installer(*tool)].into_iter().flatten().find_map(|tool| {
                    let version = locked.and_then(|locked| locked.get(&tool))?;
                    Some((tool, version.clone()))
                });
                kept.unwrap_or_else(|| (*tool, here.clone()))
            });
            new.functions.insert(function.clone(), kept.collect());
        }
        if let Some(wanted) = wanted {
            new.images.retain(|image, _| wanted.images.contains_key(image));
            new.functions.retain(|function, _| wanted.functions.contains(function));
        }
        new.functions.retain(|_, tools| !tools.is_empty());
        new
    }

    /// The same without what one of these names: an image, a tool or a function; without names, nothing is left.
    pub fn without(&self, names: &[String]) -> Self {
        if names.is_empty() {
            return Self::default();
        }
        let named = |name: &str| names.iter().any(|given| given == name);
        let mut left = self.clone();
        left.images.retain(|image, _| !named(image));
        left.functions.retain(|function, _| !named(function));
        for tools in left.functions.values_mut() {
            tools.retain(|tool, _| !named(tool.as_str()));
        }
        left
    }

    /// Whether it has an image, a tool or a function of that name.
    pub fn knows(&self, name: &str) -> bool {
        self.images.contains_key(name)
            || self
                .functions
                .iter()
                .any(|(function, tools)| function == name || tools.keys().any(|tool| tool.as_str() == name))
    }

    /// In what a stack differs: `used` is what it is made of now, `tools` are those that its functions would be built with, and
    /// `wanted` all that the checked-in files want, when that is known.
    pub fn differences(
        &self,
        used: &Wanted,
        tools: &BTreeMap<String, BTreeMap<Toolchain, String>>,
        wanted: Option<&Wanted>,
    ) -> Vec<Difference> {
        let mut differences = self.tools_that_differ(tools);
        for (image, users) in used.images.iter().filter(|(image, _)| !self.images.contains_key(*image)) {
            differences.push(Difference::NewImage { image: image.clone(), users: users.clone() });
        }
        let Some(wanted) = wanted else { return differences };
        let images = self.images.keys().filter(|image| !wanted.images.contains_key(*image));
        differences.extend(images.map(|image| Difference::Unused(Use::Image(image.clone()))));
        let functions = self.functions.keys().filter(|function| !wanted.functions.contains(*function));
        differences.extend(functions.map(|function| Difference::Unused(Use::Function(function.clone()))));
        differences
    }

    fn tools_that_differ(&self, here: &BTreeMap<String, BTreeMap<Toolchain, String>>) -> Vec<Difference> {
        let (mut differences, none) = (Vec::new(), BTreeMap::new());
        for (function, here) in here {
            let locked = self.functions.get(function).unwrap_or(&none);
            for (tool, locked) in locked {
                match here.get(tool) {
                    Some(here) if here == locked => {}
                    Some(here) => differences.push(Difference::Tool {
                        function: function.clone(),
                        tool: *tool,
                        locked: locked.clone(),
                        here: here.clone(),
                    }),
                    None => differences.push(Difference::NoTool {
                        function: function.clone(),
                        tool: *tool,
                        locked: locked.clone(),
                    }),
                }
            }
            for (tool, here) in here.iter().filter(|(tool, _)| !locked.contains_key(tool)) {
                let (function, here) = (function.clone(), here.clone());
                differences.push(Difference::NewTool { function, tool: *tool, here });
            }
        }
        differences
    }
}

impl Wanted {
    /// Whether an image is of nothing but targets, so that a stack can do without it elsewhere.
    pub fn is_of_targets_alone(&self, image: &str) -> bool {
        let users = self.images.get(image).map_or(&[][..], Vec::as_slice);
        !users.is_empty() && users.iter().all(|user| matches!(user, ImageUser::Target(_)))
    }

    /// What of a stack can be locked; `base` as for [`Lock::pin`].
    pub fn of(desired: &Desired, base: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut wanted = Self { functions: desired.functions.keys().cloned().collect(), ..Self::default() };
        for (key, service) in &desired.services {
            if let ServiceImage::Named(image) = &service.image {
                wanted.add(image, ImageUser::Service(key.clone()));
            }
        }
        for (key, target) in &desired.targets {
            if let Some(image) = target.image() {
                wanted.add(image, ImageUser::Target(key.clone()));
            }
        }
        for (key, function) in &desired.functions {
            if let Some(image) = &function.image {
                wanted.add(image, ImageUser::Function(key.clone()));
            } else if let Some(image) = base_of(function, base) {
                wanted.add(&image, ImageUser::Base(key.clone()));
            }
        }
        wanted
    }

    /// Both together: what one of several profiles wants is wanted.
    pub fn and(mut self, other: Self) -> Self {
        for (image, users) in other.images {
            self.images.entry(image).or_default().extend(users);
        }
        self.functions.extend(other.functions);
        self
    }

    fn add(&mut self, image: &str, user: ImageUser) {
        if !is_pinned(image) {
            self.images.entry(image.to_owned()).or_default().push(user);
        }
    }
}

/// The image that a function's code is mounted into.
fn base_of(function: &DesiredFunction, base: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let is_mounted = function.isolation == FunctionIsolation::Container
        && function.image.is_none()
        && !matches!(function.build, Build::Image(_));
    if is_mounted { function.base_image.clone().or_else(|| base(&function.runtime)) } else { None }
}

/// What does the same work where it is installed: two machines that have one each do not change the file in turn.
fn other_installer(tool: Toolchain) -> Option<Toolchain> {
    match tool {
        Toolchain::Pip => Some(Toolchain::Uv),
        Toolchain::Uv => Some(Toolchain::Pip),
        _ => None,
    }
}

/// Whether an image's name has its digest.
pub fn is_pinned(image: &str) -> bool {
    image.contains('@')
}

/// An image's name without its digest.
pub fn unpinned(image: &str) -> &str {
    image.split_once('@').map_or(image, |(name, _)| name)
}

fn wrong(text: impl Into<String>) -> LockError {
    LockError::Wrong(text.into())
}

fn entries(value: Option<&toml::Value>) -> impl Iterator<Item = (&String, &toml::Value)> {
    value.and_then(toml::Value::as_table).into_iter().flatten()
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict => f.write_str("two versions of it have not been made one yet"),
            Self::Newer(version) => write!(f, "it is of version {version}, and this `stackctl` reads {VERSION}"),
            Self::Wrong(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for ImageUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(key) => write!(f, "services.{key}"),
            Self::Function(key) | Self::Base(key) => write!(f, "functions.{key}"),
            Self::Target(key) => write!(f, "targets.{key}"),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tool { function, tool, locked, here } => {
                write!(f, "functions.{function}: {tool} is {here} here, and locked at {locked}")
            }
            Self::NoTool { function, tool, locked } => {
                write!(f, "functions.{function}: {tool} is locked at {locked}, and not found or not used here")
            }
            Self::NewTool { function, tool, here } => {
                write!(f, "functions.{function}: {tool} is not locked, and {here} here")
            }
            Self::NewImage { image, users } => {
                let users: BTreeSet<_> = users.iter().map(ToString::to_string).collect();
                write!(f, "{}: the image `{image}` is not locked", users.into_iter().collect::<Vec<_>>().join(", "))
            }
            Self::Unused(Use::Image(image)) => write!(f, "the image `{image}` is locked, and nothing uses it"),
            Self::Unused(Use::Function(function)) => write!(f, "functions.{function} is locked, and is no function"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"version = 1

[images]
"postgres:16" = "sha256:aa"

[functions.consumer]
go = "1.24.4"

[functions.greeter]
pip = "24.0"
python = "3.12.7"
"#;

    fn lock() -> Lock {
        Lock::parse(TEXT).unwrap()
    }

    fn tools(of: &[(&str, Toolchain, &str)]) -> BTreeMap<String, BTreeMap<Toolchain, String>> {
        let mut tools: BTreeMap<String, BTreeMap<Toolchain, String>> = BTreeMap::new();
        for (function, tool, version) in of {
            tools.entry((*function).to_owned()).or_default().insert(*tool, (*version).to_owned());
        }
        tools
    }

    fn wanted(images: &[&str], functions: &[&str]) -> Wanted {
        Wanted {
            images: images
                .iter()
                .map(|image| ((*image).to_owned(), vec![ImageUser::Service("db".to_owned())]))
                .collect(),
            functions: functions.iter().map(|key| (*key).to_owned()).collect(),
        }
    }

    #[test]
    fn a_lock_is_written_as_it_is_read() {
        let text = lock().to_text();
        assert_eq!(text, format!("{HEADER}{TEXT}"));
        assert_eq!(Lock::parse(&text), Ok(lock()));
        assert_eq!(Lock::parse(&Lock::default().to_text()), Ok(Lock::default()));
    }

    #[test]
    fn what_is_no_lock_says_why() {
        let check = |text: &str, expected: &str| assert_eq!(Lock::parse(text).unwrap_err().to_string(), expected);
        check("version = 2\n", "it is of version 2, and this `stackctl` reads 1");
        check("", "it has no `version = 1`");
        check(&format!("{TEXT}<<<<<<< HEAD\n"), "two versions of it have not been made one yet");
        check("version = 1\n[images]\na = 1\n", "`a` has no digest");
        check("version = 1\n[functions.f]\nzig = \"1\"\n", "`zig` of `functions.f` is no tool that is known here");
    }

    #[test]
    fn a_stack_that_is_as_locked_has_no_differences() {
        let here = tools(&[
            ("consumer", Toolchain::Go, "1.24.4"),
            ("greeter", Toolchain::Pip, "24.0"),
            ("greeter", Toolchain::Python, "3.12.7"),
        ]);
        let wanted = wanted(&["postgres:16"], &["consumer", "greeter"]);
        assert_eq!(lock().differences(&wanted, &here, Some(&wanted)), []);
    }

    #[test]
    fn each_difference_is_named() {
        let here = tools(&[
            ("consumer", Toolchain::Go, "1.25.0"),
            ("greeter", Toolchain::Python, "3.12.7"),
            ("new", Toolchain::Rust, "1.95.0"),
        ]);
        let wanted = wanted(&["redis:7"], &["consumer", "new"]);
        let lines: Vec<_> = lock().differences(&wanted, &here, Some(&wanted)).iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "functions.consumer: go is 1.25.0 here, and locked at 1.24.4",
                "functions.greeter: pip is locked at 24.0, and not found or not used here",
                "functions.new: rust is not locked, and 1.95.0 here",
                "services.db: the image `redis:7` is not locked",
                "the image `postgres:16` is locked, and nothing uses it",
                "functions.greeter is locked, and is no function",
            ]
        );
        assert_eq!(
            lock().differences(&wanted, &here, None).len(),
            4,
            "nothing goes when it is not known what is wanted"
        );
    }

    #[test]
    fn pins_stay_until_they_are_let_go() {
        let found = Lock {
            images: [("postgres:16", "sha256:bb"), ("redis:7", "sha256:cc")].map(|(a, b)| (a.into(), b.into())).into(),
            functions: tools(&[("consumer", Toolchain::Go, "1.25.0"), ("new", Toolchain::Rust, "1.95.0")]),
        };
        let wanted = wanted(&["postgres:16", "redis:7"], &["consumer", "new"]);
        let check = |lock: &Lock, expected: [&str; 3]| {
            let new = lock.renewed(&found, Some(&wanted));
            let go = &new.functions["consumer"][&Toolchain::Go];
            assert_eq!([&new.images["postgres:16"], &new.images["redis:7"], go], expected);
            assert_eq!(new.functions.keys().collect::<Vec<_>>(), ["consumer", "new"]);
        };
        check(&lock(), ["sha256:aa", "sha256:cc", "1.24.4"]);
        check(&lock().without(&["go".to_owned()]), ["sha256:aa", "sha256:cc", "1.25.0"]);
        check(&lock().without(&["consumer".to_owned()]), ["sha256:aa", "sha256:cc", "1.25.0"]);
        check(&lock().without(&["postgres:16".to_owned()]), ["sha256:bb", "sha256:cc", "1.24.4"]);
        check(&lock().without(&[]), ["sha256:bb", "sha256:cc", "1.25.0"]);
        let with_uv = Lock { functions: tools(&[("greeter", Toolchain::Uv, "0.9")]), ..Lock::default() };
        assert_eq!(lock().renewed(&with_uv, None).functions["greeter"], tools(&[("g", Toolchain::Pip, "24.0")])["g"]);
        assert!(lock().renewed(&found, None).functions.contains_key("greeter"));
        assert!(lock().knows("go") && lock().knows("postgres:16") && !lock().knows("rust"));
    }

    #[test]
    fn images_are_pinned_and_their_names_kept() {
        let text = "[stack]\nname = \"s\"\n[services.db]\nimage = \"postgres:16\"\n[services.c]\nimage = \"redis:7@sha256:dd\"\n\
                    [functions.f]\nruntime = \"python3.12\"\nhandler = \"a.b\"\nisolation = \"container\"\nbuild = \"none\"\n\
                    [functions.i]\nimage = \"img:1\"\n";
        let source = crate::manifest::Source { path: "stack.toml".into(), text: text.to_owned() };
        let context = crate::manifest::Context {
            base: std::path::Path::new("/"),
            env: &|_| None,
            profile: None,
            overlay: None,
            version: "0.1.0",
        };
        let mut desired = crate::manifest::read(&source, &context).desired.unwrap();
        let base = |runtime: &str| Some(format!("base/{runtime}"));
        let wanted = Wanted::of(&desired, &base);
        assert_eq!(wanted.images.keys().collect::<Vec<_>>(), ["base/python3.12", "img:1", "postgres:16"]);
        let digests = ["base/python3.12", "img:1", "postgres:16"].map(|name| (name.to_owned(), "sha256:aa".to_owned()));
        Lock { images: digests.into(), ..Lock::default() }.pin(&mut desired, &base);
        assert_eq!(desired.functions["f"].base_image.as_deref(), Some("base/python3.12@sha256:aa"));
        assert_eq!(desired.functions["i"].image.as_deref(), Some("img:1@sha256:aa"));
        let ServiceImage::Named(db) = &desired.services["db"].image else { panic!() };
        assert_eq!((db.as_str(), unpinned(db)), ("postgres:16@sha256:aa", "postgres:16"));
        assert_eq!(Wanted::of(&desired, &base).images.len(), 0);
    }
}
