//! Shell completions and the manual page, generated from the command line's definition.

use clap::CommandFactory as _;
use clap_complete::Shell as Target;

use crate::arguments::{Arguments, Completions, Shell};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// `slipway completions SHELL`
pub(crate) fn completions(what: &Completions, output: &Output) -> Result<Exit, Failure> {
    output.print(&script(what.shell))?;
    Ok(Exit::Done)
}

fn script(shell: Shell) -> String {
    let target = match shell {
        Shell::Bash => Target::Bash,
        Shell::Zsh => Target::Zsh,
        Shell::Fish => Target::Fish,
        Shell::PowerShell => Target::PowerShell,
    };
    let mut script = Vec::new();
    clap_complete::generate(target, &mut Arguments::command(), "slipway", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// `slipway man`
pub(crate) fn man(output: &Output) -> Result<Exit, Failure> {
    output.print(&page()?)?;
    Ok(Exit::Done)
}

/// One page for all commands: each becomes a section with its description, options and examples.
fn page() -> std::io::Result<String> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let mut page = Vec::new();
    let main = clap_mangen::Man::new(command.clone())
        .section("1")
        .title("SLIPWAY");
    main.render_title(&mut page)?;
    main.render_name_section(&mut page)?;
    main.render_synopsis_section(&mut page)?;
    main.render_description_section(&mut page)?;
    main.render_options_section(&mut page)?;
    page.extend_from_slice(b".SH NOTES\n");
    page.extend_from_slice(after_help(&command).as_bytes());
    for subcommand in command.get_subcommands() {
        section(subcommand, "SLIPWAY", &mut page)?;
    }
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// A command's section, followed by those of its subcommands.
fn section(command: &clap::Command, parent: &str, page: &mut Vec<u8>) -> std::io::Result<()> {
    if command.is_hide_set() {
        return Ok(());
    }
    // Global options are described once, above.
    let own = command.clone().mut_args(|argument| {
        let global = argument.get_help_heading() == Some("Global options");
        let help = argument.get_id() == "help";
        argument.hide(global || help)
    });
    let about = own.get_about().map(ToString::to_string).unwrap_or_default();
    let title = format!("{parent} {}", own.get_name().to_uppercase());
    let after = after_help(&own);
    let manual = clap_mangen::Man::new(own);
    let mut parts = Vec::new();
    manual.render_synopsis_section(&mut parts)?;
    manual.render_options_section(&mut parts)?;
    let parts = String::from_utf8_lossy(&parts).replace("\n.SH ", "\n.SS ");
    let parts = parts
        .strip_prefix(".SH ")
        .map_or(parts.clone(), |rest| format!(".SS {rest}"));
    page.extend_from_slice(format!(".SH \"{title}\"\n{about}\n{parts}{after}").as_bytes());
    for subcommand in command.get_subcommands() {
        section(subcommand, &title, page)?;
    }
    Ok(())
}

/// The end of a `--help` text in troff: examples are lines, the rest is paragraphs.
fn after_help(command: &clap::Command) -> String {
    let mut page = String::new();
    let text = command.get_after_help().map(ToString::to_string);
    for line in text.unwrap_or_default().lines() {
        let escaped = line.replace('\\', "\\e").replace('-', "\\-");
        match escaped.strip_prefix("  ") {
            Some(example) => page.extend([".br\n\\&\\ \\ ", example, "\n"]),
            None if escaped.is_empty() => {}
            None => page.extend([".PP\n\\&", &escaped, "\n"]),
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_in_the_manual_and_in_the_completions() {
        let manual = page().expect("written to memory");
        let scripts = [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell].map(script);
        let in_both = |command: &clap::Command, parent: &str| {
            let name = command.get_name();
            let title = format!("{parent} {}", name.to_uppercase());
            assert!(manual.contains(&format!(".SH \"{title}\"\n")), "{title}");
            assert!(scripts.iter().all(|script| script.contains(name)), "{name}");
            title
        };
        let all = Arguments::command();
        for command in all.get_subcommands().filter(|it| !it.is_hide_set()) {
            let title = in_both(command, "SLIPWAY");
            for own in command.get_subcommands() {
                in_both(own, &title);
            }
        }
        assert!(manual.contains("SLIPWAY MACHINE DELETE"), "{manual}");
        assert!(manual.contains("\\-\\-memory"), "{manual}");
        assert!(
            manual.starts_with(".ie") || manual.contains(".TH SLIPWAY 1"),
            "{manual}"
        );
    }
}
