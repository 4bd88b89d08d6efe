//! Images by their labels: those that were built here.

use bollard::query_parameters::{ListImagesOptions, RemoveImageOptions};

use super::{engine::Docker, error::Error};

impl Docker {
    /// The names, or the ids where there are no names, of the images with all of these labels (`LABEL=VALUE`).
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn images_labelled(&self, labels: &[String]) -> Result<Vec<String>, Error> {
        let filters = Some([("label".to_owned(), labels.to_vec())].into());
        let listed = self.client.list_images(Some(ListImagesOptions { filters, ..Default::default() })).await;
        let listed = listed.map_err(Error::of("list images of", labels.join(" ")))?;
        let mut names: Vec<String> = listed
            .into_iter()
            .flat_map(|image| if image.repo_tags.is_empty() { vec![image.id] } else { image.repo_tags })
            .collect();
        names.sort();
        Ok(names)
    }

    /// Removes an image's name, and the image with it unless it has another one or a container uses it.
    ///
    /// # Errors
    /// There is no such image.
    pub async fn untag(&self, name: &str) -> Result<(), Error> {
        let options = RemoveImageOptions { force: true, ..Default::default() };
        let removed = self.client.remove_image(name, Some(options), None).await;
        removed.map(|_| ()).map_err(Error::of("remove the image", name))
    }
}
