"""What the first command leaves behind lets Dagster's own commands start from the same folder."""

from dotenv import dotenv_values

from facepipe.cli.surroundings import prepare_home


def test_the_written_env_names_the_home_and_the_data_and_leaves_the_code_to_workspace_yaml(
    tmp_path, monkeypatch
):
    """A module named there as well makes `dagster dev` hang: it would have two places of code."""
    monkeypatch.chdir(tmp_path)
    for name in ("DAGSTER_HOME", "FACEPIPE_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "workspace.yaml").write_text("load_from: []\n")
    home = prepare_home()
    assert dotenv_values(tmp_path / ".env").keys() == {"DAGSTER_HOME", "FACEPIPE_DATA"}
    assert (home / "dagster.yaml").is_file()
    monkeypatch.delenv("DAGSTER_HOME")
