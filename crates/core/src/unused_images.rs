//! Images that no container uses: how much disk space they take, and their removal.

use std::collections::{HashMap, HashSet};

use slipway_api::image::{ImageKept, ImageUsage, ImageView, ImagesRemoval, ReclaimableBytes};
use slipway_api::operation::RemovalProgress;
use slipway_api::{ApiError, ErrorKind};
use slipway_engine::ImageDiskUsage;
use tokio_util::sync::CancellationToken;

use crate::Slipway;

impl Slipway {
    /// Disk usage of images, and the images that no container uses. The engine may take long to compute it.
    pub async fn image_usage(&self) -> Result<ImageUsage, ApiError> {
        let engine = self.selected().await?.engine;
        // Without the sizes, images can still be listed and removed.
        let (images, disk) = tokio::join!(self.images(), engine.image_disk_usage());
        Ok(usage(images?, disk.ok().as_ref()))
    }

    /// Removes images (by id) with all the references that they have by then, each only if no container uses it by then.
    /// `progress` is called before each. Cancelling stops before the next one.
    pub async fn images_remove_unused(
        &self,
        ids: &[String],
        cancel: &CancellationToken,
        progress: impl Fn(RemovalProgress) + Send,
    ) -> Result<ImagesRemoval, ApiError> {
        let slipway = self.pinned().await?;
        let engine = slipway.selected().await?.engine;
        let total = count(ids.len());
        // The engine may take minutes to compute its disk usage. After a cancellation nobody waits for that.
        let before = cancel.run_until_cancelled(engine.image_disk_usage()).await;
        let mut result = ImagesRemoval {
            removed: 0,
            freed_bytes: None,
            kept: Vec::new(),
            cancelled: false,
        };
        for (done, id) in ids.iter().enumerate() {
            if cancel.is_cancelled() {
                result.cancelled = true;
                break;
            }
            // A tag may have moved to another image since it was listed, and a container may use this one.
            let image = match slipway.image_detail(id).await {
                Ok(detail) => detail.image,
                Err(error) if error.kind == ErrorKind::NotFound => continue,
                Err(error) => {
                    let name = id.clone();
                    result.kept.push(ImageKept { name, error });
                    continue;
                }
            };
            progress(RemovalProgress {
                image: name(&image),
                done: count(done),
                total,
            });
            match slipway.remove_unused(&image).await {
                Ok(()) => result.removed += 1,
                Err(error) => result.kept.push(ImageKept {
                    name: name(&image),
                    error,
                }),
            }
        }
        if let Some(Ok(before)) = before
            && let Some(Ok(after)) = cancel.run_until_cancelled(engine.image_disk_usage()).await
        {
            result.freed_bytes = Some(before.total.saturating_sub(after.total));
        }
        Ok(result)
    }

