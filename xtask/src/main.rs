//! `cargo xtask`: every task of the project as one command each. It installs what is missing, so that a fresh machine
//! with Rust and Node needs no other step.

mod arch;
mod bench;
#[cfg(unix)]
mod bench_debian;
mod bundle;
mod display;
#[cfg(target_os = "linux")]
mod fuzz;
#[cfg(unix)]
mod guest_image;
mod mirrors;
mod npm;
mod packages;
mod report;
mod run;
mod shell;
mod static_program;
mod targets;
mod test;
mod welcome_image;
mod workspace;

use anyhow::{Result, bail};

const HELP: &str = "\
cargo xtask COMMAND

  run [-- ARGS]       install what is missing, build, and start Slipway
  test [--quick]      install what tests need and run everything; --quick leaves out the release build, the
                      end-to-end tests and the other systems
  soak                run whole what `test` runs a share of: 20 ends of the machine of each kind, a scan of every port,
                      20,000 cases of each property, 10 minutes of each fuzz target; it takes hours
  tour                play the main job in the real window; screenshots go to target/tour/
  bench [NAME]        measure; results go to target/bench/ and docs/PERFORMANCE.md
  bundle              make the deb and the rpm, in target/release/bundle/
  bindings            write ui/src/host/bindings.ts from the commands
  icons               write icons/generated/ from icons/slipway.svg
  check-targets       type-check and lint the macOS and Windows code
  guest-image         build what the machine boots, in target/guest/; [--arch amd64|arm64] for one architecture,
                      [--update-lock] with the newest packages, [--check-reproducible] twice to compare,
                      [--agent FILE] with another program as its first process, [--save-debs DIR] and keep the packages
                      that it comes from, [--debs DIR] from kept packages
  fuzz                run the fuzz targets of the link for 15 seconds each
  welcome-image       pack the image that ships with Slipway, in target/welcome/
  samples             build the sample images that tests run

Options of all: --yes installs system packages without asking (so does CI=true, and there being no terminal).";

fn main() -> Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let yes = take(&mut arguments, "--yes");
    let command = if arguments.is_empty() {
        String::new()
    } else {
        arguments.remove(0)
    };
    let install = packages::Consent::from(yes);
    match command.as_str() {
        "run" => run::run(install, &arguments),
        "test" => {
            test::test(install, take(&mut arguments, "--quick"));
            Ok(())
        }
        test::BUILDS => {
            test::builds(install);
            Ok(())
        }
        "soak" => test::soak(install),
        "tour" => test::tour(install),
        "bench" => bench::bench(install, &arguments),
        "bundle" => bundle::bundle(install),
        "bindings" => workspace::write_bindings(install),
        "icons" => bundle::icons(install),
        "check-targets" => targets::check(install),
        #[cfg(target_os = "linux")]
        "fuzz" => fuzz::fuzz(fuzz::SHORT),
        #[cfg(unix)]
        "guest-image" => guest_image::guest_image(install, &arguments),
        "welcome-image" => welcome_image::welcome_image(install),
        "samples" => test::samples(install),
        "" | "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(())
        }
        other => bail!("there is no command `{other}`\n\n{HELP}"),
    }
}

fn take(arguments: &mut Vec<String>, flag: &str) -> bool {
    let before = arguments.len();
    arguments.retain(|argument| argument != flag);
    arguments.len() < before
}
