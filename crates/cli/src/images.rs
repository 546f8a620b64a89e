//! `images`, `pull` and `rmi`.

use std::io::IsTerminal as _;
use std::sync::Mutex;

use serde::Serialize;
use slipway_api::ApiError;
use slipway_api::image::{ImageDetail, ImageView, ReclaimableBytes};
use slipway_api::operation::PullProgress;
use slipway_core::Slipway;
use slipway_engine::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::arguments::{Images, Pull, RemoveImages};
use crate::exit::Exit;
use crate::failure::{self, Failure, report};
use crate::interrupt;
use crate::machine::ask;
use crate::moment;
use crate::output::{Output, Tone};
use crate::progress::Progress;
use crate::size;
use crate::table::{Cell, Fields, Table};

/// `slipway images [IMAGE]`
pub(crate) async fn images(
    what: &Images,
    slipway: &Slipway,
    output: &Output,
) -> Result<Exit, Failure> {
    match &what.image {
        Some(image) => show(image, slipway, output).await,
        None => list(slipway, output).await,
    }
}

async fn show(image: &str, slipway: &Slipway, output: &Output) -> Result<Exit, Failure> {
    let detail = slipway.image_detail(image).await?;
    if output.json_wanted() {
        output.print_json(&detail)?;
    } else {
        output.print(&summary(&detail).for_output(output))?;
    }
    Ok(Exit::Done)
}

fn summary(detail: &ImageDetail) -> Fields {
    let (image, config) = (&detail.image, &detail.config);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let mut fields = Fields::default();
    fields
        .list("Tags", image.tags.iter().map(String::as_str))
        .field("Id", image.id.as_str())
        .list("Digests", image.digests.iter().map(String::as_str))
        .list(
            "Used by",
            image.used_by.iter().map(|user| {
                let state = if user.running { "running" } else { "stopped" };
                format!("{} ({state})", user.name)
            }),
        )
        .field(
            "Size",
            format!(
                "{} in {} layers",
                size::bytes(image.size_bytes),
                detail.layers
            ),
        )
        .field("Created", moment::to_the_second(&image.created_at))
        .field("Platform", config.platform.as_str())
        .field("Command", config.command.join(" "))
        .field("Working directory", text(&detail.working_dir))
        .field("User", text(&detail.user))
        .list(
            "Exposed ports",
            config
                .ports
                .iter()
                .map(|port| format!("{}/{}", port.port, port.protocol)),
        )
        .list("Volumes", config.volumes.iter().map(String::as_str))
        .field(
            "Health check",
            detail
                .healthcheck
                .get(1..)
                .map(|words| words.join(" "))
                .unwrap_or_default(),
        )
        .field("Stop signal", text(&detail.stop_signal))
        .list(
            "Environment",
            config
                .env
                .iter()
                .map(|variable| format!("{}={}", variable.name, variable.value)),
        )
        .list(
            "Labels",
            detail
                .labels
                .iter()
                .map(|label| format!("{}={}", label.name, label.value)),
        );
    fields
}

async fn list(slipway: &Slipway, output: &Output) -> Result<Exit, Failure> {
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
    } else if !progress.is_shown() || !output.stdout_is_terminal() {
        // For programs that read it.
        output.print_line(&pulled.image)?;
    }
    Ok(Exit::Done)
}

/// Pulls an image and shows its progress. Returns the last progress.
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
    // A complete pull has reported progress at least once.
    last.ok_or_else(interrupt::cancelled)
}

/// The outcome of removing one of several images, for `--json`.
#[derive(Serialize)]
struct Removed {
    /// The reference as it was typed.
    image: String,
    /// Tags that are gone.
    untagged: Vec<String>,
    /// Images and layers that are gone.
    deleted: Vec<String>,
    error: Option<ApiError>,
}

