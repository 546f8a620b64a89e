//! `cargo xtask guest-image`: the kernel, the initrd and the root file system that Slipway's machine boots.
//!
//! Everything in it comes from Debian packages, named in `installers/guest-image` and pinned in lock files there, and
//! from our own agent. The tools that make it come from pinned packages as well, so that one recipe gives the same
//! bytes on every computer. Nothing of it needs root, and no code of the guest's architecture runs.

mod agent;
mod apt;
mod cpio;
mod lock;
mod manifest;
mod modules;
mod recipe;
mod root;
mod tools;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use crate::arch::Arch;
use crate::packages::{self, Consent, Need};
use crate::workspace::target;
use agent::Agent;
use lock::{Lock, Pinned, Taken};
use manifest::Manifest;
use modules::Kernel;
use recipe::Recipe;
use root::Root;
use tools::Tools;

const PACKAGES: &[Need] = &[
    ("apt", "downloading the machine's packages"),
    ("dpkg", "unpacking the machine's packages"),
    ("debian-archive-keyring", "trusting the machine's packages"),
    ("binutils", "finding which libraries a program needs"),
];

/// Timestamp of all files: the same input has to give the same bytes.
const EPOCH: &str = "1767225600";

/// Limit of the total size of the three files of one architecture.
const BUDGET: u64 = 110_000_000;

const VMLINUZ: &str = "vmlinuz";
const INITRD: &str = "initrd";
const ROOT: &str = "root.erofs";
const MANIFEST: &str = "manifest.json";

/// The command's options.
#[derive(Debug, Default)]
struct Options {
    archs: Vec<Arch>,
    update_lock: bool,
    check_reproducible: bool,
    agent: Option<PathBuf>,
    /// A directory of packages to take.
    debs: Option<PathBuf>,
    /// A directory in which the packages of the image are saved.
    save_debs: Option<PathBuf>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .with_context(|| format!("{argument} takes a value"))
            };
            match argument.as_str() {
                "--arch" => {
                    let name = value()?;
                    let arch = Arch::ALL.into_iter().find(|arch| arch.name() == name);
                    options.archs.push(
                        arch.with_context(|| format!("`{name}` is neither amd64 nor arm64"))?,
                    );
                }
                "--update-lock" => options.update_lock = true,
                "--check-reproducible" => options.check_reproducible = true,
                "--agent" => options.agent = Some(value()?.into()),
                "--debs" => options.debs = Some(value()?.into()),
                "--save-debs" => options.save_debs = Some(value()?.into()),
                other => bail!("guest-image has no option `{other}`"),
            }
        }
        if options.archs.is_empty() {
            options.archs.extend(Arch::ALL);
        }
        Ok(options)
    }
}

/// Builds what is not up to date.
pub(crate) fn guest_image(consent: Consent, arguments: &[String]) -> Result<()> {
    let options = Options::parse(arguments)?;
    if !cfg!(target_os = "linux") {
        bail!("the machine's image is built on Linux, with Debian's tools");
    }
    packages::install(consent, PACKAGES)?;
    let recipe = Recipe::read()?;
    if let Some(debs) = &options.debs {
        lock::take_all(debs)?;
    }
    for &arch in &options.archs {
        let agent = match &options.agent {
            Some(path) => Agent::given(path)?,
            None => Agent::build(consent, arch)?,
        };
        let image = Image {
            arch,
            agent,
            recipe: &recipe,
        };
        if let Some(into) = &options.save_debs {
            image.build(&image.directory(), options.update_lock)?;
            image.save_packages(into)?;
        } else if options.update_lock {
            image.build(&image.directory(), true)?;
        }
        if options.check_reproducible {
            image.check_reproducible()?;
        } else {
            image.refresh()?;
        }
    }
    Ok(())
}

/// An image to be built.
struct Image<'a> {
    arch: Arch,
    agent: Agent,
    recipe: &'a Recipe,
}

