//! The image for the other architecture boots in the same way, under an emulated processor.

use std::path::{Path, PathBuf};

use slipway_api::machine::{Accelerator, MachineState};
use slipway_testkit::free_port;

use crate::own::{Own, get, image, warnings_about};

/// OCI names of this computer's architecture and of the other one.
fn architectures() -> (&'static str, &'static str) {
    if cfg!(target_arch = "aarch64") {
        ("arm64", "amd64")
    } else {
        ("amd64", "arm64")
    }
}

/// The archive of the welcome image, which is built beside the machine's images.
fn welcome(image: &Path, arch: &str) -> PathBuf {
    image
        .ancestors()
        .nth(2)
        .expect("…/guest/amd64")
        .join("welcome")
        .join(format!("{arch}.tar"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_architecture_boots_and_serves_the_welcome_page() {
    let Some(image) = image() else { return };
    let (this, other) = architectures();
    assert!(image.ends_with(this), "{}", image.display());
    let image = image.with_file_name(other);
    let welcome = welcome(&image, other);
    for needed in [image.join("manifest.json"), welcome.clone()] {
        if !needed.is_file() {
            let advice = format!(
                "there is no {}: run `cargo xtask guest-image` and `cargo xtask welcome-image`",
                needed.display()
            );
            assert!(std::env::var_os("CI").is_none(), "{advice}");
            eprintln!("NOT TESTED: {advice}");
            return;
        }
    }
    let own = Own::new(&image);
    own.client.start().await.expect("accepted");
    let view = own.running().await;
    eprintln!("{:?}", view.state);
    let accelerator = view.accelerator.expect("one");
    assert_eq!(accelerator.name, Accelerator::Tcg);
    assert!(
        accelerator.reason.expect("why").contains("architecture"),
        "it says why it is slow"
    );
    assert_eq!(own.docker_line("version --format {{.Server.Arch}}"), other);
    own.docker_line(&format!("load --input {}", welcome.display()));
    let port = free_port();
    own.docker_line(&format!(
        "run -d -p {port}:8080 -e PORT=8080 slipway.internal/welcome"
    ));
    assert!(get(port).contains("Slipway"));
    own.client.stop().await.expect("accepted");
    let view = own.state(MachineState::Stopped).await;
    assert_eq!(warnings_about(&view, "powered off"), [""; 0]);
    own.client.shutdown().await.expect("it ends");
    own.nothing_runs();
}
