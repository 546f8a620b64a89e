//! `images`, `pull` and `rmi`.

use std::sync::Mutex;

use serde::Serialize;
use slipway_api::ApiError;
use slipway_api::image::ImageView;
use slipway_api::operation::PullProgress;
use slipway_core::Slipway;
use slipway_engine::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::arguments::{Pull, RemoveImages};
use crate::exit::Exit;
use crate::failure::{Failure, report};
use crate::interrupt;
use crate::moment;
use crate::output::{Output, Tone};
use crate::progress::Progress;
use crate::size;
use crate::table::{Cell, Table};

/// `slipway images`
pub(crate) async fn list(slipway: &Slipway, output: &Output) -> Result<Exit, Failure> {
    let images = slipway.images().await?;
    if output.json_wanted() {
        output.print_json(&images)?;
    } else {
        output.print(&table(&images, Timestamp::now()).for_output(output))?;
    }
    Ok(Exit::Done)
}

fn table(images: &[ImageView], now: Timestamp) -> Table<5> {
    let mut table = Table::new(["IMAGE", "ID", "SIZE", "BUILT", "USED BY"]);
    for image in images {
        let users: Vec<&str> = image
            .used_by
            .iter()
            .map(|user| user.name.as_str())
            .collect();
        let untagged = ["<untagged>".to_owned()];
        let tags = if image.tags.is_empty() {
            &untagged[..]
        } else {
            &image.tags
        };
        for tag in tags {
            table.row([
                Cell::new(tag, Tone::Heading),
                short_id(&image.id).into(),
                size::bytes(image.size_bytes).into(),
                moment::ago(&image.created_at, now).into(),
                users.join(", ").into(),
            ]);
        }
    }
    table
}

fn short_id(id: &str) -> &str {
    let digest = id.strip_prefix("sha256:").unwrap_or(id);
    digest.get(..12).unwrap_or(digest)
}

/// `slipway pull IMAGE`
pub(crate) async fn pull(what: &Pull, slipway: &Slipway, output: &Output) -> Result<Exit, Failure> {
    let cancel = interrupt::cancels();
    let progress = Progress::new(output, what.quiet);
    let pulled = pull_with_progress(slipway, &what.image, &cancel, &progress).await?;
    progress.finish();
    if output.json_wanted() {
        output.print_json(&pulled)?;
    } else if !progress.is_shown() {
        output.print_line(&pulled.image)?;
    }
    Ok(Exit::Done)
}

/// Pulls an image and tells how far that is. Returns the last that was told.
pub(crate) async fn pull_with_progress(
    slipway: &Slipway,
    image: &str,
    cancel: &CancellationToken,
    progress: &Progress,
) -> Result<PullProgress, ApiError> {
    let last = Mutex::new(None);
    let result = slipway
        .image_pull(image, cancel, |at| {
            let mut last = last
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            progress.pull(&at);
            *last = Some(at);
        })
        .await;
    if result.is_err() {
        progress.abandon();
    }
    result?;
    let last = last
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    // A pull that came to its end has told at least that.
    last.ok_or_else(interrupt::cancelled)
}

/// How the removal of one of several images came out, as `--json` tells it.
#[derive(Serialize)]
struct Removed {
    /// What was to be removed, as it was typed.
    image: String,
    /// Tags that are gone.
    untagged: Vec<String>,
    /// Images and layers that are gone.
    deleted: Vec<String>,
    error: Option<ApiError>,
}

/// `slipway rmi IMAGE…`: each is tried, whatever happens to the others.
pub(crate) async fn remove(
    what: &RemoveImages,
    slipway: &Slipway,
    output: &Output,
) -> Result<Exit, Failure> {
    // Without an engine there is one error, not one for each image.
    slipway.engine_view().await?;
    let mut exit = Exit::Done;
    let mut outcomes = Vec::new();
    for image in &what.images {
        let outcome = match slipway.image_remove(image, what.force).await {
            Ok(removal) => Removed {
                image: image.clone(),
                untagged: removal.untagged,
                deleted: removal.deleted,
                error: None,
            },
            Err(error) => {
                report(output, &error);
                exit = Exit::Failed;
                Removed {
                    image: image.clone(),
                    untagged: Vec::new(),
                    deleted: Vec::new(),
                    error: Some(error),
                }
            }
        };
        if !output.json_wanted() && outcome.error.is_none() {
            output.print(&told(&outcome))?;
        }
        outcomes.push(outcome);
    }
    if output.json_wanted() {
        output.print_json(&outcomes)?;
    }
    Ok(exit)
}

fn told(removed: &Removed) -> String {
    if removed.deleted.is_empty() {
        // Other tags, or containers, keep the image.
        format!("{} untagged\n", crate::text::line(&removed.image))
    } else {
        format!("{} removed\n", crate::text::line(&removed.image))
    }
}

#[cfg(test)]
mod tests {
    use slipway_api::image::ImageUser;

    use super::*;

    #[test]
    fn images_in_a_table() {
        let image = |tags: &[&str], users: &[&str]| ImageView {
            id: "sha256:0123456789abcdef".to_owned(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            digests: Vec::new(),
            size_bytes: 187_654_321,
            created_at: "2026-05-01T12:00:00.000000000Z".to_owned(),
            used_by: users
                .iter()
                .map(|name| ImageUser {
                    id: String::new(),
                    name: (*name).to_owned(),
                    running: true,
                })
                .collect(),
        };
        let now = Timestamp::parse(b"2026-05-04T12:00:00Z").expect("a time");
        let images = [
            image(&["nginx:1.27", "nginx:latest"], &["web", "proxy"]),
            image(&[], &[]),
        ];
        insta::assert_snapshot!(table(&images, now).render(false, None), @r"
        IMAGE         ID            SIZE    BUILT       USED BY
        nginx:1.27    0123456789ab  188 MB  3 days ago  web, proxy
        nginx:latest  0123456789ab  188 MB  3 days ago  web, proxy
        <untagged>    0123456789ab  188 MB  3 days ago
        ");
    }
}
