import io

from rich.console import Console

from bench import figures
from bench.figures import Figure


def test_the_table_is_printed_whole_where_no_terminal_says_how_wide_it_is() -> None:
    written = io.StringIO()
    figure = Figure(
        "transfers_in_bulk_over_http_with_events", "transfers a second", 7_512, 11_023, 0.65, noise=0.123
    )

    figures.show([figure], Console(file=written, width=80))

    row = written.getvalue().splitlines()[3]
    expected = [figure.name, "7,512", "11,023", figure.unit, "0.681", ">= 0.65", "yes", "12%"]
    assert [cell.strip() for cell in row.strip("│").split("│")] == expected
