//! Java: Maven or Gradle compile, and the artifact is what AWS wants to see: classes at the top, the jars of what they need in
//! `lib`. AWS's own runtime for Java is fetched beside it, by the same tool, for the functions that run here.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{
    BuildError, BuildRequest,
    adapter::Elsewhere,
    cache::{self, BUILD_DIR},
    kept, off_thread, pack,
    toolchain::{Stdout, Tool},
    tree::{self, Rules},
};
use crate::{
    model::{ArtifactDigest, JAVA_RUNTIME_DIR, RUNTIME_DIR},
    stack::Toolchain,
};

/// AWS's runtime for Java, which its own images and managed runtimes are made of.
const RUNTIME_CLIENT: &str = "com.amazonaws:aws-lambda-java-runtime-interface-client";
const RUNTIME_CLIENT_VERSION: &str = "2.10.1";
const DEPENDENCY_PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1";
const MAVEN_FILE: &str = "pom.xml";
const GRADLE_FILES: [&str; 2] = ["build.gradle", "build.gradle.kts"];
/// See there.
const GRADLE_SCRIPT: &str = include_str!("java.gradle");

/// The directories that these tools write into, whatever they are called: by what is in them.
pub(super) const OUTPUT_MARKS: &[&str] =
    &["maven-status", "generated-sources", "classes/java", "classes/kotlin", "classes/groovy"];

