//! Plain tables for people: a dim heading, columns as wide as their widest cell, no lines.

use std::io::{self, Write};

use clap::builder::styling::Style;

use crate::terminal::{DIM, plain};

/// One cell and how it looks.
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A cell in the terminal's own colour. The text may come from an event.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self::styled(text, Style::new())
    }

    /// A cell in `style`.
    pub fn styled(text: impl AsRef<str>, style: Style) -> Self {
        Self {
            text: plain(text.as_ref()).into_owned(),
            style,
        }
    }

    /// Columns that it takes.
    pub fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// Writes `rows` under `heading`. Rows shorter than the heading end early.
pub fn write(out: &mut impl Write, heading: &[&str], rows: &[Vec<Cell>]) -> io::Result<()> {
    let mut widths: Vec<usize> = heading.iter().map(|text| text.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.text.chars().count());
        }
    }
    let heading: Vec<Cell> = heading.iter().map(|text| Cell::styled(text, DIM)).collect();
    write_row(out, &heading, &widths)?;
    for row in rows {
        write_row(out, row, &widths)?;
    }
    Ok(())
}

fn write_row(out: &mut impl Write, row: &[Cell], widths: &[usize]) -> io::Result<()> {
    for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
        let Cell { text, style } = cell;
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
            vec![Cell::new("high"), Cell::new("auth.guessing")],
            vec![Cell::new("critical"), Cell::new("x\u{7}")],
        ];
        write(&mut out, &["severity", "rule"], &rows).unwrap();
        let text = String::from_utf8(out.into_inner()).unwrap();
        assert_eq!(
            text,
            "severity  rule\nhigh      auth.guessing\ncritical  x\\u{7}\n"
        );
    }
}
