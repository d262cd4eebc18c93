//! What shells and `man` read of the command line.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use super::Arguments;

/// Writes a completion script.
///
/// # Errors
/// When `out` cannot be written.
pub fn completion(shell: Shell, out: &mut impl Write) -> io::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "gateway", &mut script);
    out.write_all(&script)
}

/// Writes the manual page, with a section for each command.
///
/// # Errors
/// When `out` cannot be written.
pub fn manual(out: &mut impl Write) -> io::Result<()> {
    let mut command = Arguments::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(out)?;
    for part in command.get_subcommands().filter(|part| part.get_name() != "help") {
        let title = part.get_name().to_uppercase();
        writeln!(out, ".SH {title}")?;
        let man = clap_mangen::Man::new(part.clone());
        man.render_synopsis_section(out)?;
        man.render_description_section(out)?;
        man.render_options_section(out)?;
    }
    Ok(())
}
