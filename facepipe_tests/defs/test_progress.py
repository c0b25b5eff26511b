"""What is heard of an asset while it is made."""

import dagster as dg

from facepipe.defs.progress import listening
from facepipe.defs.recipes import Recipe, as_json
from facepipe.defs.storage import Store


def test_a_listener_hears_of_an_asset_before_its_work_begins_and_of_an_unchanged_one_at_the_end(
    tmp_path,
):
    heard = []

    class Ears:
        def advanced(self, asset, done, total):
            heard.append((asset, done, total))

        def finished(self, asset, *, reused):
            heard.append((asset, reused))

        def says(self, line):
            heard.append(line)

    def make(work):
        heard.append("working")
        work.progress.say("goes on")
        (work.out / "file.txt").write_text("content")

    written = as_json(Recipe({"media": "abc"}, {}), "1")
    store = Store(root=str(tmp_path))
    with listening(Ears()):
        for _ in range(2):
            store.made(("identity/thing", "alice"), written, make, dg.get_dagster_logger())
    thing = "identity/thing"
    assert heard == [(thing, 0, 0), "working", f"{thing}: goes on", (thing, False), (thing, True)]