impl Image<'_> {
    /// The output directory.
    fn directory(&self) -> PathBuf {
        of_arch(self.arch)
    }

    /// A digest of everything that determines the image.
    fn stamp(&self) -> Result<String> {
        let mut digest = recipe::Digest::default();
        digest.add(Recipe::digest()?.as_bytes());
        digest.add(self.agent.sha256.as_bytes());
        Ok(digest.finish())
    }

    fn is_fresh(&self) -> Result<bool> {
        let directory = self.directory();
        let complete = [VMLINUZ, INITRD, ROOT, MANIFEST]
            .iter()
            .all(|name| directory.join(name).is_file());
        let stamp = std::fs::read_to_string(directory.join("stamp")).unwrap_or_default();
        Ok(complete && stamp == self.stamp()?)
    }

    /// Saves the packages that this image and the programs that make it come from.
    fn save_packages(&self, into: &Path) -> Result<()> {
        for name in [
            format!("packages.{}.lock", self.arch.name()),
            format!("tools.{}.lock", Arch::of_this_computer()?.name()),
        ] {
            if let Some(lock) = Lock::read(&name)? {
                lock.save(into)?;
            }
        }
        println!("  its packages are in {}", into.display());
        Ok(())
    }

    fn build(&self, directory: &Path, update_lock: bool) -> Result<()> {
        let began = Instant::now();
        println!("Building the {} image", self.arch.name());
        let tools = Tools::prepare(self.recipe, update_lock)?;
        let lock = format!("packages.{}.lock", self.arch.name());
        let packages = self.recipe.packages(self.arch)?;
        let taken = Taken::packages(&lock, self.arch, &packages, update_lock)?;
        let work = work(self.arch.name())?;
        let tree = work.join("tree");
        let unpacked = taken.unpack(&tree)?;

        let _ = std::fs::remove_dir_all(directory);
        std::fs::create_dir_all(directory)?;
        let kernel = Kernel::find(&tree)?;
        std::fs::copy(kernel.image(), directory.join(VMLINUZ))?;
        let laid = work.join("root");
        let mut root = Root::new(&tree, &laid);
        root.lay(self.recipe, self.arch)?;
        kernel.lay_modules(self.recipe, self.arch, &tools, &mut root)?;
        root::pack(&tools, &laid, &directory.join(ROOT))?;
        let initrd = kernel.initrd(self.recipe, self.arch, &tools, &self.agent)?;
        std::fs::write(directory.join(INITRD), initrd)?;

        // Only packages that contribute to the image are pinned and named.
        root.note(kernel.image().strip_prefix(&tree)?);
        let gave = root.into_taken();
        let used: Vec<Pinned> = unpacked
            .iter()
            .filter(|package| package.has_any(&gave))
            .map(|package| package.pinned().clone())
            .collect();
        if update_lock {
            Lock::from(&used[..]).write(&lock)?;
        }
        let manifest = Manifest::of(self, kernel.version(), &used, directory)?;
        manifest.write(&directory.join(MANIFEST))?;
        std::fs::write(directory.join("stamp"), self.stamp()?)?;
        println!("  {}", directory.display());
        manifest.print();

        println!("  built in {:.1} s", began.elapsed().as_secs_f32());
        ensure!(
            manifest.size() <= BUDGET,
            "the image takes {} MB, more than the {} MB it may take",
            manifest.size() / 1_000_000,
            BUDGET / 1_000_000
        );
        Ok(())
    }

    /// Builds what is not up to date.
    fn refresh(&self) -> Result<()> {
        if self.is_fresh()? {
            println!("The {} image is up to date.", self.arch.name());
            return Ok(());
        }
        self.build(&self.directory(), false)
    }

    /// Builds it a second time and compares.
    fn check_reproducible(&self) -> Result<()> {
        self.refresh()?;
        let first = self.directory();
        let second = directory().join("again").join(self.arch.name());
        self.build(&second, false)?;
        for name in [VMLINUZ, INITRD, ROOT, MANIFEST] {
            ensure!(
                std::fs::read(first.join(name))? == std::fs::read(second.join(name))?,
                "{name} of {} differs between two builds: compare {} with {}",
                self.arch.name(),
                first.display(),
                second.display()
            );
        }
        std::fs::remove_dir_all(&second)?;
        println!("  two builds gave the same bytes");
        Ok(())
    }
}

/// The release that the guest is made of, and where apt finds it: `debian.sources`, and settings.
pub(crate) fn debian() -> Result<(&'static str, String, String)> {
    Ok((recipe::SUITE, apt::sources()?, apt::reaching()?))
}

/// The directory of the image for an architecture.
pub(crate) fn of_arch(arch: Arch) -> PathBuf {
    directory().join(arch.name())
}

/// The directory of images and downloads.
fn directory() -> PathBuf {
    target().join("guest")
}

/// A fresh directory to build in.
fn work(name: &str) -> Result<PathBuf> {
    let directory = directory().join("work").join(name);
    if directory.exists() {
        std::fs::remove_dir_all(&directory)
            .with_context(|| format!("{} cannot be cleared", directory.display()))?;
    }
    std::fs::create_dir_all(&directory)?;
    Ok(directory)
}
