//! Installers, and their icons.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::arch::Arch;
use crate::display::VirtualDisplay;
use crate::packages::{self, Consent};
use crate::workspace::{binary, build_release, root, target};
use crate::{npm, shell, welcome_image};

#[cfg(target_os = "linux")]
mod machine;

/// Timeout for the window of a fresh installation on a busy machine.
const WINDOW_PATIENCE: Duration = Duration::from_secs(30);

/// The files of the machine's image.
const GUEST_IMAGE: [&str; 4] = ["vmlinuz", "initrd", "root.erofs", "manifest.json"];

/// Sizes of `icons/generated` that are kept.
const ICONS: &[&str] = &[
    "32x32.png",
    "64x64.png",
    "128x128.png",
    "128x128@2x.png",
    "icon.png",
    "icon.icns",
    "icon.ico",
];

/// Builds packages of these kinds, and returns the path of the deb.
pub(crate) fn pack(consent: Consent, kinds: &str) -> Result<PathBuf> {
    packages::install(consent, packages::BUILD)?;
    packages::install(consent, packages::BUNDLE)?;
    npm::build()?;
    build_release()?;
    write_command_files()?;
    welcome_image::welcome_image(consent)?;
    lay_welcome_images()?;
    lay_guest_image(consent)?;
    shell::run(
        tauri()
            .current_dir(root().join("src-tauri"))
            .args(["bundle", "--bundles", kinds, "--config"])
            .arg(recommendations()?.to_string()),
    )?;
    newest("deb")
}

