"""A grid is refused before it begins, or compares what came of every combination."""

import json

import pytest
from rich.console import Console

from facepipe.cli.app import _add_commands as add_commands
from facepipe.cli.app import exit_code_of
from facepipe.cli.combinations import planned
from facepipe.cli.grid import Outcome, best_of, table_of
from facepipe.cli.running import Pair
from facepipe.errors import SettingsError

add_commands()
LORA = "pair/lora_checkpoint"
PAIR = Pair("ada", "ben")


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("FACEPIPE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def test_every_combination_stands_in_the_grid_once_with_the_settings_of_all():
    grid = planned(
        PAIR,
        [f"{LORA}.rank=4,8", f"{LORA}.learning_rate=1e-3,2e-3,4e-3", f"{LORA}.epochs=7"],
        "quick",
    )
    settings = [grid.settings(combination) for combination in grid.combinations]
    assert [(chosen[LORA]["rank"], chosen[LORA]["learning_rate"]) for chosen in settings] == [
        (rank, rate) for rank in (4, 8) for rate in (1e-3, 2e-3, 4e-3)
    ]
    assert {chosen[LORA]["epochs"] for chosen in settings} == {7}
    assert {chosen["identity/checkpoint"]["epochs"] for chosen in settings} == {30}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["rank=4,8"], "give KEY.OPTION=VALUE"),
        (["pair/lora.rank=4,8"], "unknown key"),
        ([f"{LORA}.ranks=4,8"], "unknown option"),
        ([f"{LORA}.rank=4,many"], "rank=many"),
        ([f"{LORA}.rank=4,"], "rank="),
        ([f"{LORA}.rank=4,0"], "rank is 0"),
        ([f"{LORA}.rank=8"], "several values"),
        ([f"{LORA}.rank=8,16,8"], "rank=8 stands in the grid twice"),
        ([f"{LORA}.learning_rate=1e-3,0.001"], "learning_rate=0.001 stands in the grid twice"),
        ([f"{LORA}.rank=8,16", f"{LORA}.rank=32,64"], "given twice"),
        ([f"{LORA}.rank=32", f"{LORA}.rank=8,16"], "given twice"),
        (["identity/checkpoint.width=8,16"], f"varies {LORA} only"),
        (["pair/swapped_video.crf=20", f"{LORA}.rank=8,16"], "makes no pair/swapped_video"),
        ([f"{LORA}.ssim=0.5,1"], "held-out loss"),
        ([f"{LORA}.preview_every=1,2"], "does not change the result"),
        (
            [f"{LORA}.rank={','.join(map(str, range(1, 14)))}", f"{LORA}.seed=0,1,2,3,4"],
            "65 combinations; at most 64",
        ),
        (
            [f"{LORA}.{name}={','.join(map(str, range(10_000)))}" for name in ("seed", "rank")],
            "100000000 combinations; at most 64",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_and_named(given, said):
    with pytest.raises(SettingsError) as refused:
        planned(PAIR, given, None)
    assert said in str(refused.value)


def test_sixty_four_combinations_are_allowed():
    ranks = ",".join(map(str, range(1, 9)))
    grid = planned(PAIR, [f"{LORA}.rank={ranks}", f"{LORA}.seed=0,1,2,3,4,5,6,7"], None)
    assert len(grid.combinations) == 64


@pytest.mark.parametrize(
    "arguments",
    [
        ["ada", "ben", "--set", f"{LORA}.rank=4,0"],
        ["ada", "ben", "--set", f"{LORA}.rank=4,8"],  # there is no such identity
        ["ada", "ben"],
        ["Ada", "ben", "--set", f"{LORA}.rank=4,8"],
        ["ada", "ben", "--set", f"{LORA}.rank=4,8", "--preset", "best"],
    ],
)
def test_bad_input_ends_with_its_code_in_one_line_and_makes_nothing(arguments, root, capsys):
    assert exit_code_of(["grid", *arguments]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ")
    assert not (root / "assets").exists()


def outcome(rank, loss, why="", epoch=3):
    if why:
        return Outcome({"rank": str(rank)}, {}, why=why)
    return Outcome({"rank": str(rank)}, {"loss": loss, "psnr_db": 20.0 + rank}, epoch)


def shown(outcomes):
    console = Console(width=120)
    with console.capture() as capture:
        console.print(table_of(planned(PAIR, [f"{LORA}.rank=4,8"], None), outcomes))
    return capture.get().splitlines()


def test_the_lowest_held_out_loss_is_marked_and_no_other():
    lines = shown([outcome(4, 0.5), outcome(8, 0.25), outcome(16, 0.25), outcome(32, 0.75)])
    marked = [line for line in lines if "best" in line]
    assert len(marked) == 1
    assert all(text in marked[0] for text in (" 8 ", " 0.25 ", " 28 "))


def test_a_training_that_failed_is_shown_and_never_the_best():
    failed = outcome(4, 0.1, why="the loss stopped being a number")
    assert best_of([failed]) is None
    assert best_of([failed, outcome(8, 0.5)]) == outcome(8, 0.5)
    assert any("failed" in line and " 4 " in line for line in shown([failed, outcome(8, 0.5)]))


def test_the_command_repeats_what_was_given_and_takes_one_value_of_each():
    grid = planned(PAIR, [f"{LORA}.rank=4,8", "identity/checkpoint.width=16"], "quick")
    command = grid.command(grid.combinations[1])
    assert command == (
        "facepipe run ada ben --preset quick --set identity/checkpoint.width=16 "
        f"--set {LORA}.rank=8"
    )


def test_after_a_mesh_swap_the_command_asks_for_the_trained_one(root):
    place = root / "assets" / "pair" / "swapped_video" / "ada" / "ben"
    place.mkdir(parents=True)
    (place / ".recipe.json").write_text(json.dumps({"inputs": {}, "settings": {"swapper": "mesh"}}))
    grid = planned(PAIR, [f"{LORA}.rank=4,8"], None)
    assert grid.command(grid.combinations[0]).endswith("--set pair/swapped_video.swapper=lora")


def test_the_same_grid_has_the_same_id_and_another_one_another():
    def identity(*given, preset=None, pair=PAIR):
        return planned(pair, [f"{LORA}.rank=4,8", *given], preset).id

    assert identity() == identity()
    others = [identity(f"{LORA}.seed=1"), identity(preset="quick"), identity(pair=Pair("a", "b"))]
    assert len({identity(), *others}) == 4
