//! What is in an artifact, with the digests that its name is made of: a tree beside that of the listing it was made from, shared
//! between artifacts as that is shared between listings.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{
    BuildError,
    listing::{Child, Directory, Kind, Node},
    pack,
};
use crate::model::ArtifactDigest;

/// Separates digests of this layout from those of another one.
const DIGEST_HEADER: &[u8] = b"stackctl artifact 2\n";

/// A directory in an artifact.
#[derive(Debug)]
pub(super) struct Placed {
    listing: Arc<Directory>,
    /// One for each child of the listing, in its order.
    contents: Box<[Content]>,
    digest: [u8; 32],
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Directory(Arc<Placed>),
    /// SHA-256 of a file's contents, or of where a link leads.
    Entry([u8; 32]),
}

impl Placed {
    /// `contents` has one for each child of the listing, in its order.
    pub(super) fn new(listing: Arc<Directory>, contents: Vec<Content>) -> Arc<Self> {
        debug_assert_eq!(listing.children().len(), contents.len());
        let digest = digest(listing.children(), &contents);
        Arc::new(Self { listing, contents: contents.into(), digest })
    }

    /// What stands as the listing says, and is read for that.
    pub(super) fn read(listing: &Arc<Directory>) -> Result<Arc<Self>, BuildError> {
        let content = |child: &Child| match &child.node {
            Node::Directory(below) => Self::read(below).map(Content::Directory),
            Node::Entry(Kind::File { dir, .. }) => pack::file_digest(&dir.join(&*child.name)).map(Content::Entry),
            Node::Entry(Kind::Link { to }) => Ok(Content::Entry(link_digest(to))),
        };
        let contents = listing.children().iter().map(content).collect::<Result<_, _>>()?;
        Ok(Self::new(Arc::clone(listing), contents))
    }

    pub(super) fn listing(&self) -> &Arc<Directory> {
        &self.listing
    }

    /// The children with what is in them.
    pub(super) fn children(&self) -> impl Iterator<Item = (&Child, &Content)> {
        self.listing.children().iter().zip(&self.contents)
    }

    /// SHA-256 over paths, modes, contents and links; not over times, owners, or where the directory is.
    pub(super) fn digest(&self) -> ArtifactDigest {
        ArtifactDigest::from_bytes(self.digest)
    }
}

pub(super) fn link_digest(to: &std::path::Path) -> [u8; 32] {
    Sha256::digest(to.as_os_str().as_encoded_bytes()).into()
}

fn digest(children: &[Child], contents: &[Content]) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(DIGEST_HEADER);
    for (child, content) in children.iter().zip(contents) {
        hash.update(match &child.node {
            Node::Directory(_) => "tree ",
            Node::Entry(Kind::File { executable: true, .. }) => "755 ",
            Node::Entry(Kind::File { executable: false, .. }) => "644 ",
            Node::Entry(Kind::Link { .. }) => "link ",
        });
        hash.update(match content {
            Content::Directory(placed) => &placed.digest,
            Content::Entry(sha256) => sha256,
        });
        hash.update(child.name.as_encoded_bytes());
        hash.update([0]);
    }
    hash.finalize().into()
}