/// The same at the top of a source.
pub(super) fn outputs(source: &Path) -> Vec<PathBuf> {
    let has = |file: &&str| source.join(file).is_file();
    let mut outputs = Vec::new();
    if has(&MAVEN_FILE) {
        outputs.push(source.join("target"));
    }
    if GRADLE_FILES.iter().any(has) {
        outputs.extend([source.join("build"), source.join(".gradle")]);
    }
    outputs
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BuildTool {
    Maven,
    Gradle,
}

pub(super) async fn fill(request: &BuildRequest, named: Option<&str>, dir: &Path) -> Result<Elsewhere, BuildError> {
    match build_tool(&request.source, named)? {
        BuildTool::Maven => maven(request, dir).await,
        BuildTool::Gradle => gradle(request, dir).await,
    }
}

fn build_tool(source: &Path, named: Option<&str>) -> Result<BuildTool, BuildError> {
    let has_maven = source.join(MAVEN_FILE).is_file();
    let has_gradle = GRADLE_FILES.iter().any(|file| source.join(file).is_file());
    match (named, has_maven, has_gradle) {
        (Some("maven"), ..) | (None, true, false) => Ok(BuildTool::Maven),
        (Some("gradle"), ..) | (None, false, true) => Ok(BuildTool::Gradle),
        (_, true, _) => Err(BuildError::unsuitable(
            "the source has build files of Maven and of Gradle",
            "say which: build = { java = { tool = \"maven\" } }",
        )),
        _ => Err(BuildError::unsuitable(
            format!("`{}` has neither `{MAVEN_FILE}` nor `{}`", source.display(), GRADLE_FILES[0]),
            "`source` is the directory of the function's own build file",
        )),
    }
}

/// The build tool of the machine that is used; `None` when the project brings its own, or says nothing.
pub(super) fn tool(source: &Path, named: Option<&str>) -> Option<Toolchain> {
    let (tool, wrapper) = match build_tool(source, named).ok()? {
        BuildTool::Maven => (Toolchain::Maven, "mvnw"),
        BuildTool::Gradle => (Toolchain::Gradle, "gradlew"),
    };
    let has_wrapper = source.ancestors().any(|dir| dir.join(wrapper).is_file());
    (!has_wrapper).then_some(tool)
}

async fn maven(request: &BuildRequest, dir: &Path) -> Result<Elsewhere, BuildError> {
    let source = request.source.as_path();
    let poms = poms(source);
    let lib = kept_dir(request, &poms, "lib")?;
    let root = reactor(source);
    let wrapper = source.ancestors().map(|dir| dir.join("mvnw")).find(|file| file.is_file());
    let maven = Tool {
        name: "mvn",
        program: wrapper.as_deref(),
        install: "install Maven from https://maven.apache.org, or give the project a wrapper, `mvnw`",
        dir: source,
        progress: &request.progress,
        timeout: request.timeout,
    };
    let output = format!("-DoutputDirectory={}", lib.display());
    let copy = format!("{DEPENDENCY_PLUGIN}:copy-dependencies");
    let mut arguments = vec!["--quiet", "--batch-mode", "-DskipTests"];
    let (root_text, module);
    if let Some(root) = &root {
        root_text = root.display().to_string();
        module = source.strip_prefix(root).unwrap_or(source).display().to_string();
        // A module beside it is a jar only when it is packaged.
        arguments.extend(["--file", &root_text, "--projects", &module, "--also-make", "package"]);
    } else {
        arguments.push("compile");
    }
    if !lib.is_dir() || root.is_some() {
        arguments.extend([&*copy, "-DincludeScope=runtime", &output]);
    }
    if let Err(error) = maven.run(&arguments, &[], Stdout::Shown).await {
        // What was copied may be a part.
        let _ = fs::remove_dir_all(&lib);
        cache::store_inputs(request, &Elsewhere::Known(outside(source, root.as_deref(), &poms)));
        return Err(error);
    }
    fetch_with_maven(request, &maven).await?;
    if let Some(dir) = lib.parent() {
        kept::mark_used(dir);
    }
    let (classes, dir) = (source.join("target/classes"), dir.to_owned());
    let elsewhere = outside(source, root.as_deref(), &poms);
    off_thread(request, move |_| {
        pack::copy(&tree::list(&classes, &Rules::default())?, &dir)?;
        if lib.is_dir() {
            pack::copy(&tree::list(&lib, &Rules::default())?, &dir.join("lib"))?;
        } else {
            // There are no dependencies; that is not asked again.
            pack::create_private_dir(&lib)?;
        }
        Ok(Elsewhere::Known(elsewhere))
    })
    .await
}

/// The project's own file and those of its parents, as far as they lie above it.
fn poms(source: &Path) -> Vec<PathBuf> {
    let above = source.ancestors().map(|dir| dir.join(MAVEN_FILE));
    above.enumerate().take_while(|(at, pom)| *at == 0 || pom.is_file()).map(|(_, pom)| pom).collect()
}

/// The outermost project above that has the source for a module.
fn reactor(source: &Path) -> Option<PathBuf> {
    let mut root = None;
    let mut module = source;
    for dir in source.ancestors().skip(1) {
        let Ok(text) = fs::read_to_string(dir.join(MAVEN_FILE)) else { break };
        let name = module.strip_prefix(dir).ok()?.display().to_string();
        if !text.contains(&format!("<module>{name}</module>")) {
            break;
        }
        (root, module) = (Some(dir.to_owned()), dir);
    }
    root
}

/// The other modules of the same build, and the files of the parents.
fn outside(source: &Path, root: Option<&Path>, poms: &[PathBuf]) -> Vec<PathBuf> {
    let mut paths: BTreeSet<PathBuf> = poms.iter().skip(1).cloned().collect();
    let modules = root.and_then(|root| fs::read_dir(root).ok()).into_iter().flatten().flatten();
    paths.extend(
        modules.map(|entry| entry.path()).filter(|dir| dir.join(MAVEN_FILE).is_file() && !source.starts_with(dir)),
    );
    paths.into_iter().collect()
}

/// A directory that is kept as long as the build files are the same: dependencies are looked for again only when they change.
fn kept_dir(request: &BuildRequest, build_files: &[PathBuf], name: &str) -> Result<PathBuf, BuildError> {
    let mut hash = Sha256::new();
    for file in build_files {
        hash.update(fs::read(file).map_err(BuildError::disk("read", file))?);
        hash.update([0]);
    }
    let digest = ArtifactDigest::from_bytes(hash.finalize().into()).to_string();
    Ok(request.state_dir.join(BUILD_DIR).join("java").join(format!("{}-{digest}", request.function)).join(name))
}

fn runtime_dir(request: &BuildRequest) -> PathBuf {
    request.state_dir.join(RUNTIME_DIR).join(JAVA_RUNTIME_DIR)
}

/// AWS's runtime, once for a state directory.
async fn fetch_with_maven(request: &BuildRequest, maven: &Tool<'_>) -> Result<(), BuildError> {
    let dir = runtime_dir(request);
    if dir.is_dir() {
        return Ok(());
    }
    let unfinished = dir.with_extension(format!("{}-{}", request.function, std::process::id()));
    let new = unfinished.clone();
    off_thread(request, move |_| {
        let _ = fs::remove_dir_all(&new);
        pack::create_private_dir(&new)?;
        let pom = new.join(MAVEN_FILE);
        fs::write(&pom, runtime_pom()).map_err(BuildError::disk("write", pom))
    })
    .await?;
    let (pom, jars) = (unfinished.join(MAVEN_FILE), unfinished.join("jars"));
    let (pom, output) = (pom.display().to_string(), format!("-DoutputDirectory={}", jars.display()));
    let copy = format!("{DEPENDENCY_PLUGIN}:copy-dependencies");
    let fetched = maven.run(&["--quiet", "--batch-mode", "--file", &pom, &copy, &output], &[], Stdout::Shown).await;
    off_thread(request, move |_| {
        // Another build may have been quicker.
        let renamed = fs::rename(&jars, &dir);
        let _ = fs::remove_dir_all(&unfinished);
        fetched?;
        if dir.is_dir() { Ok(()) } else { renamed.map_err(BuildError::disk("write", dir)) }
    })
    .await
}

fn runtime_pom() -> String {
    let (group, artifact) = RUNTIME_CLIENT.split_once(':').unwrap_or_default();
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>stackctl</groupId><artifactId>runtime</artifactId><version>1</version><packaging>pom</packaging>\
         <dependencies><dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
         <version>{RUNTIME_CLIENT_VERSION}</version></dependency></dependencies></project>\n"
    )
}

