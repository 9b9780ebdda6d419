//! Plain tables for people: a dim heading, columns as wide as their widest cell, no lines.

use std::io::{self, Write};

use clap::builder::styling::Style;

use crate::terminal::{DIM, escape_controls, print_notice};

/// One cell and how it looks.
pub struct TableCell {
    text: String,
    style: Style,
}

impl TableCell {
    /// A cell in the terminal's own colour. The text may come from an event.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self::with_style(text, Style::new())
    }

    /// A cell in `style`.
    pub fn with_style(text: impl AsRef<str>, style: Style) -> Self {
        Self {
            text: escape_controls(text.as_ref()).into_owned(),
            style,
        }
    }

    /// Columns that it takes.
    pub fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// Writes what a search found, or says on standard error that it found nothing.
pub fn write_found(
    out: &mut impl Write,
    heading: &[&str],
    rows: &[Vec<TableCell>],
) -> io::Result<()> {
    if rows.is_empty() {
        print_notice("nothing found");
        return Ok(());
    }
    write_table(out, heading, rows)
}

/// Writes `rows` under `heading`. Rows shorter than the heading end early.
pub fn write_table(
    out: &mut impl Write,
    heading: &[&str],
    rows: &[Vec<TableCell>],
) -> io::Result<()> {
    let mut widths: Vec<usize> = heading.iter().map(|text| text.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.text.chars().count());
        }
    }
    let heading: Vec<TableCell> = heading
        .iter()
        .map(|text| TableCell::with_style(text, DIM))
        .collect();
    write_row(out, &heading, &widths)?;
    for row in rows {
        write_row(out, row, &widths)?;
    }
    Ok(())
}

fn write_row(out: &mut impl Write, row: &[TableCell], widths: &[usize]) -> io::Result<()> {
    for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
        let TableCell { text, style } = cell;
        write!(out, "{style}{text}{style:#}")?;
        if index + 1 < row.len() {
            let padding = width.saturating_sub(text.chars().count()) + 2;
            write!(out, "{:padding$}", "")?;
        }
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_have_no_trailing_blanks() {
        let mut out = anstream::StripStream::new(Vec::new());
        let rows = vec![
            vec![TableCell::new("high"), TableCell::new("auth.guessing")],
            vec![TableCell::new("critical"), TableCell::new("x\u{7}")],
        ];
        write_table(&mut out, &["severity", "rule"], &rows).unwrap();
        let text = String::from_utf8(out.into_inner()).unwrap();
        assert_eq!(
            text,
            "severity  rule\nhigh      auth.guessing\ncritical  x\\u{7}\n"
        );
    }
}
