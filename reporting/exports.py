"""Coverage as files: CSV for programs, XLSX for the office."""

import csv
import io

import xlsxwriter

from reporting.coverage import Coverage, Origin
from reporting.recap import percentage

HEADER = ("kecamatan", "sasaran", "capaian", "persentase")
OFFICE_HEADER = ("kode", "kecamatan", "sasaran", "capaian sistem lama", "dicatat di portal", "dalam rentang", "capaian")


def public_csv(table: Coverage) -> bytes:
    """The open-data file: the same four columns as `manage.py coverage`, hidden cells empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(public_rows(table))
    return out.getvalue().encode()


def public_rows(table: Coverage) -> list[tuple[object, ...]]:
    """Rows under HEADER: official names in alphabetical order, the city last; what is unknown or hidden stays empty."""
    return [
        (
            cell.name,
            "" if cell.target is None else cell.target,
            "" if cell.suppressed else cell.achieved,
            "" if cell.percent is None or cell.suppressed else f"{cell.percent}",
        )
        for cell in (*table.cells, table.city)
    ]


def office_csv(table: Coverage) -> bytes:
    """The health office's file: baseline and doses of the portal apart, with a mark for Excel."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([*OFFICE_HEADER, "persentase"])
    for cell in (*table.cells, table.city):
        writer.writerow(
            [
                cell.code,
                cell.name,
                "" if cell.target is None else cell.target,
                cell.baseline,
                cell.added,
                cell.in_range,
                cell.achieved,
                "" if cell.percent is None else f"{cell.percent}",
            ]
        )
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def office_xlsx(table: Coverage, *, period: str) -> bytes:
    """The same as a workbook; percentages are numbers, sources stand below the table."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False}) as book:
        bold, figure = book.add_format({"bold": True}), book.add_format({"num_format": "#,##0"})
        percent = book.add_format({"num_format": "0.00"})
        sheet = book.add_worksheet("Cakupan")
        sheet.write(0, 0, f"Cakupan {table.dose.label}, {table.dose.programme_name}, {period}", bold)
        sheet.write_row(2, 0, [*OFFICE_HEADER, "persentase"], bold)
        row = 3
        for cell in (*table.cells, table.city):
            sheet.write_row(row, 0, [cell.code, cell.name])
            if cell.target is not None:
                sheet.write_number(row, 2, cell.target, figure)
            for column, value in enumerate((cell.baseline, cell.added, cell.in_range, cell.achieved), start=3):
                sheet.write_number(row, column, value, figure)
            ratio = percentage(cell.achieved, cell.target)
            if ratio is not None:
                sheet.write_number(row, 7, float(ratio), percent)
            row += 1
        for text in source_lines(table):
            row += 1
            sheet.write(row, 0, text)
        sheet.set_column(1, 1, 24)
        sheet.set_column(2, 7, 18)
        sheet.freeze_panes(3, 2)
    return out.getvalue()


def source_lines(table: Coverage) -> list[str]:
    """Where the figures come from, for files of the office."""

    def line(kind: str, origin: Origin) -> str:
        return f"{kind}: {origin.source}, per {origin.as_of:%d-%m-%Y}"

    return [line("Sasaran", origin) for origin in table.targets] + [
        line("Capaian sistem lama", origin) for origin in table.baselines
    ]