async fn gradle(request: &BuildRequest, dir: &Path) -> Result<Elsewhere, BuildError> {
    let source = request.source.canonicalize().map_err(BuildError::disk("read", &request.source))?;
    let kept = request.state_dir.join(BUILD_DIR).join("java").join(format!("{}-gradle", request.function));
    let (script, classes, runtime) = (kept.join("stackctl.gradle"), kept.join("artifact"), runtime_dir(request));
    let inputs = kept.join("inputs");
    let (made, file, before) = (kept.clone(), script.clone(), inputs.clone());
    off_thread(request, move |_| {
        pack::create_private_dir(&made)?;
        kept::mark_used(&made);
        // What an earlier run said is no longer known to be so.
        let _ = fs::remove_file(before);
        fs::write(&file, GRADLE_SCRIPT).map_err(BuildError::disk("write", file))
    })
    .await?;
    let wrapper = source.ancestors().map(|dir| dir.join("gradlew")).find(|file| file.is_file());
    let gradle = Tool {
        name: "gradle",
        program: wrapper.as_deref(),
        install: "install Gradle from https://gradle.org, or give the project a wrapper, `gradlew`",
        dir: &source,
        progress: &request.progress,
        timeout: request.timeout,
    };
    let mut arguments = vec![
        "--quiet".to_owned(),
        "--console=plain".to_owned(),
        format!("--init-script={}", script.display()),
        format!("-Dstackctl.source={}", source.display()),
        format!("-Dstackctl.artifact={}", classes.display()),
        format!("-Dstackctl.runtime={}", runtime.display()),
        format!("-Dstackctl.inputs={}", inputs.display()),
        format!("-Dstackctl.client={RUNTIME_CLIENT}:{RUNTIME_CLIENT_VERSION}"),
        "stackctlArtifact".to_owned(),
    ];
    if !runtime.is_dir() {
        arguments.push("stackctlRuntime".to_owned());
    }
    if let Err(error) = gradle.run(&arguments, &[], Stdout::Shown).await {
        cache::store_inputs(request, &gradle_inputs(&source, &inputs));
        return Err(error);
    }
    let dir = dir.to_owned();
    off_thread(request, move |_| {
        pack::copy(&tree::list(&classes, &Rules::default())?, &dir)?;
        Ok(gradle_inputs(&source, &inputs))
    })
    .await
}

/// What the script found: the other projects of the build that count, and the files of the whole build.
fn gradle_inputs(source: &Path, found: &Path) -> Elsewhere {
    let Ok(found) = fs::read_to_string(found) else { return Elsewhere::Unknown };
    let paths: BTreeSet<_> = found.lines().map(PathBuf::from).filter(|path| !path.starts_with(source)).collect();
    Elsewhere::Known(paths.into_iter().collect())
}
