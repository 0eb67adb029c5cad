//! Tables: a line of headings, then one line a thing, in columns that fit.
//!
//! Without frames, so that a line can be copied, grepped and cut.

use anstyle::Style;

use crate::console::{DIM, PLAIN, paint};
use crate::render::text::{columns, safe};

/// Two columns stand this far apart.
const GAP: &str = "   ";

/// How a column is set.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Column {
    /// Words.
    Left(&'static str),
    /// Numbers.
    Right(&'static str),
}

/// A text and its style.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A cell with an emphasis. The text may come from outside.
    pub(crate) fn styled(text: impl AsRef<str>, style: Style) -> Self {
        Self {
            text: safe(text.as_ref()),
            style,
        }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::styled(text, PLAIN)
    }
}

/// A table in the making.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with these columns, and no lines yet.
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a line.
    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        debug_assert_eq!(N, self.columns.len(), "a line has a cell for each column");
        self.rows.push(cells.into());
    }

    /// Whether there is nothing to show.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes the table; no line ends in blanks.
    pub(crate) fn render(&self) -> String {
        let headings: Vec<Cell> = self
            .columns
            .iter()
            .map(|column| Cell::styled(column.heading(), DIM))
            .collect();
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|index| {
                let cells = self
                    .rows
                    .iter()
                    .chain([&headings])
                    .filter_map(|row| row.get(index));
                cells.map(|cell| columns(&cell.text)).max().unwrap_or(0)
            })
            .collect();
        let mut text = String::new();
        for row in [&headings].into_iter().chain(&self.rows) {
            text.push_str(&self.line(row, &widths));
            text.push('\n');
        }
        text
    }

    fn line(&self, row: &[Cell], widths: &[usize]) -> String {
        let mut line = String::new();
        // Blanks are written when something follows them.
        let mut owed = 0;
        for ((column, cell), width) in self.columns.iter().zip(row).zip(widths) {
            let blanks = width.saturating_sub(columns(&cell.text));
            let (before, after) = match column {
                Column::Left(_) => (0, blanks),
                Column::Right(_) => (blanks, 0),
            };
            if cell.text.is_empty() {
                owed += width + GAP.len();
                continue;
            }
            line.push_str(&" ".repeat(owed + before));
            line.push_str(&paint(cell.style, &cell.text));
            owed = after + GAP.len();
        }
        line
    }
}

impl Column {
    fn heading(self) -> &'static str {
        match self {
            Self::Left(heading) | Self::Right(heading) => heading,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::GOOD;
    use crate::render::plain;

    #[test]
    fn columns_fit_their_widest_cell_and_lines_end_without_blanks() {
        let mut table = Table::new(&[
            Column::Left("NAME"),
            Column::Right("SIZE"),
            Column::Left("BY"),
        ]);
        table.row(["validate-order".into(), "96 KiB".into(), "dev".into()]);
        table.row([Cell::styled("注文", GOOD), "1.2 MiB".into(), "".into()]);
        let expected = "\
NAME                SIZE   BY
validate-order    96 KiB   dev
注文             1.2 MiB
";
        assert_eq!(plain(&table.render()), expected);
    }
}
