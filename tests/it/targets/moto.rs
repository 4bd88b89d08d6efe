//! moto's server: AWS's control planes as another project understands them. Its functions run nowhere, so that nothing is
//! invoked.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::{
    EVERYTHING,
    compared::{Comparison, Place, connection},
    write,
};
use crate::support::{
    binary::{Serving, eventually, run, stackctl, succeed},
    tool::Tool,
    trials,
    world::block_on,
};

trials!(the_same_stack_on_the_engine_and_on_moto needs [Tool::Moto, Tool::Python]);

/// moto's own.
const ACCOUNT: &str = "123456789012";

/// An authority of a test's own and a server's certificate of it, with what moto needs for itself.
const CERTIFICATES: &str = r#"
import datetime, ipaddress
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
def made(name, issuer=None, signer=None):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer or subject)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True))
    if signer:
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signer or key, hashes.SHA256()), key, subject
def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)
authority, signer, issuer = made("authority of a test")
server, key, _ = made("127.0.0.1", issuer, signer)
open("authority.pem", "wb").write(pem(authority))
open("server.pem", "wb").write(pem(server))
open("server.key", "wb").write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
"#;

/// A server; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Moto {
    child: Child,
    pub(crate) endpoint: String,
}

impl Moto {
    pub(crate) fn start() -> Self {
        Self::with(&[], "http")
    }

    /// Behind TLS, with a certificate for 127.0.0.1 that only the authority in the file knows; both are made in `dir`.
    pub(crate) fn start_with_tls(dir: &Path) -> (Self, PathBuf) {
        let python = Tool::Moto.path().unwrap().with_file_name("python");
        let mut command = Command::new(python);
        command.args(["-c", CERTIFICATES]).current_dir(dir);
        succeed(command);
        let [certificate, key] = ["server.pem", "server.key"].map(|name| dir.join(name).display().to_string());
        (Self::with(&["--ssl", "-c", &certificate, "-k", &key], "https"), dir.join("authority.pem"))
    }

    fn with(more: &[&str], scheme: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let mut command = Command::new(Tool::Moto.path().unwrap());
        let command =
            command.args(["-H", "127.0.0.1", "-p", &port]).args(more).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let moto = Self { child, endpoint: format!("{scheme}://127.0.0.1:{port}") };
        eventually("moto listens", || TcpStream::connect(moto.address()).ok());
        moto
    }

    fn address(&self) -> &str {
        self.endpoint.split_once("://").unwrap().1
    }

    fn config(&self) -> aws_types::SdkConfig {
        connection(&self.endpoint, ACCOUNT).config().clone()
    }

    /// Makes a role that Lambda may assume; its ARN.
    pub(crate) fn role(&self, name: &str) -> String {
        let policy = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22\
                      %3A%7B%22Service%22%3A%22lambda.amazonaws.com%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D";
        let body = format!("Action=CreateRole&Version=2010-05-08&RoleName={name}&AssumeRolePolicyDocument={policy}");
        let credential = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0";
        let request = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\nauthorization: {credential}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.address(),
            body.len()
        );
        let mut stream = TcpStream::connect(self.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(" 200 "), "{answer}");
        format!("arn:aws:iam::{ACCOUNT}:role/{name}")
    }

    pub(crate) async fn queues(&self) -> Vec<String> {
        let client = aws_sdk_sqs::Client::new(&self.config());
        client.list_queues().send().await.unwrap().queue_urls.unwrap_or_default()
    }

    pub(crate) async fn code_size(&self, function: &str) -> i64 {
        let client = aws_sdk_lambda::Client::new(&self.config());
        client.get_function().function_name(function).send().await.unwrap().configuration.unwrap().code_size
    }

    /// The ARNs of a function's layers.
    pub(crate) async fn layers(&self, function: &str) -> Vec<String> {
        let client = aws_sdk_lambda::Client::new(&self.config());
        let found = client.get_function_configuration().function_name(function).send().await.unwrap();
        found.layers().iter().filter_map(|layer| layer.arn().map(str::to_owned)).collect()
    }

    fn s3(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&self.config()).force_path_style(true).build())
    }

    pub(crate) async fn make_bucket(&self, name: &str) {
        use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
        let region =
            CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::EuWest1).build();
        self.s3().create_bucket().bucket(name).create_bucket_configuration(region).send().await.unwrap();
    }

    pub(crate) async fn objects(&self, bucket: &str) -> Vec<String> {
        let found = self.s3().list_objects_v2().bucket(bucket).send().await.unwrap();
        found.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn the_same_stack_on_the_engine_and_on_moto() {
    let (moto, engine, dir) = (Moto::start(), Serving::start(), tempfile::tempdir().unwrap());
    let dir = dir.path();
    moto.role("stackctl");
    let text = format!(
        "{EVERYTHING}\n[targets.moto]\nendpoint = \"{}\"\n[targets.engine]\nendpoint = \"{}\"\naccount = \"{ACCOUNT}\"\n",
        moto.endpoint, engine.endpoint
    );
    write(dir, &text);
    succeed(stackctl(dir, &["up", "--target", "engine"]));
    let up = run(stackctl(dir, &["up", "--target", "moto"]));
    assert_eq!(up.code, Some(0), "{}", up.stderr);
    assert!(up.stderr.contains("functions.worker: the target `moto` has no provisioned concurrency"), "{}", up.stderr);
    assert!(up.stderr.contains("does not give it back"), "{}", up.stderr);

    let there = Place { url: &moto.endpoint, of_functions: &moto.endpoint };
    let here = Place { url: &engine.endpoint, of_functions: &engine.endpoint };
    Comparison { dir, manifest: &text, account: ACCOUNT, here, there, name: "moto" }.hold();
    // Found by the tag alone: the manifest names none of it any more.
    let moto_alone = format!("[targets.moto]\nendpoint = \"{}\"\n", moto.endpoint);
    write(dir, &format!("[stack]\nname = \"orders\"\nregion = \"eu-west-1\"\n{moto_alone}"));
    let plan = succeed(stackctl(dir, &["plan", "--target", "moto"]));
    assert!(plan.contains("- queues.dlq") && plan.contains("- functions.worker"), "{plan}");
    write(dir, &text);
    succeed(stackctl(dir, &["down", "--target", "moto", "--yes"]));
    succeed(stackctl(dir, &["down", "--target", "engine", "--yes"]));
    assert_eq!(block_on(moto.queues()), Vec::<String>::new());
}