/// `slipway rmi IMAGE…`: each image is tried, whatever happens to the others.
pub(crate) async fn remove(
    what: &RemoveImages,
    slipway: &Slipway,
    output: &Output,
) -> Result<Exit, Failure> {
    if what.unused {
        return remove_unused(what, slipway, output).await;
    }
    // Without an engine, report one error instead of one for each image.
    slipway.engine_view().await?;
    let mut exit = Exit::Done;
    let mut outcomes = Vec::new();
    for image in &what.images {
        let outcome = match slipway.image_remove(image, None, what.force).await {
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

/// `slipway rmi --unused`
async fn remove_unused(
    what: &RemoveImages,
    slipway: &Slipway,
    output: &Output,
) -> Result<Exit, Failure> {
    let usage = slipway.image_usage().await?;
    let frees = if what.untagged {
        usage.reclaimable_untagged
    } else {
        usage.reclaimable
    };
    let images: Vec<ImageView> = usage
        .unused
        .into_iter()
        .filter(|image| !what.untagged || image.tags.is_empty())
        .collect();
    let person = std::io::stdin().is_terminal() && output.stderr_is_terminal();
    if !images.is_empty() && !what.yes {
        if !person {
            return Err(failure::invalid(
                "Removing unused images has to be confirmed",
                format!("Add `--yes`: {}", offer(images.len(), frees)),
            )
            .into());
        }
        let listed = table(&images, Timestamp::now()).for_output(output);
        let question = format!("{listed}{}. Go on? [y/N] ", offer(images.len(), frees));
        let answer = ask(&question, output).await?;
        if !matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
            return Err(interrupt::cancelled().into());
        }
    }
    let cancel = interrupt::cancels();
    let progress = Progress::new(output, output.json_wanted());
    let ids: Vec<String> = images.into_iter().map(|image| image.id).collect();
    let result = slipway
        .images_remove_unused(&ids, &cancel, |at| {
            progress.step(
                &format!("Removing {} ({} of {})", at.image, at.done + 1, at.total),
                &format!("Removed {}", at.image),
            );
        })
        .await?;
    progress.abandon();
    for kept in &result.kept {
        report(output, &kept.error);
    }
    if output.json_wanted() {
        output.print_json(&result)?;
    } else {
        let saved = result
            .freed_bytes
            .map(|bytes| format!(", {} freed", size::bytes(bytes)))
            .unwrap_or_default();
        output.print_line(&format!("{}{saved}", images_removed(result.removed)))?;
    }
    if result.cancelled {
        return Err(interrupt::cancelled().into());
    }
    Ok(if result.kept.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn images_removed(count: u32) -> String {
    match count {
        1 => "1 image removed".to_owned(),
        _ => format!("{count} images removed"),
    }
}

/// The effect of removing unused images. The engine reports how much an image shares, but not with which others.
fn offer(count: usize, frees: ReclaimableBytes) -> String {
    let images = if count == 1 { "image" } else { "images" };
    let bytes = match frees.at_least {
        Some(least) if least >= frees.at_most => size::bytes(least),
        Some(least) => format!("{} to {}", size::bytes(least), size::bytes(frees.at_most)),
        None => format!("up to {}", size::bytes(frees.at_most)),
    };
    format!("{count} {images} will be removed, which frees {bytes}")
}

fn told(removed: &Removed) -> String {
    if removed.deleted.is_empty() {
        // Other tags, or containers, use the image.
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
    fn an_offer_says_how_much_is_freed() {
        let check = |count, at_least, at_most, wanted: &str| {
            assert_eq!(offer(count, ReclaimableBytes { at_least, at_most }), wanted);
        };
        check(
            1,
            Some(5_000_000),
            5_000_000,
            "1 image will be removed, which frees 5 MB",
        );
        check(
            3,
            Some(5_000_000),
            7_000_000,
            "3 images will be removed, which frees 5 MB to 7 MB",
        );
        check(
            3,
            None,
            7_000_000,
            "3 images will be removed, which frees up to 7 MB",
        );
    }

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
