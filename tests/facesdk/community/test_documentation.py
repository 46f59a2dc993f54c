"""docs/community.md says what the table says."""

from __future__ import annotations

from pathlib import Path

from facesdk.community.table import CONVENTIONS

TEXT = (Path(__file__).parents[3] / "docs" / "community.md").read_text()


def test_the_page_has_a_row_for_every_model_and_no_other() -> None:
    rows = {}
    for line in TEXT.splitlines():
        if line.startswith("| `") and line.count("|") == 9:
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            rows[cells[0].strip("`")] = cells[1:]
    assert list(rows) == list(CONVENTIONS)
    for name, (role, crop, range_in, source, range_out, licence, commercial) in rows.items():
        convention = CONVENTIONS[name]
        assert role == convention.role and commercial == convention.licence.commercial
        assert licence == f"[{convention.licence.spdx or 'not stated'}]({convention.licence.url})"
        if convention.picture is not None:
            size = str(convention.picture.size) if convention.picture.size else "any size"
            assert crop == f"{convention.picture.template} {size}".strip()
            assert range_in.split()[0] == convention.picture.range
            assert ("bgr" in range_in.split()) == (convention.picture.color == "bgr")
        assert range_out == ("" if convention.output is None else convention.output.range)
        if convention.source is not None:
            rule = convention.source
            assert source.startswith(rule.converter or rule.kind)
            assert not rule.converter or ("length 1" in source) == rule.is_unit
            assert rule.crop is None or source == f"frame {rule.crop.template} {rule.crop.size} {rule.crop.range}"