/// Builds the deb and the rpm and checks their content.
pub(crate) fn bundle(consent: Consent) -> Result<()> {
    packages::install(consent, packages::TEST)?;
    let deb = pack(consent, "deb,rpm")?;
    let rpm = newest("rpm")?;
    let unpacked = target().join("bundle-check");
    check_deb(&deb, &unpacked.join("deb"))?;
    check_rpm(&rpm, &unpacked.join("rpm"))?;
    check_same(&unpacked.join("deb"), &unpacked.join("rpm"))?;
    for kind in ["deb", "rpm"] {
        check_start(consent, &unpacked.join(kind))?;
    }
    #[cfg(target_os = "linux")]
    {
        packages::install_machine(consent, &[Arch::of_this_computer()?])?;
        machine::check(&unpacked.join("deb"))?;
    }
    for bundle in [&deb, &rpm] {
        let size = std::fs::metadata(bundle)?.len();
        println!("{} ({:.1} MiB)", bundle.display(), megabytes(size));
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn tauri() -> Command {
    Command::new(npm::directory().join("node_modules/.bin/tauri"))
}

/// The man page and the completions of the `slipway` command, which the packages carry.
fn write_command_files() -> Result<()> {
    let directory = target().join("command-files");
    std::fs::create_dir_all(&directory)?;
    let slipway = binary("release", "slipway");
    for program in ["slipway", "slipwayd"] {
        std::fs::copy(binary("release", program), directory.join(program))?;
    }
    for (arguments, file) in [
        (&["man"][..], "slipway.1"),
        (&["completions", "bash"], "slipway.bash"),
        (&["completions", "zsh"], "_slipway"),
        (&["completions", "fish"], "slipway.fish"),
    ] {
        let text = shell::output(Command::new(&slipway).args(arguments))?;
        std::fs::write(directory.join(file), text)?;
    }
    // `tauri.linux.conf.json` names them by a path that does not depend on where cargo's target directory is.
    let link = root().join("installers/command-files");
    let _ = std::fs::remove_dir_all(&link);
    std::fs::create_dir_all(&link)?;
    for file in std::fs::read_dir(&directory)? {
        let file = file?;
        std::fs::copy(file.path(), link.join(file.file_name()))?;
    }
    Ok(())
}

/// Both architectures, because an engine can be on another computer.
fn lay_welcome_images() -> Result<()> {
    let directory = root().join("installers/welcome");
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory)?;
    for arch in Arch::ALL {
        let name = format!("{}.tar", arch.name());
        std::fs::copy(
            welcome_image::directory().join(&name),
            directory.join(&name),
        )?;
    }
    Ok(())
}

/// The machine's image, for the architecture of the packages.
#[cfg(target_os = "linux")]
fn lay_guest_image(consent: Consent) -> Result<()> {
    use crate::guest_image;

    let arch = Arch::of_this_computer()?;
    guest_image::guest_image(consent, &["--arch".to_owned(), arch.name().to_owned()])?;
    let all = root().join("installers/guest");
    let directory = all.join(arch.name());
    let _ = std::fs::remove_dir_all(&all);
    std::fs::create_dir_all(&directory)?;
    for name in GUEST_IMAGE {
        let built = target().join("guest").join(arch.name()).join(name);
        std::fs::copy(&built, directory.join(name))
            .with_context(|| format!("{} was not built", built.display()))?;
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn lay_guest_image(_consent: Consent) -> Result<()> {
    bail!("the packages are made on Linux, as the machine's image is")
}

/// QEMU is recommended, not required: a user with an engine does not need it. Without an engine or QEMU, `machine
/// start` names the package to install.
fn recommendations() -> Result<serde_json::Value> {
    let (deb, rpm) = match Arch::of_this_computer()? {
        Arch::Amd64 => ("qemu-system-x86", "qemu-system-x86"),
        Arch::Arm64 => ("qemu-system-arm", "qemu-system-aarch64"),
    };
    Ok(serde_json::json!({
        "bundle": { "linux": { "deb": { "recommends": [deb] }, "rpm": { "recommends": [rpm] } } }
    }))
}

fn newest(kind: &str) -> Result<PathBuf> {
    let directory = target().join("release/bundle").join(kind);
    let mut found: Vec<_> = std::fs::read_dir(&directory)
        .with_context(|| format!("{} was not made", directory.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == kind))
        .collect();
    found.sort_by_key(|path| path.metadata().and_then(|meta| meta.modified()).ok());
    found.pop().with_context(|| format!("no .{kind} was made"))
}

fn fresh(directory: &Path) -> Result<()> {
    let _ = std::fs::remove_dir_all(directory);
    std::fs::create_dir_all(directory)?;
    Ok(())
}

fn check_deb(deb: &Path, directory: &Path) -> Result<()> {
    fresh(directory)?;
    shell::run(Command::new("dpkg-deb").arg("-x").arg(deb).arg(directory))?;
    check_files(directory)
}

fn check_rpm(rpm: &Path, directory: &Path) -> Result<()> {
    fresh(directory)?;
    let archive = Command::new("rpm2cpio").arg(rpm).output()?;
    // Some versions of rpm2cpio succeed with a status of 1; what counts is what cpio makes of it.
    ensure!(
        !archive.stdout.is_empty(),
        "rpm2cpio failed on {}",
        rpm.display()
    );
    let cpio = directory.join("content.cpio");
    std::fs::write(&cpio, archive.stdout)?;
    shell::run(
        Command::new("cpio")
            .args([
                "--extract",
                "--make-directories",
                "--quiet",
                "--no-absolute-filenames",
            ])
            .stdin(std::fs::File::open(&cpio)?)
            .current_dir(directory),
    )?;
    check_files(directory)
}

/// The files of an installed Slipway.
fn check_files(directory: &Path) -> Result<()> {
    let guest = Path::new("usr/lib/slipway/guest").join(Arch::of_this_computer()?.name());
    for name in GUEST_IMAGE {
        let file = guest.join(name);
        if !directory.join(&file).exists() {
            bail!("the package lacks /{}", file.display());
        }
    }
    for file in [
        "usr/bin/slipway-desktop",
        "usr/bin/slipway",
        "usr/bin/slipwayd",
        "usr/share/applications/Slipway.desktop",
        "usr/share/icons/hicolor/128x128/apps/slipway-desktop.png",
        "usr/lib/slipway/welcome/amd64.tar",
        "usr/lib/slipway/welcome/arm64.tar",
        "usr/share/man/man1/slipway.1",
        "usr/share/bash-completion/completions/slipway",
    ] {
        if !directory.join(file).exists() {
            bail!("the package lacks /{file}");
        }
    }
    shell::run(
        Command::new("desktop-file-validate")
            .arg(directory.join("usr/share/applications/Slipway.desktop")),
    )?;
    shell::run(Command::new(directory.join("usr/bin/slipway")).arg("version"))
}

/// Checks that both packages install the same files. Only the window's program differs: it contains the kind of package
/// it came in.
fn check_same(one: &Path, other: &Path) -> Result<()> {
    shell::run(
        Command::new("diff")
            .args(["--recursive", "--brief", "--exclude=slipway-desktop"])
            .args([one.join("usr"), other.join("usr")]),
    )
    .context("the packages differ in what they install")
}

/// Starts the window of an unpacked package, and waits for it.
fn check_start(consent: Consent, directory: &Path) -> Result<()> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let display = VirtualDisplay::start(consent)?;
    let home = directory.join("home");
    std::fs::create_dir_all(&home)?;
    let mut app = Command::new(directory.join("usr/bin/slipway-desktop"))
        .env("DISPLAY", display.name())
        .env("HOME", &home)
        .env("XDG_RUNTIME_DIR", &home)
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .stderr(Stdio::null())
        .spawn()?;
    let began = Instant::now();
    let shown = loop {
        let windows = shell::output(Command::new("xwininfo").args([
            "-root",
            "-tree",
            "-display",
            display.name(),
        ]))?;
        if windows.contains("\"Slipway\"") {
            break true;
        }
        if began.elapsed() > WINDOW_PATIENCE || app.try_wait()?.is_some() {
            break false;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    app.kill()?;
    app.wait()?;
    ensure!(shown, "the window of {} does not open", directory.display());
    Ok(())
}

/// Renders all sizes of the icon from its one source.
pub(crate) fn icons(_consent: Consent) -> Result<()> {
    npm::install()?;
    let all = target().join("icons");
    fresh(&all)?;
    shell::run(
        tauri()
            .current_dir(root())
            .args(["icon", "icons/slipway.svg", "--output"])
            .arg(&all),
    )?;
    for icon in ICONS {
        std::fs::copy(all.join(icon), root().join("icons/generated").join(icon))?;
    }
    Ok(())
}