    async fn remove_unused(&self, image: &ImageView) -> Result<(), ApiError> {
        if !image.used_by.is_empty() {
            let users: Vec<String> = image
                .used_by
                .iter()
                .map(|user| format!("`{}`", user.name))
                .collect();
            return Err(ApiError {
                kind: ErrorKind::Conflict,
                message: format!("`{}` is used by {}", name(image), users.join(", ")),
                hint: None,
                detail: None,
            });
        }
        for reference in references(image) {
            match self.image_remove(&reference, Some(&image.id), false).await {
                Ok(_) => {}
                // It was removed with an earlier reference, or by somebody else.
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn name(image: &ImageView) -> String {
    image.tags.first().unwrap_or(&image.id).clone()
}

/// The references to remove so that an image is deleted: its tags, the digests of repositories in which it has no tag,
/// or its id if it has neither. An image with references in two repositories cannot be removed by its id.
fn references(image: &ImageView) -> Vec<String> {
    let tagged: HashSet<&str> = image
        .tags
        .iter()
        .filter_map(|tag| Some(tag.rsplit_once(':')?.0))
        .collect();
    let digests = image.digests.iter().filter(|digest| {
        digest
            .split_once('@')
            .is_some_and(|(repository, _)| !tagged.contains(repository))
    });
    let references: Vec<String> = image.tags.iter().chain(digests).cloned().collect();
    if references.is_empty() {
        vec![image.id.clone()]
    } else {
        references
    }
}

fn usage(images: Vec<ImageView>, disk: Option<&ImageDiskUsage>) -> ImageUsage {
    let mut unused: Vec<ImageView> = images
        .into_iter()
        .filter(|image| image.used_by.is_empty())
        .collect();
    unused.sort_by_key(|image| std::cmp::Reverse(image.size_bytes));
    let none = HashMap::new();
    let shared = disk.map_or(&none, |disk| &disk.shared);
    let total = disk.map(|disk| disk.total).filter(|total| *total > 0);
    let untagged = unused.iter().filter(|image| image.tags.is_empty());
    ImageUsage {
        total_bytes: total,
        reclaimable: reclaimable(unused.iter(), shared, total),
        reclaimable_untagged: reclaimable(untagged, shared, total),
        unused,
    }
}

fn reclaimable<'a>(
    images: impl Iterator<Item = &'a ImageView>,
    shared: &HashMap<String, u64>,
    total: Option<u64>,
) -> ReclaimableBytes {
    let mut bytes = ReclaimableBytes {
        at_least: Some(0),
        at_most: 0,
    };
    for image in images {
        bytes.at_most = bytes.at_most.saturating_add(image.size_bytes);
        bytes.at_least = bytes
            .at_least
            .zip(shared.get(&image.id))
            .map(|(sum, shared)| sum.saturating_add(image.size_bytes.saturating_sub(*shared)));
    }
    bytes.at_most = bytes.at_most.min(total.unwrap_or(u64::MAX));
    bytes
}

#[cfg(test)]
mod tests {
    use slipway_api::image::ImageUser;

    use super::*;

    fn image(id: &str, tags: &[&str], digests: &[&str], size_bytes: u64) -> ImageView {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        ImageView {
            id: id.to_owned(),
            tags: owned(tags),
            digests: owned(digests),
            size_bytes,
            created_at: String::new(),
            used_by: Vec::new(),
        }
    }

    #[test]
    fn every_reference_of_an_image_is_removed() {
        let check = |tags: &[&str], digests: &[&str], wanted: &[&str]| {
            assert_eq!(references(&image("sha256:1", tags, digests, 1)), wanted);
        };
        check(&["a:1", "a:2"], &["a@sha256:9"], &["a:1", "a:2"]);
        check(
            &["h:5000/a:1"],
            &["h:5000/a@sha256:9", "b@sha256:9"],
            &["h:5000/a:1", "b@sha256:9"],
        );
        check(&[], &["a@sha256:9"], &["a@sha256:9"]);
        check(&[], &[], &["sha256:1"]);
    }

    #[test]
    fn what_is_freed_has_bounds() {
        let mut used = image("u", &["u:1"], &[], 500);
        used.used_by.push(ImageUser {
            id: "c".to_owned(),
            name: "c".to_owned(),
            running: false,
        });
        let images = vec![
            image("a", &["a:1"], &[], 300),
            used,
            image("b", &[], &[], 400),
        ];
        let shared = [("a", 100), ("b", 350), ("u", 0)]
            .map(|(id, bytes)| (id.to_owned(), bytes))
            .into();
        let disk = ImageDiskUsage {
            total: 1000,
            shared,
        };
        let found = usage(images.clone(), Some(&disk));
        let ids: Vec<&str> = found.unused.iter().map(|image| image.id.as_str()).collect();
        assert_eq!(ids, ["b", "a"]);
        assert_eq!(found.total_bytes, Some(1000));
        assert_eq!(
            found.reclaimable,
            ReclaimableBytes {
                at_least: Some(250),
                at_most: 700
            }
        );
        assert_eq!(
            found.reclaimable_untagged,
            ReclaimableBytes {
                at_least: Some(50),
                at_most: 400
            }
        );
        let unknown = usage(images, None);
        assert_eq!(unknown.total_bytes, None);
        assert_eq!(unknown.reclaimable.at_least, None);
    }
}
