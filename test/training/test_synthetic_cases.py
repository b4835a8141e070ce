import synthetic_cases


def test_picture_of_the_shipped_model(model_assets, tmp_path, capsys):
    """The model card's picture can be drawn again; a shipped model finds the strips that lie apart."""
    model = model_assets / "deepacev2-r24h"
    assert synthetic_cases.main([str(model), "--out", str(tmp_path / "cases.png")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(synthetic_cases.CASES)
    for line in lines:
        found = int(line.split(", ")[1].split()[0])
        assert found >= len(synthetic_cases.AROUND), line
    assert (tmp_path / "cases.png").stat().st_size > 10000
